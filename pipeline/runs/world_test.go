package runs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/journal"
	"corattach/report"
)

// failer is what a world needs of a test.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// world is a runs directory and a simulated COR in this process. Every run has a
// clock of its own, that of a synctest bubble: nothing waits in earnest, and the
// clock may go back from one run to the next.
type world struct {
	failer
	*corsim.Simulator
	dir     string // holds runs and the input
	runs    string
	bubble  func(do func())
	clock   time.Duration // when the next run begins, after the beginning of 2000
	account string
	applied []corsim.Record // what has changed anything
	put     func()          // before each attach and detach, in the goroutine that sends; nil for nothing
}

// newWorld starts a simulator with switches ("name=value") and a script of faults,
// "" for none.
func newWorld(t *testing.T, script string, switches ...string) *world {
	t.Helper()
	w := &world{failer: t, dir: quickDir(t), account: "key-1", bubble: func(do func()) {
		synctest.Test(t, func(*testing.T) { do() })
	}}
	w.open(script, nil, switches...)
	return w
}

func (w *world) open(script string, known []corsim.Pair, switches ...string) {
	w.runs = filepath.Join(w.dir, "runs")
	config := corsim.Config{Known: known, Log: func(r corsim.Record) {
		if r.Applied {
			w.applied = append(w.applied, r)
		}
	}}
	for s := range strings.FieldsSeq(strings.Join(switches, " ")) {
		name, value, _ := strings.Cut(s, "=")
		w.must(config.Set(name, value))
	}
	if script != "" {
		parsed, err := corsim.ReadScript(strings.NewReader(script))
		w.must(err)
		config.Script = parsed
	}
	w.bubble(func() { w.Simulator = corsim.New(config) })
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// RoundTrip hands a request to the simulator without a socket, which a bubble can't
// have.
func (w *world) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if r.Method == http.MethodPut && w.put != nil {
		w.put()
	}
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	in, recorder := r.Clone(r.Context()), httptest.NewRecorder()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() {
		switch cause := recover(); {
		case cause == nil:
		case cause != http.ErrAbortHandler:
			panic(cause)
		case recorder.Flushed: // the answer breaks off
			response = recorder.Result()
			response.Body = io.NopCloser(io.MultiReader(response.Body, iotest.ErrReader(io.ErrUnexpectedEOF)))
		default:
			err = cmp.Or(context.Cause(r.Context()), io.ErrUnexpectedEOF)
		}
	}()
	w.ServeHTTP(recorder, in)
	return recorder.Result(), nil
}

func (w *world) target() pipeline.Target {
	return pipeline.Target{BaseURL: "https://cor.example", AuthURL: "https://cor.example/v1", Account: w.account}
}

// connect reaches the simulator through the real client.
func (w *world) connect(context.Context) (Connection, error) {
	t := w.target()
	client := cor.New(cor.Config{
		BaseURL: t.BaseURL, AuthURL: t.AuthURL, Credentials: cor.Credentials{APIKey: "key", ClientSecret: "not-told"}, Transport: w,
	})
	return Connection{COR: client, Target: t, Close: client.Close}, nil
}

// told is what a run came to.
type told struct {
	code     int
	err      error
	dir      string
	id       string
	nothing  string
	summary  *report.Summary
	warnings []string
	rows     []line
}

// line is a row of reconciliation.csv.
type line struct {
	user, workspace, source, asked, status, reason, pivot string
}

// rows is an input with a header.
func rows(lines ...string) string {
	return strings.Join(append([]string{"user_id,workspace_id,percentage,source"}, lines...), "\n") + "\n"
}

// imports runs an import. change sets what is not as usual.
func (w *world) imports(input string, change ...func(*Order)) told {
	w.Helper()
	o := w.order(input)
	return w.start(o, change...)
}

// detaches runs a detach.
func (w *world) detaches(input string, change ...func(*Order)) told {
	w.Helper()
	o := w.order(input)
	o.Command, o.Job = "detach", ""
	o.Settings = journal.Settings{Delimiter: "auto", Encoding: "auto", MaxInvalid: limit("10%"), MaxDetach: limit("100")}
	return w.start(o, change...)
}

func (w *world) start(o Order, change ...func(*Order)) told {
	w.Helper()
	for _, c := range change {
		c(&o)
	}
	if o.DryRun {
		o.Connect = nil
	}
	return w.night(func(ctx context.Context, h Host) (*Outcome, error) { return Start(ctx, ctx, o, h) })
}

