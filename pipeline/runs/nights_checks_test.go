package runs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/text/unicode/norm"

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/journal"
	"corattach/pipeline/ledger"
)

// want is an input that came to its sending.
type want struct {
	input
	dir     string
	counter int64
}

// object names what a pair is at COR.
func (n *nights) object(p pipeline.Pair) pipeline.Pair {
	fold := func(id string) string {
		if strings.Contains(n.identity, "id-form=nfc") {
			id = norm.NFC.String(id)
		}
		if strings.Contains(n.identity, "id-case=ignored") {
			id = strings.ToLower(id)
		}
		return id
	}
	if strings.Contains(n.identity, "id-sources=shared") {
		p.Source = ""
	}
	p.User, p.Workspace = pipeline.UserID(fold(string(p.User))), pipeline.WorkspaceID(fold(string(p.Workspace)))
	return p
}

// pairOf is a pair that COR holds.
func pairOf(h corsim.Pair) pipeline.Pair {
	return pipeline.Pair{User: pipeline.UserID(h.User), Source: pipeline.Source(h.Source), Workspace: pipeline.WorkspaceID(h.Workspace)}
}

// held returns what COR holds for a pair under whatever name, and whether it holds
// anything.
func (n *nights) held(p pipeline.Pair) (percentage string, found bool) {
	for h, percentage := range n.Holdings() {
		if n.object(pairOf(h)) == n.object(p) {
			return percentage, true
		}
	}
	return "", false
}

// wanted checks that nothing of what COR held before was taken away that a job asks
// for, under whatever name.
func (n *nights) wanted(got told, before map[corsim.Pair]string) {
	for h := range before {
		if _, kept := n.held(pairOf(h)); kept {
			continue
		}
		n.seen["detached"]++
		object := n.object(pairOf(h))
		for job, wants := range n.wants {
			for whole, of := range wants {
				if !whole && wants[true].counter > of.counter {
					continue // the job has had all its rows since
				}
				for p := range of.pairs {
					if n.object(p) == object {
						n.fail("%s has taken away %+v, which is in the latest input of %s (%s) as %+v", got.id, h, job, filepath.Base(of.dir), p)
					}
				}
			}
		}
	}
}

// after looks at what a night has come to. rows is how many its input had, -1 when
// that is not known.
func (n *nights) after(got told, of input, rows int) {
	n.tell(got)
	if got.dir != "" && of.job != "" {
		n.imports[got.dir] = of
	}
	n.note()
	if got.err != nil {
		n.seen["killed"]++
		var panicked *pipeline.PanicError
		if got.code == pipeline.ExitInternal && !errors.Is(got.err, errKilled) && !(errors.As(got.err, &panicked) && panicked.Value == errKilled) {
			n.fail("%v", got.err)
		}
		return
	}
	if got.nothing != "" {
		n.seen["nothing to resume"]++
	}
	sum := int64(0)
	for status, count := range got.summary.Rows {
		sum += count
		n.seen[string(status)] += int(count)
	}
	if s := got.summary; !s.Balanced || s.Rows.Total() != sum || len(got.rows) != int(sum) || rows >= 0 && len(got.rows) != rows {
		n.fail("%s: balanced %v, %d rows, statuses of %d, %d lines, %d rows read", got.id, s.Balanced, s.Rows.Total(), sum, len(got.rows), rows)
	}
	n.truthful(got)
	n.sameAgain(got)
}

// truthful checks that what is unchanged is what the simulator holds, and that
// what is detached is gone.
func (n *nights) truthful(got told) {
	for _, r := range got.rows {
		held, found := n.held(pipeline.Pair{User: pipeline.UserID(r.user), Source: pipeline.Source(r.source), Workspace: pipeline.WorkspaceID(r.workspace)})
		switch r.status {
		case "unchanged":
			asked, _ := pipeline.ParseDecimal(r.asked, '.')
			if tolerance, _ := pipeline.ParseDecimal("0.5", '.'); !asked.Near(held, tolerance) && got.nothing == "" {
				n.fail("%s: %+v, and the simulator holds %q", got.id, r, held)
			}
		case "detached":
			if found && got.nothing == "" {
				n.fail("%s: %+v, and the simulator holds %q", got.id, r, held)
			}
		}
	}
}

// sameAgain checks that report writes what the run has written.
func (n *nights) sameAgain(got told) {
	if !n.often(25) || got.nothing != "" {
		return
	}
	before := n.files(got.dir)
	if again := n.reports(got.dir); again.err != nil {
		n.fail("report %s: %v", got.id, again.err)
	}
	for name, content := range n.files(got.dir) {
		if content != before[name] {
			n.fail("%s of %s:\n%s\nwritten again:\n%s", name, got.id, before[name], content)
		}
	}
}

// files reads all reports of a run.
func (w *world) files(dir string) map[string]string {
	w.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	w.must(err)
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != JournalFile {
			files[e.Name()] = w.file(dir, e.Name())
		}
	}
	return files
}

// note takes note of the imports that came to their sending.
func (n *nights) note() {
	for dir, of := range n.imports {
		log, err := journal.Read(filepath.Join(dir, JournalFile))
		if err != nil {
			continue
		}
		if log.Plan != nil && log.Plan.Stop == nil && log.Counter >= n.wants[of.job][of.whole].counter {
			n.wants[of.job][of.whole] = want{of, dir, log.Counter}
		}
		_ = log.Close()
	}
}

// forget gives up what nobody can know any more: what a run wanted that is gone
// and that the ledger has not taken over.
func (n *nights) forget() {
	path := filepath.Join(n.runs, ledgerFile)
	l, err := ledger.Read(path)
	n.must(err)
	defer l.Close()
	for _, wants := range n.wants {
		for whole, of := range wants {
			if exists(filepath.Join(of.dir, JournalFile)) || l.Runs[filepath.Base(of.dir)].Seen > 0 {
				continue
			}
			delete(wants, whole)
			n.seen["forgotten"]++
		}
	}
}
