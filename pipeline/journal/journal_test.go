package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

type fatal interface {
	Helper()
	Fatal(...any)
}

func must[T any](v T, err error) func(fatal) T {
	return func(t fatal) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t fatal, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hostile are texts that break a format that is not careful.
var hostile = []string{
	"", " ", "plain", "a,\"b\"", `"}` + "\n", `,"crc":"00000000"}`, "\x00\x01\x1f\x7f", "\r\n\t\v", `back\slash\"`, `{"type":"end","n":1}`, `{"user":"x"}`,
	"<script>&amp;</script>", "\u2028\u2029\u00a0", "Ünïcödé 用户 😀", "=1+1", "..", "%2F", strings.Repeat("x", 9_000), "\ufffd",
}

var epoch = time.Date(2026, 11, 23, 3, 15, 0, 123456789, time.UTC)

func header() Header {
	return Header{
		Version: "v1", RunID: "20261123T031500Z-ab12cd", Counter: 7, Command: "import", Job: "default", At: epoch,
		Target: pipeline.Target{BaseURL: "http://127.0.0.1:1", AuthURL: "http://127.0.0.1:1/v1", Account: "key-00"},
		Inputs: []pipeline.Input{{File: "in.csv", SHA256: "00", Rows: 3}},
	}
}

// unsynced saves the time of a loss of power that does not come.
type unsynced struct{ File }

func (unsynced) Sync() error { return nil }

func withoutSync(f File) File { return unsynced{f} }

// created returns a journal with a plan and a session, in a file of its own.
func created(t testing.TB) (*Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := must(Create(path, header(), withoutSync))(t)
	check(t, j.Plan(Plan{}))
	check(t, j.Session(Session{At: epoch}))
	return j, path
}

// read returns a log that is closed at the end of the test.
func read(t testing.TB, path string) *Log {
	t.Helper()
	log := must(Read(path))(t)
	t.Cleanup(func() { check(t, log.Close()) })
	return log
}

func attemptOf(user string) pipeline.Attempt {
	return pipeline.Attempt{
		Key: pipeline.Key{User: pipeline.UserID(user), Source: "SAP"}, Op: pipeline.Attach,
		Shares: []pipeline.Share{{Workspace: "W", Percent: 600_000}}, At: epoch,
	}
}

func exchange(number int64, user string) pipeline.Exchange {
	return pipeline.Exchange{Attempt: attemptOf(user), Number: number}
}

func answered(number int64, user string) pipeline.Exchange {
	e := exchange(number, user)
	e.Answer = &pipeline.Answer{
		Status: 200, UserID: 7, Pivots: []pipeline.Pivot{{Workspace: "W", Source: "SAP", Percentage: "60", UserID: 7, WorkspaceID: 11}},
	}
	return e
}

func refused(number int64, user string) pipeline.Exchange {
	e := exchange(number, user)
	e.Fault = &pipeline.Fault{Kind: pipeline.Refused, Status: 400, Code: "ZC001"}
	return e
}

// exchanges returns all exchanges of a log, by user.
func exchanges(t fatal, log *Log) []pipeline.Exchange {
	t.Helper()
	var all []pipeline.Exchange
	for _, user := range log.Users() {
		all = append(all, must(log.Exchanges(user))(t)...)
	}
	return all
}

func TestHeaderAndSessionsRoundTrip(t *testing.T) {
	for _, text := range hostile {
		h := Header{
			Version: text, RunID: text, Counter: 1 << 40, Command: text, Job: text, Flags: []string{text}, At: epoch, RunsDir: text,
			Target: pipeline.Target{BaseURL: text, AuthURL: text, Account: text},
			Inputs: []pipeline.Input{{File: text, SHA256: text, Rows: 1 << 40}, {File: "-"}},
			Settings: Settings{
				Delimiter: text, Encoding: text, DecimalComma: true, Map: map[string]string{"user_id": text, "x" + text: "y"}, Source: text,
				AllowSource: []string{text, "B"}, MaxInputAge: 1<<63 - 1, Chunk: 3,
			},
		}
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		j := must(Create(path, h, nil))(t)
		h.Format = Format
		plan := Plan{Digest: text, Warnings: []string{text}, Baseline: true, Stop: &pipeline.Stop{Kind: pipeline.Guarded, Guard: text, Reason: text, Unsent: true}}
		check(t, j.Plan(plan))
		first := Session{At: epoch, Version: text, Flags: []string{text, "--x"}, Tolerance: 33, End: &End{At: epoch, Worked: time.Hour}}
		second := Session{At: epoch.Add(time.Hour), End: &End{epoch.Add(2 * time.Hour), 1<<63 - 1, pipeline.Stop{Kind: pipeline.Interrupted, Signal: 15}}}
		check(t, j.Session(first))
		check(t, j.Finish(*first.End))
		check(t, j.Session(second))
		if got := read(t, path); got.Sessions[1].End != nil || !got.LastAt.Equal(second.At) {
			t.Errorf("a session without an end: %v, LastAt %v", got.Sessions[1].End, got.LastAt)
		}
		check(t, j.Finish(*second.End))
		check(t, j.Close())
		info := must(os.Stat(path))(t)
		want := &Log{Header: h, Plan: &plan, Sessions: []Session{first, second}, LastAt: second.At, Size: info.Size()}
		if diff := cmp.Diff(want, read(t, path), cmpopts.IgnoreUnexported(Log{}), cmpopts.EquateComparable(pipeline.Limit{})); diff != "" {
			t.Errorf("%.40q: %s", text, diff)
		}
		if diff := cmp.Diff(h, must(ReadHeader(path))(t), cmpopts.EquateComparable(pipeline.Limit{})); diff != "" {
			t.Errorf("%.40q: the header alone: %s", text, diff)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read the journal: %v", info.Mode())
		}
	}
}

// answers returns an answer with every field set, one without any, and a fault of
// each kind.
func answers(text string) []pipeline.Exchange {
	pivot := pipeline.Pivot{
		Workspace: pipeline.WorkspaceID(text), Source: pipeline.Source(text), Percentage: text, UserID: -1 << 62, WorkspaceID: 1<<63 - 1,
		Name: text, Integration: text, Inactive: true, Problem: text,
	}
	item := pipeline.ItemError{Workspace: pipeline.WorkspaceID(text), Code: text, Message: text, Attached: true}
	all := []pipeline.Exchange{
		{Answer: &pipeline.Answer{Status: 299, UserID: 1 << 60, Pivots: []pipeline.Pivot{pivot, {}}, Errors: []pipeline.ItemError{item, {}}}},
		{Answer: &pipeline.Answer{Pivots: []pipeline.Pivot{}}, Ended: epoch},
	}
	for _, kind := range faultKinds() {
		all = append(all, pipeline.Exchange{Ended: epoch.Add(time.Second), Fault: &pipeline.Fault{
			Kind: kind, Status: 599, Code: text, Message: text, Subject: pipeline.UnknownEither, Named: []pipeline.WorkspaceID{"W", pipeline.WorkspaceID(text)},
			Foreign: true, After: 1<<63 - 1,
		}})
	}
	return all
}

func TestAttemptsRoundTrip(t *testing.T) {
	j, path := created(t)
	want := make(map[pipeline.UserID][]pipeline.Exchange)
	number := int64(0)
	for i, text := range hostile {
		for k, e := range append(answers(text), pipeline.Exchange{}) {
			e.Attempt = pipeline.Attempt{
				Key: pipeline.Key{User: pipeline.UserID(text), Source: pipeline.Source(text), Chunk: i}, Op: []pipeline.Op{pipeline.Attach, pipeline.Detach}[k%2],
				Shares: []pipeline.Share{{Workspace: pipeline.WorkspaceID(text), Percent: pipeline.Percent(i)}}, At: epoch.Add(time.Duration(k)),
			}
			if k%3 > 0 {
				e.Shares = append(e.Shares, pipeline.Share{Workspace: "W"})
			}
			number++
			e.Number = must(j.Begin(e.Attempt))(t)
			if e.Number != number {
				t.Fatalf("attempt %d has number %d", number, e.Number)
			}
			if e.Answer != nil || e.Fault != nil {
				check(t, j.End(e))
			}
			want[e.User] = append(want[e.User], e)
		}
	}
	check(t, j.Close())
	log := read(t, path)
	for user, all := range want {
		if diff := cmp.Diff(all, must(log.Exchanges(user))(t)); diff != "" {
			t.Error(diff)
		}
	}
	if len(log.Users()) != len(want) || !slices.IsSorted(log.Users()) || log.Torn != 0 {
		t.Errorf("%d users of %d, %d bytes torn", len(log.Users()), len(want), log.Torn)
	}
	if none := must(log.Exchanges("nobody"))(t); none != nil {
		t.Errorf("nobody has %v", none)
	}
}

// Attempts keep the session that began them. Those without an end stay open, and
// numbers go on.
func TestSessionsOfAttempts(t *testing.T) {
	j, path := created(t)
	for _, user := range []string{"U", "V", "U"} {
		must(j.Begin(attemptOf(user)))(t)
	}
	check(t, j.End(answered(2, "V")))
	check(t, j.Close())
	j = must(read(t, path).Continue(withoutSync))(t)
	check(t, j.Session(Session{At: epoch.Add(time.Hour)}))
	a := attemptOf("U")
	a.At = epoch.Add(2 * time.Hour)
	if number := must(j.Begin(a))(t); number != 4 {
		t.Errorf("the second session's first attempt has number %d", number)
	}
	check(t, j.End(refused(4, "U")))
	check(t, j.Close())
	log := read(t, path)
	last := refused(4, "U")
	last.Session, last.At = 1, a.At
	if diff := cmp.Diff([]pipeline.Exchange{exchange(1, "U"), exchange(3, "U"), last, answered(2, "V")}, exchanges(t, log)); diff != "" {
		t.Error(diff)
	}
	if !log.LastAt.Equal(a.At) {
		t.Errorf("the last attempt began at %v", log.LastAt)
	}
}

func decisionsOf(text string) Decisions {
	pair := pipeline.Pair{User: pipeline.UserID(text), Source: pipeline.Source(text), Workspace: pipeline.WorkspaceID(text)}
	return Decisions{
		User:     pipeline.UserID(text),
		Rows:     []pipeline.Decision{{Source: "SAP", Workspace: pair.Workspace, Status: pipeline.Unchanged, Reason: text, At: epoch}},
		Vanished: []pipeline.Vanished{{Pair: pair, Percentage: text, ConfirmedAt: epoch}},
		Attached: []pipeline.KnownPair{{Pair: pair, Identity: pipeline.Identity{User: 1, Workspace: -1}, Attached: true, Percentage: text, At: epoch, Confirmed: true}},
	}
}

func TestDecisionsRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := must(Create(path, header(), withoutSync))(t)
	var want []*Decisions
	for _, text := range hostile {
		d := decisionsOf(text)
		check(t, j.Decide(d))
		want = append(want, &d)
	}
	if log := read(t, path); log.Plan != nil || len(allDecisions(t, log)) > 0 {
		t.Error("decisions count although the plan was not completed")
	}
	check(t, j.Plan(Plan{Digest: "sha256:1"}))
	check(t, j.Session(Session{At: epoch}))
	must(j.Begin(attemptOf("plain")))(t)
	check(t, j.Close())
	log := read(t, path)
	if diff := cmp.Diff(want, allDecisions(t, log)); diff != "" {
		t.Error(diff)
	}
	if users := log.Users(); !slices.Equal(users, []pipeline.UserID{"plain"}) {
		t.Errorf("users with attempts: %q", users)
	}
	for range log.Decisions() {
		break // it can be left early
	}
}

