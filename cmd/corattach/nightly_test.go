package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/journal"
	"corattach/pipeline/ledger"
	"corattach/report"
)

// nights is a series of runs of two jobs against one simulator: their inputs
// change, runs are killed, COR refuses, does not answer, or answers otherwise.
type nights struct {
	*crashWorld
	*rand.Rand
	jobs  map[string]map[[2]string]string // percentages by user and workspace
	seen  map[string]int                  // statuses and results
	clean map[string]map[[2]string]string // rows of each job whose last run gave all of them a verdict
}

const nightlySource = "SAP"

// Whatever happens, no row is ever unchanged while the simulator holds something
// else for it, nothing is detached that is in the input of a job, and what is
// called detached is.
func TestNights(t *testing.T) {
	setCredentials(t)
	worlds := 24
	if testing.Short() {
		worlds = 4
	}
	names := make([]string, worlds)
	for i := range names {
		names[i] = fmt.Sprintf("seed %d", i)
	}
	all := make([]map[string]int, worlds)
	inParallel(t, names, func(t *testing.T, i int) {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		n := &nights{
			crashWorld: newCrashWorld(t, "", nightlyFaults(random), nightlySwitches(random)...), Rand: random,
			jobs: map[string]map[[2]string]string{"staff": {}, "guests": {}}, seen: make(map[string]int),
			clean: make(map[string]map[[2]string]string),
		}
		for range 14 {
			n.night(t)
		}
		all[i] = n.seen
	})
	sum := make(map[string]int)
	for _, seen := range all {
		for what, count := range seen {
			sum[what] += count
		}
	}
	for _, what := range []string{"unchanged", "matched", "unknown", "failed", "held", "vanished listed", "vanished detached", "vanished not_sent", "vanished failed", "killed", "resumed"} {
		if sum[what] == 0 {
			t.Errorf("no night has met %q: %v", what, sum)
		}
	}
}

// nightlyFaults befall some attempts of some users.
func nightlyFaults(r *rand.Rand) string {
	kinds := []string{
		`"status": 400, "body": "A", "code": "ZC001"`, `"status": 500`, `"cut": "after"`, `"cut": "before"`,
		`"set_percentage": {"W1": 7}`, `"drop_workspace": ["W2"]`, `"status": 403`,
	}
	var faults []string
	for user := range 6 {
		for attempt := range 12 {
			if r.IntN(5) == 0 {
				endpoint := []string{"attach", "attach", "detach"}[r.IntN(3)]
				faults = append(faults, fmt.Sprintf(`{"user": "U%d", "endpoint": %q, "attempts": [%d], %s}`, user, endpoint, attempt+1, kinds[r.IntN(len(kinds))]))
			}
		}
	}
	return `{"faults": [` + strings.Join(faults, ",\n") + `]}`
}

func nightlySwitches(r *rand.Rand) []string {
	choices := [][]string{{}, {"reply-scope=sent"}, {"re-attach=keep"}, {"re-attach=error"}}
	return choices[r.IntN(len(choices))]
}

// change lets some users of a job's input come, go and change.
func (n *nights) change(job string) {
	rows := n.jobs[job]
	for range n.IntN(6) {
		user, workspace := fmt.Sprintf("U%d", n.IntN(6)), fmt.Sprintf("W%d", 1+n.IntN(3))
		if n.IntN(2) == 0 {
			delete(rows, [2]string{user, workspace})
		} else {
			rows[[2]string{user, workspace}] = fmt.Sprint(10 * (1 + n.IntN(3)))
		}
	}
}

// input writes a job's rows, sometimes with one that is damaged.
func (n *nights) input(t *testing.T, job string) {
	var b strings.Builder
	b.WriteString("user_id,workspace_id,percentage,source\n")
	for _, key := range slices.SortedFunc(maps.Keys(n.jobs[job]), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		fmt.Fprintf(&b, "%s,%s,%s,%s\n", key[0], key[1], n.jobs[job][key], nightlySource)
	}
	switch n.IntN(8) {
	case 0:
		fmt.Fprintf(&b, "U%d,W1,200,%s\n", n.IntN(6), nightlySource)
	case 1:
		b.WriteString("\"broken\n")
	}
	okay(t, os.WriteFile(n.file, []byte(b.String()), 0o600))
}

