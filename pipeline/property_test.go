package pipeline_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/cor/corsim"
)

// world is a random input, a random COR and a random way to send the one to the
// other, in two sessions.
type world struct {
	rows     []pipeline.Row
	rules    pipeline.Rules
	switches map[string]string
	known    bool // some users and workspaces do not exist
	faults   []map[string]any
	seeds    []pipeline.Request // attached by somebody before
	settings pipeline.Settings
	kill     int           // the journal's write that the first session does not survive; 0 = none
	signal   time.Duration // after which the first session drains; 0 = never
	cut      time.Duration // and is cut
}

var noWorkspace = pipeline.WorkspaceID("nowhere")

func drawWorld(t *rapid.T) world {
	w := world{
		rules:  pipeline.Rules{Chunk: rapid.IntRange(0, 2).Draw(t, "chunk"), Files: []string{"a.csv"}, Limit: pipeline.Hundred},
		faults: []map[string]any{},
		known:  rapid.IntRange(0, 3).Draw(t, "known") == 0,
		settings: pipeline.Settings{
			Rate: rapid.SampledFrom([]float64{0, 2, 5, 50}).Draw(t, "rate"), Burst: rapid.IntRange(1, 3).Draw(t, "burst"),
			Workers: rapid.IntRange(1, 6).Draw(t, "workers"), Timeout: 3 * time.Second, Retries: rapid.IntRange(0, 3).Draw(t, "retries"),
			MaxWait: time.Minute, Repair: rapid.Bool().Draw(t, "repair"), Canary: rapid.SampledFrom([]int{0, 0, 0, 2}).Draw(t, "canary"),
		},
		signal: time.Duration(rapid.SampledFrom([]int{0, 0, 300, 1000, 5000}).Draw(t, "signal")) * time.Millisecond,
		cut:    time.Duration(rapid.SampledFrom([]int{50, 60_000}).Draw(t, "cut")) * time.Millisecond,
	}
	if rapid.Bool().Draw(t, "killed") {
		w.kill = rapid.IntRange(1, 20).Draw(t, "kill")
	}
	w.drawRows(t)
	w.drawSwitches(t)
	for range rapid.IntRange(0, 4).Draw(t, "faults") {
		w.faults = append(w.faults, drawFault(t))
	}
	return w
}

func (w *world) drawRows(t *rapid.T) {
	for i := range rapid.IntRange(1, 24).Draw(t, "rows") {
		r := pipeline.Row{
			Place:     pipeline.Place{Line: int64(i + 2)},
			User:      pipeline.UserID(rapid.SampledFrom([]string{"1", "2", "3", "u/4", "u 5"}).Draw(t, "user")),
			Workspace: pipeline.WorkspaceID(rapid.SampledFrom([]string{"1", "2", "w3", "4"}).Draw(t, "workspace")),
			Source:    rapid.SampledFrom([]pipeline.Source{"SAP", "OKTA"}).Draw(t, "source"),
		}
		// One percentage for a pair, now and then another.
		r.Percent = percent(int64(10 + len(r.User) + 3*len(r.Workspace)))
		switch rapid.IntRange(0, 20).Draw(t, "kind") {
		case 0:
			r.Percent += 12_5000
		case 1:
			r.Problem = "bad"
		case 2:
			r.Workspace = noWorkspace
		}
		if rapid.IntRange(0, 5).Draw(t, "seeded") == 0 {
			w.seeds = append(w.seeds, pipeline.Request{User: r.User, Source: r.Source, Shares: []pipeline.Share{{Workspace: r.Workspace, Percent: percent(77)}}})
		}
		w.rows = append(w.rows, r)
	}
}

func (w *world) drawSwitches(t *rapid.T) {
	w.switches = map[string]string{}
	for _, s := range [][]string{
		{"re-attach", "update", "keep", "error"},
		{"reply-scope", "all", "sent"},
		{"unknown-workspace", "400", "404", "omit", "errors-f", "errors-g"},
		{"percentage", "as-sent", "string", "rounded"},
		{"ui-workspace", "none", "listed"},
		{"throttle", "off", "off", "off", "3"},
		{"throttle-form", "seconds", "date", "none", "html"},
		{"token-life", "3600", "2"},
		{"latency", "0s", "20ms", "400ms"},
		{"transport", "fine", "fine", "500", "502", "503", "cut-before", "cut-after", "truncated", "html", "slow"},
		{"transport-every", "2", "3", "5"},
		{"transport-apply", "no", "yes"},
		{"transport-delay", "5s"},
	} {
		w.switches[s[0]] = rapid.SampledFrom(s[1:]).Draw(t, s[0])
	}
}