func allDecisions(t fatal, log *Log) []*Decisions {
	var all []*Decisions
	for d, err := range log.Decisions() {
		check(t, err)
		all = append(all, d)
	}
	return all
}

// A Log answers many goroutines at once.
func TestLogFromSeveralGoroutines(t *testing.T) {
	j, path := created(t)
	for i := range 100 {
		check(t, j.End(answered(must(j.Begin(attemptOf(fmt.Sprint(i))))(t), "")))
	}
	check(t, j.Close())
	log := read(t, path)
	done := make(chan error)
	for range 8 {
		go func() {
			for i := range 100 {
				all, err := log.Exchanges(pipeline.UserID(fmt.Sprint(i)))
				if err == nil && (len(all) != 1 || all[0].Number != int64(i+1) || all[0].Answer == nil) {
					err = fmt.Errorf("user %d has %v", i, all)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What the index finds is what a naive reading of all records finds, over random
// runs with kills.
func TestIndexAgainstNaiveReading(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "journal.jsonl")
		_ = os.Remove(path)
		j := must(Create(path, header(), withoutSync))(t)
		check(t, j.Plan(Plan{}))
		want := make(map[pipeline.UserID][]pipeline.Exchange)
		sessions, number := 0, int64(0)
		var open []pipeline.Exchange
		t.Repeat(map[string]func(*rapid.T){
			"session": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "killed") {
					check(t, j.Close())
					log := must(Read(path))(t)
					j = must(log.Continue(withoutSync))(t)
					check(t, log.Close())
				}
				check(t, j.Session(Session{At: epoch}))
				sessions++
				open = nil
			},
			"begin": func(t *rapid.T) {
				if sessions == 0 {
					t.Skip()
				}
				e := exchange(0, rapid.SampledFrom(hostile[:12]).Draw(t, "user"))
				e.Number, e.Session = must(j.Begin(e.Attempt))(t), sessions-1
				if number++; e.Number != number {
					t.Fatalf("attempt %d has number %d", number, e.Number)
				}
				want[e.User] = append(want[e.User], e)
				open = append(open, e)
			},
			"end": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				e := rapid.SampledFrom(answers("x")).Draw(t, "what")
				e.Attempt, e.Number, e.Session = open[i].Attempt, open[i].Number, open[i].Session
				check(t, j.End(e))
				open = slices.Delete(open, i, i+1)
				at := slices.IndexFunc(want[e.User], func(w pipeline.Exchange) bool { return w.Number == e.Number })
				want[e.User][at] = e
			},
		})
		check(t, j.Close())
		log := must(Read(path))(t)
		got := make(map[pipeline.UserID][]pipeline.Exchange)
		for _, user := range log.Users() {
			got[user] = must(log.Exchanges(user))(t)
		}
		check(t, log.Close())
		if diff := cmp.Diff(want, got); diff != "" || len(log.Sessions) != sessions {
			t.Fatalf("%d sessions of %d: %s", len(log.Sessions), sessions, diff)
		}
	})
}

