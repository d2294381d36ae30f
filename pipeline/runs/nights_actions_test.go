package runs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/ledger"
	"corattach/report"
)

// importNight is an import of a job, of all its rows or of a few.
func (n *nights) importNight() {
	job := n.pick("staff", "staff", "guests")
	n.change(job)
	of, whole := n.jobs[job], n.often(80)
	if !whole {
		of = map[pipeline.Pair]string{n.pair(): "20", n.pair(): "10"}
	}
	text, pairs := n.write(of)
	drop := n.pick("100%", "100%", "100%", "off", "50%", "0")
	if !whole {
		drop = "off"
	}
	change := func(o *Order) {
		o.Job, o.Settings.MaxDrop, o.Settings.AcceptChange = job, limit(drop), n.often(80)
		o.Settings.MaxInvalid, o.Settings.AllowEmpty, o.Settings.OverAllocation = limit("off"), true, "off"
		o.Settings.ChangedOnly = n.often(70)
		o.Settings.Chunk = rapid.IntRange(0, 1).Draw(n.t, "chunk")
		o.Sending.Repair = n.often(30)
		if n.often(30) {
			o.Sending.Tolerance, _ = pipeline.ParseDecimal("0.5", '.')
		}
		if n.often(10) {
			o.Sending.Canary = 1
		}
		if n.often(10) {
			o.Sending.MaxFailures = limit("0")
		}
		n.common(&o.Common)
	}
	n.after(n.world.imports(text, change), input{job, whole, pairs}, strings.Count(text, "\n")-1)
}

// again imports the failed.csv of an earlier run.
func (n *nights) again() {
	dir := n.run()
	of, known := n.imports[dir]
	content, err := os.ReadFile(filepath.Join(dir, report.FailedFile))
	if !known || err != nil || of.job == "" {
		return
	}
	pairs := make(map[pipeline.Pair]bool)
	for _, r := range n.csv(dir, report.FailedFile) {
		if r["user_id"] != "" && r["workspace_id"] != "" && r["source"] != "" {
			pairs[pipeline.Pair{User: pipeline.UserID(r["user_id"]), Source: pipeline.Source(r["source"]), Workspace: pipeline.WorkspaceID(r["workspace_id"])}] = true
		}
	}
	change := func(o *Order) {
		o.Job, o.Settings.MaxDrop = of.job, limit(n.pick("off", "0"))
		o.Settings.MaxInvalid, o.Settings.AllowEmpty, o.Settings.OverAllocation = limit("off"), true, "off"
		o.Settings.ChangedOnly = n.often(70)
		n.common(&o.Common)
	}
	n.after(n.world.imports(string(content), change), input{of.job, false, pairs}, -1)
}

// common are the settings of any run: it may be killed at a record of its journal.
func (n *nights) common(c *Common) {
	if n.often(20) {
		c.KeepRuns = rapid.IntRange(1, 4).Draw(n.t, "keep")
	}
	if n.often(map[bool]int{true: 8, false: 25}[n.calm]) {
		k := &killed{left: rapid.IntRange(1, 16).Draw(n.t, "record"), moment: n.pick("before", "half", "after", "at the end"), hard: true}
		c.JournalFile = k.wrap
	}
}

// detachNight takes away what has vanished from some run, or what somebody has
// listed by hand.
func (n *nights) detachNight() {
	list := n.vanishedSomewhere()
	if len(list) == 0 || n.often(30) {
		list = nil
		var held []pipeline.Pair
		for h := range n.Holdings() {
			held = append(held, pairOf(h))
		}
		slices.SortFunc(held, func(a, b pipeline.Pair) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) // rapid draws in the same order again
		for _, p := range held {
			if n.jobs["staff"][p]+n.jobs["guests"][p] == "" || n.often(30) {
				list = append(list, p)
			}
			if n.often(10) {
				list = append(list, n.rename(p))
			}
		}
	}
	list = slices.DeleteFunc(list, func(pipeline.Pair) bool { return n.often(20) })
	if len(list) == 0 {
		return
	}
	n.detach(list, n.common)
}

func (n *nights) detach(list []pipeline.Pair, common func(*Common)) {
	var lines []string
	for _, p := range list {
		lines = append(lines, fmt.Sprintf("%s,%s,,%s", p.User, p.Workspace, p.Source))
	}
	before := n.Holdings()
	got := n.detaches(rows(lines...), func(o *Order) { common(&o.Common) })
	n.after(got, input{}, len(lines))
	n.wanted(got, before)
}