func drawFault(t *rapid.T) map[string]any {
	f := map[string]any{
		"user":     rapid.SampledFrom([]string{"1", "2", "3", "*"}).Draw(t, "fault user"),
		"attempts": rapid.SliceOfNDistinct(rapid.IntRange(1, 4), 1, 3, rapid.ID).Draw(t, "fault attempts"),
		"endpoint": rapid.SampledFrom([]string{"attach", "attach", "detach"}).Draw(t, "fault endpoint"),
	}
	switch rapid.IntRange(0, 7).Draw(t, "fault") {
	case 0:
		f["status"] = rapid.SampledFrom([]int{400, 401, 403, 408, 429, 302}).Draw(t, "status")
	case 1:
		f["status"] = rapid.SampledFrom([]int{500, 502, 503, 504}).Draw(t, "status")
		f["apply"] = rapid.Bool().Draw(t, "apply")
	case 2:
		f["cut"] = rapid.SampledFrom([]string{"before", "after"}).Draw(t, "cut")
	case 3:
		f["truncate"] = rapid.IntRange(0, 100).Draw(t, "truncate")
	case 4:
		f["drop_workspace"] = []string{"1"}
	case 5:
		f["set_percentage"] = map[string]string{"1": "7"}
	case 6:
		f["contradict"] = rapid.SampledFrom([]string{"user", "workspace"}).Draw(t, "contradict")
	case 7:
		f["reply_delay"] = "5s"
	}
	return f
}

// server makes the simulator, with what somebody attached before. It returns
// the number of writes that took.
func (w *world) server() (*corsim.Server, int, error) {
	config := corsim.Config{Keep: true}
	for name, value := range w.switches {
		if err := config.Set(name, value); err != nil {
			return nil, 0, err
		}
	}
	if w.known {
		config.Known = &corsim.Known{}
		for _, r := range w.rows {
			if r.User != "3" && r.Workspace != noWorkspace {
				config.Known.Add(string(r.User), string(r.Source), string(r.Workspace))
			}
		}
	}
	script, err := json.Marshal(map[string]any{"faults": w.faults})
	if err != nil {
		return nil, 0, err
	}
	if config.Script, err = corsim.ReadScript(bytes.NewReader(script)); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", script, err)
	}
	server := corsim.New(config)
	client, err := clientOf(server)
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	for _, seed := range w.seeds {
		_, _ = client.Do(context.Background(), pipeline.Attach, seed)
	}
	return server, len(server.Applied()), nil
}

func clientOf(server *corsim.Server) (*cor.Client, error) {
	return cor.New(cor.Config{
		BaseURL: "http://127.0.0.1:1", AuthURL: "http://127.0.0.1:1/v1", Transport: server.Transport(),
		Credentials: cor.Credentials{APIKey: "key", ClientSecret: "secret"},
	})
}

func (w *world) input() iter.Seq2[pipeline.Batch, error] {
	return func(yield func(pipeline.Batch, error) bool) {
		for batch := range slices.Chunk(w.rows, 5) {
			if !yield(pipeline.Rows(batch), nil) {
				return
			}
		}
	}
}

// watched counts the times at which attempts leave.
type watched struct {
	pipeline.COR
	leave func()
}

func (c watched) Do(ctx context.Context, op pipeline.Op, r pipeline.Request) (pipeline.Answer, *pipeline.Fault) {
	c.leave()
	return c.COR.Do(ctx, op, r)
}

var errKilled = errors.New("killed")

// send is one session; it returns when each attempt left. A killed session is
// one that could not write to its journal any more.
func (w *world) send(server *corsim.Server, journal *memory, settings pipeline.Settings, first bool) ([]time.Duration, error) {
	plan, err := pipeline.NewPlan(context.Background(), w.input(), pipeline.Before{Exchanges: journal.exchanges()}, w.rules, "")
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	client, err := clientOf(server)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	cut, cancelCut := context.WithCancel(context.Background())
	defer cancelCut()
	if first && w.signal > 0 {
		defer time.AfterFunc(w.signal, func() { cancel(interrupted) }).Stop()
		defer time.AfterFunc(w.signal+w.cut, cancelCut).Stop()
	}
	var times []time.Duration
	start := time.Now()
	runner := pipeline.Runner{Journal: journal, Settings: settings, COR: watched{client, func() {
		journal.mu.Lock()
		defer journal.mu.Unlock()
		times = append(times, time.Since(start))
	}}}
	_, err = runner.Run(ctx, cut, plan.Open, plan.Send())
	if errors.Is(err, errKilled) && first && w.kill > 0 {
		err = nil
	}
	return times, err
}