// resumes resumes a run.
func (w *world) resumes(dir string, change ...func(*Resumption)) told {
	w.Helper()
	r := Resumption{
		Dir: dir, Common: w.common(),
	}
	for _, c := range change {
		c(&r)
	}
	return w.night(func(ctx context.Context, h Host) (*Outcome, error) { return Resume(ctx, ctx, r, h) })
}

// reports writes the reports of a run again.
func (w *world) reports(dir string) told {
	w.Helper()
	return w.night(func(ctx context.Context, h Host) (*Outcome, error) { return Report(ctx, dir, h) })
}

// night does something at the world's clock, which goes on by what it took.
func (w *world) night(do func(context.Context, Host) (*Outcome, error)) told {
	w.Helper()
	var got told
	var mu sync.Mutex
	h := Host{
		Run:  func(id, dir string) { got.id, got.dir = id, dir },
		Info: func(string) {}, Begin: func() {}, Sending: func(int) {}, Sent: func() {},
		Exchange: func(*pipeline.Exchange) {}, User: func(pipeline.Status) {},
		Warn: func(text, _ string) {
			mu.Lock()
			defer mu.Unlock()
			got.warnings = append(got.warnings, text)
		},
	}
	w.bubble(func() {
		time.Sleep(w.clock)
		outcome, err := func() (_ *Outcome, err error) {
			defer pipeline.Recover(&err)
			return do(context.Background(), h)
		}()
		w.clock = time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) + time.Second
		if got.err = err; outcome != nil && outcome.Summary != nil {
			got.summary, got.dir, got.nothing, got.code = outcome.Summary, outcome.Dir, outcome.Nothing, outcome.Summary.Exit.Code
		}
	})
	if got.err != nil {
		got.code = pipeline.ExitInternal
		if f := (*pipeline.Failure)(nil); errors.As(got.err, &f) {
			got.code = f.Code
		}
		return got
	}
	got.rows = w.rowsOf(got.dir)
	return got
}

// rowsOf reads the reconciliation.csv of a run.
func (w *world) rowsOf(dir string) (all []line) {
	w.Helper()
	for _, r := range w.csv(dir, report.ReconciliationFile) {
		all = append(all, line{r["user_id"], r["workspace_id"], r["source"], r["percentage"], r["status"], r["reason"], r["pivot_percentage"]})
	}
	return all
}

// csv reads a report: its lines, by column.
func (w *world) csv(dir, name string) (lines []map[string]string) {
	w.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	w.must(err)
	records, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	w.must(err)
	for _, cells := range records[1:] {
		line := make(map[string]string)
		for i, name := range records[0] {
			line[name] = strings.TrimPrefix(cells[i], "'")
		}
		lines = append(lines, line)
	}
	return lines
}

// statuses tells the rows of a run in short: "U1/W1 matched".
func (g *told) statuses() string {
	var all []string
	for _, r := range g.rows {
		all = append(all, fmt.Sprintf("%s/%s %s", r.user, r.workspace, r.status))
	}
	return strings.Join(all, ", ")
}

// String tells how a run ended.
func (g *told) String() string {
	text := fmt.Sprintf("exit %d", g.code)
	if g.err != nil {
		return text + ": " + g.err.Error()
	}
	return text + ": " + cmp.Or(g.nothing, g.summary.Exit.Reason) + ": " + g.statuses()
}

// holds tells what the simulator holds in short: "U1/W1=60".
func (w *world) holds() string {
	var all []string
	for h, percentage := range w.Holdings() {
		all = append(all, h.User+"/"+h.Workspace+"="+percentage)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// vanished tells a run's vanished.csv in short: "U1/W1".
func (w *world) vanished(dir string) string {
	w.Helper()
	var all []string
	for _, r := range w.csv(dir, report.VanishedFile) {
		all = append(all, r["user_id"]+"/"+r["workspace_id"])
	}
	return strings.Join(all, ", ")
}

// file reads a file of a run.
func (w *world) file(dir, name string) string {
	w.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	w.must(err)
	return string(content)
}

// header reads the beginning of a run's journal.
func (w *world) header(dir string) journal.Header {
	w.Helper()
	h, err := journal.ReadHeader(filepath.Join(dir, JournalFile))
	w.must(err)
	return h
}

// dirs are the directories of all runs, by name.
func (w *world) dirs() []string {
	w.Helper()
	dirs, err := filepath.Glob(filepath.Join(w.runs, "2*"))
	w.must(err)
	return dirs
}