func (n *nights) night(t *testing.T) {
	job := []string{"staff", "staff", "guests"}[n.IntN(3)]
	n.change(job)
	n.input(t, job)
	before := len(n.Applied())
	defer func() { n.detachedOnly(t, job, n.Applied()[before:]) }()
	delete(n.clean, job)
	args := []string{"import", n.file, "--job", job, "--changed-only", "--retries", "0", "--allow-empty", "--max-invalid", "off", "--accept-change"}
	if n.IntN(2) == 0 {
		args = append(args, "--detach-vanished")
	}
	if n.IntN(3) > 0 {
		n.finished(t, n.args(args...))
		return
	}
	if !n.crashWorld.killed(t, fmt.Sprint(1+n.IntN(12), " ", []string{crashBefore, crashHalf, crashAfter}[n.IntN(3)]), n.args(args...)...) {
		n.check(t)
		return
	}
	n.seen["killed"]++
	if n.IntN(2) == 0 {
		if got := runHere(n.args("resume", "last", "--even-if-older", "--retries", "0")...); got.code != exitUsage {
			n.seen["resumed"]++
			n.check(t)
		}
	}
}

func (n *nights) finished(t *testing.T, args []string) {
	got := runHere(args...)
	if got.code == exitInternal || got.code == exitUsage {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	n.check(t)
	if !slices.ContainsFunc(slices.Collect(maps.Values(rowsOf(t, filepath.Join(n.runs, "last")))), func(r crashRow) bool { return r.status == "not_sent" }) {
		n.clean[n.job(args)] = maps.Clone(n.jobs[n.job(args)])
	}
}

func (n *nights) job(args []string) string { return args[slices.Index(args, "--job")+1] }

// check holds the newest run against what the simulator has now.
func (n *nights) check(t *testing.T) {
	t.Helper()
	dir := filepath.Join(n.runs, "last")
	sameStories(t, dir, []string{fmt.Sprintf("U%d", len(n.Applied())%6)})
	for line, row := range rowsOf(t, dir) {
		n.seen[row.status]++
		if row.status != "unchanged" {
			continue
		}
		if held, _ := n.Percentage(row.user, row.source, row.workspace); held != row.asked {
			t.Errorf("%s of %s is unchanged at %s, and COR holds %q", line, row.user, row.asked, held)
		}
	}
	for _, v := range n.vanished(t, dir) {
		result := v[5]
		n.seen["vanished "+result]++
		_, held := n.Percentage(v[0], v[2], v[1])
		if result == "detached" && held {
			t.Errorf("%q is detached, and COR holds it", v)
		}
		if _, listed := n.rowsNow(t, dir)[[2]string{v[0], v[1]}]; listed {
			t.Errorf("%q has vanished, and is in the input", v)
		}
	}
}

// detachedOnly checks that a night of one job has detached nothing that is in its
// input, or that another job goes by.
func (n *nights) detachedOnly(t *testing.T, job string, writes []corsim.Write) {
	for _, w := range writes {
		key := [2]string{w.User, w.Workspace}
		if w.Percentage != "" {
			continue
		}
		if _, wanted := n.jobs[job][key]; wanted {
			t.Errorf("detached what is in the input: %+v", w)
		}
		for other, rows := range n.clean {
			if _, wanted := rows[key]; wanted && other != job {
				t.Errorf("job %s has detached what job %s has: %+v", job, other, w)
			}
		}
	}
}

func (n *nights) rowsNow(t *testing.T, dir string) map[[2]string]bool {
	rows := make(map[[2]string]bool)
	for _, row := range rowsOf(t, dir) {
		rows[[2]string{row.user, row.workspace}] = true
	}
	return rows
}

func (n *nights) vanished(t *testing.T, dir string) [][]string {
	content, err := os.Open(filepath.Join(dir, report.VanishedFile))
	okay(t, err)
	defer content.Close()
	records, err := csv.NewReader(content).ReadAll()
	okay(t, err)
	return records[1:]
}

// A run that was interrupted before its first session may be planned anew, in
// fewer bytes than there were: what it sends then is read all the same.
func TestRestartedRunIsRead(t *testing.T) {
	runs := t.TempDir()
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	header := journal.Header{RunID: "20261123T030000Z-000001", Job: "staff", BaseURL: "https://cor.example", AuthURL: "https://auth.example", Account: "key-1", At: at}
	key := pipeline.Key{User: "U1", Source: nightlySource}
	shares := func(percent pipeline.Percent) []pipeline.Share {
		return []pipeline.Share{{Workspace: "W1", Percent: percent}}
	}
	confirmed := pipeline.Exchange{
		Attempt: pipeline.Attempt{Key: key, Shares: shares(600000), At: at},
		Answer:  &pipeline.Answer{Status: 200, UserID: 1, Pivots: []pipeline.Pivot{{Workspace: "W1", Source: nightlySource, Percentage: "60", UserID: 1, WorkspaceID: 1}}},
	}
	target := ledger.Target{BaseURL: header.BaseURL, AuthURL: header.AuthURL, Account: header.Account}
	l, err := ledger.Open(filepath.Join(runs, ledgerFile))
	okay(t, err)
	defer l.Close()
	okay(t, l.Apply(ledger.Run{ID: "earlier", Job: "staff", Target: target}, 1, func(yield func(pipeline.Exchange, error) bool) { yield(confirmed, nil) }))

	dir := filepath.Join(runs, header.RunID)
	okay(t, os.Mkdir(dir, 0o700))
	file, err := journal.Create(filepath.Join(dir, journalFile))
	okay(t, err)
	j, err := journal.New(file, header)
	okay(t, err)
	for range 20 {
		okay(t, j.Unchanged(pipeline.Exchange{Attempt: pipeline.Attempt{Key: key, Shares: shares(600000)}, Confirmed: []time.Time{at}}))
	}
	okay(t, j.Close())
	a := &app{ctx: t.Context()}
	_, err = a.catchUp(nil, l, runs, nil)
	okay(t, err)

	log, err := journal.Read(filepath.Join(dir, journalFile))
	okay(t, err)
	log.Restart()
	file, err = log.Open()
	okay(t, err)
	j = log.Continue(file)
	okay(t, j.Begun(journal.Session{At: at.Add(time.Hour)}))
	_, err = j.Begin(pipeline.Attempt{Key: key, Shares: shares(700000), At: at.Add(time.Hour)})
	okay(t, err)
	okay(t, j.Close())
	_, err = a.catchUp(nil, l, runs, nil)
	okay(t, err)
	for k, err := range l.Known(target, "staff") {
		okay(t, err)
		if k.Pairs[0].Confirmed {
			t.Errorf("still confirmed after another attempt: %+v", k)
		}
	}
}

// A signal while an earlier run is read to find out what the job goes by leaves
// that to the next run.
func TestStoppedWhileRecalling(t *testing.T) {
	setCredentials(t)
	w := newCrashWorld(t, "user_id,workspace_id,percentage,source\nU1,W1,60,SAP\n", "")
	if got := runHere(w.args("import", w.file)...); got.code != 0 {
		t.Fatal(got.stderr)
	}
	okay(t, os.Remove(filepath.Join(w.runs, ledgerFile)))
	log, err := readJournal(filepath.Join(w.runs, "last"))
	okay(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stoppedBy(os.Interrupt))
	for _, asks := range []bool{true, false} {
		_, err = (&app{ctx: ctx}).recall(nil, w.runs, targetOf(log.Header), log.Header.Job, asks, false, nil)
		if signal := new(stopped); !errors.As(err, &signal) {
			t.Errorf("recall: %v", err)
		}
	}
	if got := runHere(w.args("import", w.file, "--max-drop", "0")...); got.code != 0 {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}