// dieAt makes the journal refuse its k-th write and all after it.
func (m *memory) dieAt(k int) {
	writes := 0
	die := func(pipeline.Attempt) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if writes++; k > 0 && writes >= k {
			return errKilled
		}
		return nil
	}
	m.begin, m.end, m.withdraw = die, die, nil
}

// problems collects what is wrong, so that it can be said outside the bubble.
type problems []string

func (p *problems) Helper() {}
func (p *problems) Errorf(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}

// live lives through both sessions and says what is wrong.
func (w *world) live() (found problems) {
	server, seeded, err := w.server()
	if err != nil {
		found.Errorf("%v", err)
		return found
	}
	var journal memory
	journal.dieAt(w.kill)
	times, err := w.send(server, &journal, w.settings, true)
	if err != nil {
		found.Errorf("the first session: %v", err)
		return found
	}
	w.checkRate(times, &found)
	w.check(server, seeded, &journal, &found)
	settled := w.settled(&journal)
	before := journal.last

	journal.dieAt(0)
	settings := w.settings
	settings.Canary = 0
	times, err = w.send(server, &journal, settings, false)
	if err != nil {
		found.Errorf("the second session: %v", err)
		return found
	}
	w.checkRate(times, &found)
	w.check(server, seeded, &journal, &found)
	for number, e := range journal.all {
		for pair := range settled {
			asked := e.Only == nil || slices.Contains(e.Only, pair.Workspace)
			if number > before && e.User == pair.User && e.Source == pair.Source && e.Chunk == pair.Chunk && asked {
				found.Errorf("%v was settled, and is sent again", pair)
			}
		}
	}
	if most := server.MaxConcurrentPerUser(); most > 1 {
		found.Errorf("%d exchanges of one user at a time", most)
	}
	return found
}

func (w *world) checkRate(times []time.Duration, found *problems) {
	if w.settings.Rate > 0 {
		checkRate(found, times, w.settings.Rate, w.settings.Burst)
	}
}

type asked struct {
	pipeline.Key
	Workspace pipeline.WorkspaceID
}

// settled returns what has a definite answer.
func (w *world) settled(journal *memory) map[asked]bool {
	plan, err := pipeline.NewPlan(context.Background(), w.input(), pipeline.Before{}, w.rules, "")
	if err != nil {
		panic(err)
	}
	defer plan.Close()
	settled := map[asked]bool{}
	for user := range plan.Send() {
		for _, r := range user.Requests {
			var h pipeline.History
			for e := range journal.exchanges() {
				if e.Key == r.Key() {
					h = append(h, e)
				}
			}
			for _, s := range r.Shares {
				if v := h.Judge(r.Source, s)[0]; !v.Resumable() {
					settled[asked{r.Key(), s.Workspace}] = true
				}
			}
		}
	}
	return settled
}

// check sets every verdict against what the simulator did.
func (w *world) check(server *corsim.Server, seeded int, journal *memory, found *problems) {
	plan, err := pipeline.NewPlan(context.Background(), w.input(), pipeline.Before{}, w.rules, "")
	if err != nil {
		found.Errorf("planning: %v", err)
		return
	}
	defer plan.Close()
	if err := plan.Judge(journal.exchanges(), pipeline.Ending{Reason: "stopped"}); err != nil {
		found.Errorf("judging: %v", err)
		return
	}
	applied := server.Applied()[seeded:]
	stories := map[pipeline.UserID][]pipeline.Line{}
	at := 0
	for line, err := range plan.Lines(w.input()) {
		if err != nil || at == len(w.rows) || line.Row != w.rows[at] {
			found.Errorf("line %d: %+v, %v", at, line, err)
			return
		}
		at++
		w.checkLine(server, applied, line, found)
		stories[line.User] = append(stories[line.User], *line)
	}
	if at != len(w.rows) {
		found.Errorf("%d lines for %d rows", at, len(w.rows))
	}
	w.checkUsers(plan, found)
	w.checkStories(stories, journal, found)
	w.checkContinued(plan, journal, found)
}