// leaver is a user who is in one night's input and not in the next, and whose pair is
// then taken away: two nights without accidents at the end of a calm series.
func (n *nights) leaver() {
	leaves := pipeline.Pair{User: "zed", Source: "SAP", Workspace: "w1"}
	for _, percent := range []string{"10", ""} {
		if n.jobs["staff"][leaves] = percent; percent == "" {
			delete(n.jobs["staff"], leaves)
		}
		text, pairs := n.write(n.jobs["staff"])
		got := n.world.imports(text, maxDrop("100%"), accept)
		n.after(got, input{"staff", true, pairs}, strings.Count(text, "\n")-1)
	}
	n.detach([]pipeline.Pair{leaves}, func(*Common) {})
}

// vanishedSomewhere is the vanished.csv of some run.
func (n *nights) vanishedSomewhere() (list []pipeline.Pair) {
	dir := n.run()
	if !exists(filepath.Join(dir, report.VanishedFile)) {
		return nil
	}
	for _, r := range n.csv(dir, report.VanishedFile) {
		list = append(list, pipeline.Pair{User: pipeline.UserID(r["user_id"]), Source: pipeline.Source(r["source"]), Workspace: pipeline.WorkspaceID(r["workspace_id"])})
	}
	return list
}

func (n *nights) resumeNight() {
	dir := n.run()
	if dir == "" {
		return
	}
	before, older := n.Holdings(), n.often(30)
	got := n.resumes(dir, func(r *Resumption) {
		r.EvenIfOlder, r.Sending.Repair = older, n.often(30)
		n.common(&r.Common)
	})
	n.after(got, n.imports[dir], -1)
	if header, err := journal.ReadHeader(filepath.Join(dir, JournalFile)); err == nil && header.Command == "detach" && !older {
		n.wanted(got, before)
	}
}

// accident happens to the runs directory between the nights.
func (n *nights) accident() {
	dir := n.run()
	if dir == "" {
		return
	}
	what := n.pick("ledger lost", "ledger kept", "ledger of before", "copied", "lost", "cut")
	if n.isCut && strings.HasPrefix(what, "ledger") {
		return
	}
	n.seen[what]++
	n.log = append(n.log, what+" "+filepath.Base(dir))
	path, saved := filepath.Join(n.runs, ledgerFile), filepath.Join(n.dir, "ledger")
	switch what {
	case "ledger lost":
		_ = os.Remove(path)
	case "ledger kept":
		if content, err := os.ReadFile(path); err == nil {
			n.must(os.WriteFile(saved, content, 0o600))
		}
	case "ledger of before":
		if content, err := os.ReadFile(saved); err == nil {
			n.must(os.WriteFile(path, content, 0o600))
		}
	case "copied":
		to := filepath.Join(n.runs, filepath.Base(dir)[:17]+fmt.Sprintf("%06x", len(n.log)))
		n.must(os.CopyFS(to, os.DirFS(dir)))
		if of, known := n.imports[dir]; known {
			n.imports[to] = of
		}
	case "lost":
		n.must(os.RemoveAll(dir))
	case "cut":
		n.cut(dir)
	}
	n.forget()
}

// cut takes records off the end of a journal, as when an old copy is put back. The
// ledger has taken it over, and is not lost from then on: else nobody can know.
func (n *nights) cut(dir string) {
	path := filepath.Join(dir, JournalFile)
	content, err := os.ReadFile(path)
	if err != nil || !n.takenOver(dir, int64(len(content))) {
		return
	}
	n.isCut = true
	lines := bytes.SplitAfter(content, []byte("\n"))
	keep := rapid.IntRange(1, len(lines)).Draw(n.t, "records")
	n.must(os.WriteFile(path, bytes.Join(lines[:keep], nil), 0o600))
}

// takenOver reports whether the ledger has all that a run's journal of a size tells.
func (n *nights) takenOver(dir string, size int64) bool {
	l, err := ledger.Read(filepath.Join(n.runs, ledgerFile))
	n.must(err)
	defer l.Close()
	return l.Runs[filepath.Base(dir)].Seen == size
}