// The index of a run is small: 60 MB for the 333,000 users of a million rows would
// be too much.
func TestIndexIsSmall(t *testing.T) {
	const users = 50_000
	j, path := created(t)
	for i := range users {
		check(t, j.End(refused(must(j.Begin(attemptOf(fmt.Sprintf("EMP-%07d", i))))(t), "")))
	}
	check(t, j.Close())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	log := read(t, path)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if perUser := (after.HeapAlloc - before.HeapAlloc) / users; perUser > 130 {
		t.Errorf("%d bytes for each user", perUser)
	}
	if len(log.Users()) != users {
		t.Errorf("%d users", len(log.Users()))
	}
}

func TestCreateKeepsWhatIsThere(t *testing.T) {
	_, path := created(t)
	if _, err := Create(path, header(), nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("creating a journal over another: %v", err)
	}
}

func TestRefusedFiles(t *testing.T) {
	line := func(kind recordType, number int64, data any) string {
		return lineOf(t, &record[any]{Type: kind, Number: number, Data: data})
	}
	first := line(headerRecord, 0, Header{Format: Format, Version: "v1"})
	plan, session, finish := line(planRecord, 0, Plan{}), line(sessionRecord, 0, Session{}), line(finishRecord, 0, End{})
	begin := func(number int64) string { return line(beginRecord, number, attemptOf("U")) }
	end := line(endRecord, 1, outcome{Fault: refused(1, "U").Fault})
	body := `{"type":"header","header":{"format":2,"version":"v0.9","settings":{"chunk":"x"}}`
	old := body + seal([]byte(body))
	good := first
	lines := func(records ...string) string { return strings.Join(records, "") }
	for name, c := range map[string]struct{ content, want string }{
		"empty":                     {"", ErrUnbegun.Error()},
		"half a header":             {good[:len(good)/2], ErrUnbegun.Error()},
		"no line break":             {good[:len(good)-1], ErrUnbegun.Error()},
		"a later format":            {line(headerRecord, 0, Header{Format: Format + 1, Version: "v1"}), "was written by version v1, in format 5; this version reads format 4"},
		"an older format":           {old, "was written by version v0.9, in format 2; this version reads format 4"},
		"another file":              {"user_id,workspace_id\nU1,W1\n", "damaged at byte 0: a record without a checksum"},
		"binary":                    {"\x00\x00\x00", "damaged at byte 0: a record without a checksum"},
		"no header":                 {lines(session), "damaged at byte 0: a record that can't stand here: session 0"},
		"two headers":               {lines(first, first), "a record that can't stand here: header 0"},
		"two plans":                 {lines(first, plan, plan), "a record that can't stand here: plan 0"},
		"sent without a plan":       {lines(first, begin(1)), "a record that can't stand here: begin 1"},
		"a session without a plan":  {lines(first, session), "a record that can't stand here: session 0"},
		"sent in no session":        {lines(first, plan, begin(1)), "a record that can't stand here: begin 1"},
		"sent after the end":        {lines(first, plan, session, finish, begin(1)), "a record that can't stand here: begin 1"},
		"an end of no session":      {lines(first, plan, finish), "a record that can't stand here: finish 0"},
		"an end of nothing":         {lines(first, plan, session, end), "a record that can't stand here: end 1"},
		"an end of another session": {lines(first, plan, session, begin(1), session, end), "a record that can't stand here: end 1"},
		"a gap":                     {lines(first, plan, session, begin(2)), "a record that can't stand here: begin 2"},
		"of another type":           {good + line("later", 0, nil) + good, otherForm},
		"a plan of another form":    {good + line(planRecord, 0, "plan"), otherForm},
	} {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		check(t, os.WriteFile(path, []byte(c.content), 0o600))
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		_, err := ReadHeader(path)
		if broken := !strings.HasPrefix(c.content, good); (err != nil) != broken {
			t.Errorf("%s: the header alone: %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Read(t.TempDir()); err == nil || errors.Is(err, ErrUnbegun) || isDamaged(err) {
		t.Errorf("a file that can't be read: %v", err)
	}
}

// Nothing is written that could not be read back, and the journal is of no use
// after such a call.
func TestNothingIsWrittenThatCantBeRead(t *testing.T) {
	for name, call := range map[string]func(*Journal) error{
		"an end of nothing": func(j *Journal) error { return j.End(refused(2, "U")) },
		"a second plan":     func(j *Journal) error { return j.Plan(Plan{}) },
		"another header":    func(j *Journal) error { return j.put(&record[any]{Type: headerRecord, Data: header()}) },
		"a late decision":   func(j *Journal) error { return j.Decide(Decisions{User: "U"}) },
	} {
		j, path := created(t)
		number := must(j.Begin(attemptOf("U")))(t)
		first := call(j)
		if err := j.End(refused(number, "U")); first == nil || err != first {
			t.Errorf("%s: %v, then %v", name, first, err)
		}
		_ = j.Close()
		if diff := cmp.Diff([]pipeline.Exchange{exchange(1, "U")}, exchanges(t, read(t, path))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func faultKinds() []pipeline.FaultKind {
	return []pipeline.FaultKind{
		pipeline.Refused, pipeline.Attached, pipeline.Unauthorized, pipeline.Forbidden, pipeline.Throttled, pipeline.TimedOut, pipeline.ServerError,
		pipeline.Unreadable, pipeline.NoAnswer, pipeline.NotConnected, pipeline.Untrusted, pipeline.NoToken, pipeline.TokenDown, pipeline.Withheld,
	}
}