// checkContinued sets the lines against those of a plan that had the first of the
// exchanges before, as that of a resumed run has.
func (w *world) checkContinued(whole *pipeline.Plan, journal *memory, found *problems) {
	var all []pipeline.Exchange
	for e := range journal.exchanges() {
		all = append(all, e)
	}
	half := func(some []pipeline.Exchange) iter.Seq2[pipeline.Exchange, error] {
		return func(yield func(pipeline.Exchange, error) bool) {
			for _, e := range some {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
	before := pipeline.Before{Exchanges: half(all[:len(all)/2])}
	plan, err := pipeline.NewPlan(context.Background(), w.input(), before, w.rules, "")
	if err != nil {
		found.Errorf("planning again: %v", err)
		return
	}
	defer plan.Close()
	if err := plan.Judge(half(all[len(all)/2:]), pipeline.Ending{Reason: "stopped"}); err != nil {
		found.Errorf("judging again: %v", err)
		return
	}
	if whole.Sent != plan.Sent || whole.NotSent != plan.NotSent {
		found.Errorf("in one piece %+v, in two %+v", whole.Counts, plan.Counts)
	}
	slices.SortStableFunc(all, func(a, b pipeline.Exchange) int { return cmp.Compare(a.User, b.User) })
	sameSequence(half(all), plan.Exchanges(), found)
	sameSequence(whole.Lines(w.input()), plan.Lines(w.input()), found)
	sameSequence(whole.UserLines(), plan.UserLines(), found)
}

func sameSequence[T any](one, other iter.Seq2[T, error], found *problems) {
	next, stop := iter.Pull2(other)
	defer stop()
	for a := range one {
		if b, err, more := next(); err != nil || !more || !gocmp.Equal(a, b, cmpopts.EquateEmpty()) {
			found.Errorf("in one piece %+v, in two %+v, %v", a, b, err)
			return
		}
	}
	if b, _, more := next(); more {
		found.Errorf("in two pieces alone: %+v", b)
	}
}

// checkUsers sets the users' lines against the rows: in order of first
// appearance, with all of their rows.
func (w *world) checkUsers(plan *pipeline.Plan, found *problems) {
	var order []pipeline.UserID
	rows := map[pipeline.UserID]int{}
	for _, r := range w.rows {
		if rows[r.User]++; rows[r.User] == 1 {
			order = append(order, r.User)
		}
	}
	for line, err := range plan.UserLines() {
		if err != nil || len(order) == 0 || line.User != order[0] || line.Rows != rows[line.User] {
			found.Errorf("the line of a user: %+v, %v; want %v", line, err, order)
			return
		}
		order = order[1:]
	}
	if len(order) > 0 {
		found.Errorf("users without a line: %q", order)
	}
}

func (w *world) checkLine(server *corsim.Server, applied []corsim.Write, line *pipeline.Line, found *problems) {
	var last *corsim.Write
	for i := range applied {
		if a := &applied[i]; a.User == string(line.User) && a.Source == string(line.Source) && a.Workspace == string(line.Workspace) {
			last = a
		}
	}
	switch line.Status {
	case pipeline.Matched:
		stored, held := server.Percentage(string(line.User), string(line.Source), string(line.Workspace))
		if !held || !line.Percent.Equals(stored) {
			found.Errorf("matched, and COR holds %q: %+v", stored, line)
		}
	case pipeline.Mismatched:
		if line.Pivot == nil || line.Percent.Equals(line.Pivot.Percentage) {
			found.Errorf("mismatched by nothing: %+v", line)
		}
	case pipeline.Failed:
		if last != nil && last.Endpoint == "attach" {
			found.Errorf("failed, and COR applied %+v: %+v", *last, line)
		}
	case pipeline.NotSent, pipeline.Held:
		if last != nil {
			found.Errorf("%v, and COR applied %+v: %+v", line.Status, *last, line)
		}
	case pipeline.Planned, pipeline.Unchanged:
		found.Errorf("no verdict: %+v", line)
	}
}

func TestSendingTellsTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		var found problems
		synctest.Test(t, func(*testing.T) { found = w.live() })
		for _, problem := range found {
			rt.Errorf("%s", problem)
		}
	})
}

// A COR without faults matches every row that is sent.
func TestSendingToAFineCOR(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		w.switches, w.faults, w.known, w.seeds = map[string]string{"latency": "30ms"}, []map[string]any{}, false, nil
		var found problems
		synctest.Test(t, func(*testing.T) { found = w.matches() })
		for _, problem := range found {
			rt.Errorf("%s", problem)
		}
	})
}

func (w *world) matches() (found problems) {
	found = w.live()
	server, _, err := w.server()
	if err != nil {
		found.Errorf("%v", err)
		return found
	}
	var journal memory
	if _, err := w.send(server, &journal, w.settings, false); err != nil {
		found.Errorf("sending: %v", err)
	}
	plan, err := pipeline.NewPlan(context.Background(), w.input(), pipeline.Before{}, w.rules, "")
	if err != nil {
		found.Errorf("planning: %v", err)
		return found
	}
	defer plan.Close()
	if err := plan.Judge(journal.exchanges(), pipeline.Ending{}); err != nil {
		found.Errorf("judging: %v", err)
	}
	for line := range plan.Lines(w.input()) {
		switch line.Status {
		case pipeline.Matched, pipeline.Duplicate, pipeline.Invalid, pipeline.Held:
		default:
			found.Errorf("%v (%s): %+v", line.Status, line.Reason, line.Row)
		}
	}
	return found
}
