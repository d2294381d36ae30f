package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"corattach/pipeline"
)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hostile are texts that break a format that is not careful.
var hostile = []string{
	"", " ", "plain", "a,\"b\"", `"}` + "\n", `,"crc":"00000000"}`, "\x00\x01\x1f\x7f", "\r\n\t\v", `back\slash\"`, `{"type":"end","n":1}`,
	"<script>&amp;</script>", "\u2028\u2029\u00a0", "Ünïcödé 用户 😀", "=1+1", "..", "%2F", strings.Repeat("x", 9_000), "\ufffd",
}

var epoch = time.Date(2026, 11, 23, 3, 15, 0, 123456789, time.UTC)

func header() Header {
	return Header{
		Version: "v1", RunID: "20261123T031500Z-ab12cd", Job: "default", BaseURL: "http://127.0.0.1:1", AuthURL: "http://127.0.0.1:1/v1",
		Account: "key-00", At: epoch, Inputs: []Input{{File: "in.csv", SHA256: "00", Rows: 3, Copy: "input/1.zst"}},
	}
}

// written returns the path of a journal that f has written.
func written(t *testing.T, f func(*Journal)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := must(New(unsynced{must(Create(path))(t)}, header()))(t)
	f(j)
	check(t, j.Close())
	return path
}

func attemptOf(user string) pipeline.Attempt {
	return pipeline.Attempt{Key: pipeline.Key{User: pipeline.UserID(user), Source: "SAP"}, Shares: []pipeline.Share{{Workspace: "W", Percent: 600_000}}, At: epoch}
}

func answered(user string) pipeline.Exchange {
	return pipeline.Exchange{Attempt: attemptOf(user), Answer: &pipeline.Answer{
		Status: 200, UserID: 7, Pivots: []pipeline.Pivot{{Workspace: "W", Source: "SAP", Percentage: "60", UserID: 7, WorkspaceID: 11}},
	}}
}

func refused(user string) pipeline.Exchange {
	return pipeline.Exchange{Attempt: attemptOf(user), Fault: &pipeline.Fault{Kind: pipeline.Refused, Status: 400, Code: "ZC001"}}
}

func exchanges(t *testing.T, path string) []pipeline.Exchange {
	t.Helper()
	var all []pipeline.Exchange
	for e, err := range must(Read(path))(t).Exchanges() {
		check(t, err)
		all = append(all, e)
	}
	return all
}

func TestHeaderAndSessionsRoundTrip(t *testing.T) {
	for _, text := range hostile {
		h := Header{
			Format: FormatVersion, Version: text, RunID: text, Job: text, BaseURL: text, AuthURL: text, Account: text, Flags: []string{text}, At: epoch,
			Inputs: []Input{{File: text, SHA256: text, Rows: 1 << 40, Copy: text}, {File: "-"}},
			Settings: Settings{
				Delimiter: text, Encoding: text, DecimalComma: true, Map: map[string]string{"user_id": text, "x" + text: "y"}, Source: text,
				AllowSource: []string{text, "B"}, MaxInvalid: text, OverAllocation: text, AllocationLimit: text, AllowEmpty: true, Chunk: 3,
			},
		}
		first, second := Session{At: epoch, Version: text, Flags: []string{text, "--x"}}, Session{At: epoch.Add(time.Hour)}
		end := End{epoch.Add(2 * time.Hour), pipeline.Guarded, text, 15}
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		j := must(New(must(Create(path))(t), h))(t)
		check(t, j.Begun(first))
		check(t, j.Finished(End{Stop: pipeline.Interrupted}))
		check(t, j.Begun(second))
		if got := must(Read(path))(t); got.End != nil || !got.LastAt.Equal(second.At) {
			t.Errorf("a session without an end: End %v, LastAt %v", got.End, got.LastAt)
		}
		check(t, j.Finished(end))
		check(t, j.Close())
		info := must(os.Stat(path))(t)
		want := &Log{
			Header: h, Sessions: []Session{first, second}, End: &end, LastAt: second.At, Whole: info.Size(), path: path,
		}
		if diff := cmp.Diff(want, must(Read(path))(t), cmp.AllowUnexported(Log{}), cmpopts.IgnoreFields(Session{}, "From", "last"), cmpopts.IgnoreFields(Log{}, "header")); diff != "" {
			t.Errorf("%.40q: %s", text, diff)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read the journal: %v", info.Mode())
		}
	}
}

func TestAttemptsRoundTrip(t *testing.T) {
	var want []pipeline.Exchange
	for i, text := range hostile {
		a := pipeline.Attempt{
			Key: pipeline.Key{User: pipeline.UserID(text), Source: pipeline.Source(text), Chunk: i},
			Op:  pipeline.Op(i % 2), Shares: []pipeline.Share{{Workspace: pipeline.WorkspaceID(text), Percent: pipeline.Percent(i)}}, At: epoch.Add(time.Duration(i)),
		}
		if i%3 > 0 {
			a.Only = []pipeline.WorkspaceID{pipeline.WorkspaceID(text), "W"}
		}
		pivot := pipeline.Pivot{
			Workspace: pipeline.WorkspaceID(text), Source: pipeline.Source(text), Percentage: text, UserID: -1 << 62, WorkspaceID: 1<<63 - 1,
			Name: text, Integration: text, Problem: text,
		}
		item := pipeline.ItemError{Workspace: pipeline.WorkspaceID(text), Code: text, Message: text}
		want = append(want,
			pipeline.Exchange{Attempt: a, Answer: &pipeline.Answer{
				Status: 299, UserID: 1 << 60, Pivots: []pipeline.Pivot{pivot, {}}, Errors: []pipeline.ItemError{item, {}},
			}},
			pipeline.Exchange{Attempt: a, Answer: &pipeline.Answer{Pivots: []pipeline.Pivot{}}})
		for kind := pipeline.Refused; kind <= pipeline.TokenDown; kind++ {
			want = append(want, pipeline.Exchange{Attempt: a, Fault: &pipeline.Fault{
				Kind: kind, Status: 599, Code: text, Message: text, After: 1<<63 - 1, RequestID: text,
			}})
		}
		want = append(want, pipeline.Exchange{Attempt: a, Fault: &pipeline.Fault{Kind: pipeline.NoAnswer}})
	}
	path := written(t, func(j *Journal) {
		for i, e := range want {
			if number := must(j.Begin(e.Attempt))(t); number != int64(i+1) {
				t.Fatalf("attempt %d has number %d", i+1, number)
			}
			check(t, j.End(int64(i+1), e))
		}
	})
	if diff := cmp.Diff(want, exchanges(t, path)); diff != "" {
		t.Error(diff)
	}
	if log := must(Read(path))(t); log.Last != int64(len(want)) || log.Torn != 0 {
		t.Errorf("Last %d, Torn %d", log.Last, log.Torn)
	}
}

func TestUnansweredAttemptsComeWhereTheirSessionEnds(t *testing.T) {
	path := written(t, func(j *Journal) {
		check(t, j.Begun(Session{At: epoch}))
		for _, user := range []string{"open-1", "done", "withdrawn", "open-2"} {
			must(j.Begin(attemptOf(user)))(t)
		}
		check(t, j.End(2, answered("done")))
		check(t, j.Withdraw(3))
	})
	abandoned := func(user string) pipeline.Exchange { return pipeline.Exchange{Attempt: attemptOf(user)} }
	want := []pipeline.Exchange{answered("done"), abandoned("open-1"), abandoned("open-2")}
	if diff := cmp.Diff(want, exchanges(t, path)); diff != "" {
		t.Errorf("one session: %s", diff)
	}

	log := must(Read(path))(t)
	j := log.Continue(must(log.Open())(t))
	check(t, j.Begun(Session{At: epoch}))
	if number := must(j.Begin(attemptOf("open-1")))(t); number != 5 {
		t.Errorf("the second session's first attempt has number %d", number)
	}
	must(j.Begin(attemptOf("open-2")))(t)
	check(t, j.End(5, refused("open-1")))
	check(t, j.Close())
	want = append(want, refused("open-1"), abandoned("open-2"))
	if diff := cmp.Diff(want, exchanges(t, path)); diff != "" {
		t.Errorf("two sessions: %s", diff)
	}
}

func TestEarlyStopOfExchanges(t *testing.T) {
	path := written(t, func(j *Journal) {
		for i := range 3 {
			must(j.Begin(attemptOf(fmt.Sprint(i))))(t)
		}
		check(t, j.End(1, answered("0")))
		check(t, j.Begun(Session{At: epoch}))
	})
	for stop := range 3 {
		seen := 0
		for range must(Read(path))(t).Exchanges() {
			if seen++; seen > stop {
				break
			}
		}
		if seen != stop+1 {
			t.Errorf("%d exchanges after stopping at %d", seen, stop+1)
		}
	}
}

func TestCreateKeepsWhatIsThere(t *testing.T) {
	path := written(t, func(*Journal) {})
	if _, err := Create(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("creating a journal over another: %v", err)
	}
}

func TestRefusedFiles(t *testing.T) {
	record := func(r record) string { return string(must(r.line())(t)) }
	other := header()
	other.Format = FormatVersion + 1
	head := header()
	head.Format = FormatVersion
	good := record(sample(typeHeader, 0, &head))
	for name, c := range map[string]struct{ content, want string }{
		"empty":             {"", ErrUnbegun.Error()},
		"half a header":     {good[:len(good)/2], ErrUnbegun.Error()},
		"no line break":     {good[:len(good)-1], ErrUnbegun.Error()},
		"another format":    {record(sample(typeHeader, 0, &other)), "format 3, and this program reads format 2"},
		"another file":      {"user_id,workspace_id\nU1,W1\n", "damaged at byte 0: a record without a checksum"},
		"binary":            {"\x00\x00\x00", "damaged at byte 0: a record without a checksum"},
		"no header":         {record(sample(typeSession, 0, nil)), "damaged at byte 0: the header is not the first record"},
		"two headers":       {good + good, "the header is not the first record"},
		"an end of nothing": {good + record(sample(typeEnd, 1, nil)), "the end of attempt 1, which is not open"},
		"a gap":             {good + record(sample(typeBegin, 2, nil)), "attempt 2 stands where 1 is due"},
		"of another type":   {good + string(must(seal([]byte(`{"type":"later"}`)))(t)) + good, "a record of another form"},
	} {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		check(t, os.WriteFile(path, []byte(c.content), 0o600))
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Read(t.TempDir()); err == nil || errors.Is(err, ErrUnbegun) || errors.As(err, new(*DamagedError)) {
		t.Errorf("a file that can't be read: %v", err)
	}
}

// sample returns a whole record of a type.
func sample(kind string, number int64, h *Header) record {
	r := record{Type: kind, Number: number}
	switch kind {
	case typeHeader:
		r.Header = h
	case typeSession:
		r.Session = &Session{At: epoch}
	case typeBegin:
		r.Attempt = toAttempt(attemptOf("U"))
	case typeEnd:
		r.Fault = toFault(refused("U").Fault)
	}
	return r
}

func TestNothingIsWrittenThatCantBeRead(t *testing.T) {
	for _, e := range []pipeline.Exchange{
		{},
		{Answer: answered("U").Answer, Fault: refused("U").Fault},
		{Fault: &pipeline.Fault{}},
	} {
		path := written(t, func(j *Journal) {
			number := must(j.Begin(attemptOf("U")))(t)
			if err := j.End(number, e); err == nil {
				t.Errorf("%v was written", e)
			}
			j.err = nil
		})
		if diff := cmp.Diff([]pipeline.Exchange{{Attempt: attemptOf("U")}}, exchanges(t, path), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
}

// What a plan made of what earlier runs know stands between the header and the
// first session, and a run that was killed there can begin anew.
func TestDecisionsRoundTrip(t *testing.T) {
	var unchanged []pipeline.Exchange
	var vanished []pipeline.Vanished
	for i, text := range hostile {
		w := pipeline.WorkspaceID(text)
		unchanged = append(unchanged, pipeline.Exchange{
			Attempt: pipeline.Attempt{
				Key:    pipeline.Key{User: pipeline.UserID(text), Source: pipeline.Source(text), Chunk: i},
				Shares: []pipeline.Share{{Workspace: w, Percent: 333_333}, {Workspace: "W"}},
			},
			Confirmed: []time.Time{epoch, epoch.Add(time.Duration(i))},
		})
		vanished = append(vanished, pipeline.Vanished{
			User: pipeline.UserID(text), Source: pipeline.Source(text), Workspace: w, Percentage: text, ConfirmedAt: epoch,
			Result: pipeline.VanishedResults()[i%len(pipeline.VanishedResults())], Reason: text,
		})
	}
	path := written(t, func(j *Journal) {
		for i := range unchanged {
			check(t, j.Unchanged(unchanged[i]))
			check(t, j.Vanished(&vanished[i]))
		}
	})
	log := must(Read(path))(t)
	decided := func() (exchanges []pipeline.Exchange, gone []pipeline.Vanished) {
		for e, err := range log.Exchanges() {
			check(t, err)
			exchanges = append(exchanges, e)
		}
		for v, err := range log.Vanished() {
			check(t, err)
			gone = append(gone, v)
		}
		return exchanges, gone
	}
	gotUnchanged, gotVanished := decided()
	if diff := cmp.Diff(unchanged, gotUnchanged) + cmp.Diff(vanished, gotVanished); diff != "" || !log.Unbegun() {
		t.Errorf("unbegun %v: %s", log.Unbegun(), diff)
	}
	log.Restart()
	if exchanges, gone := decided(); exchanges != nil || gone != nil {
		t.Errorf("after Restart there are %d requests and %d pairs", len(exchanges), len(gone))
	}
	j := log.Continue(must(log.Open())(t))
	check(t, j.Vanished(&vanished[0]))
	check(t, j.Begun(Session{At: epoch}))
	check(t, j.Close())
	if log = must(Read(path))(t); log.Unbegun() || log.Torn != 0 {
		t.Errorf("unbegun %v, %d bytes torn", log.Unbegun(), log.Torn)
	}
	if _, gone := decided(); len(gone) != 1 {
		t.Errorf("%d pairs after a new beginning", len(gone))
	}
}

// A journal that was read once is read on from there, whatever a session has
// written since, and what a crash has cut short.
func TestReread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := must(New(unsynced{must(Create(path))(t)}, header()))(t)
	check(t, j.Vanished(&pipeline.Vanished{User: "u0"}))
	log := must(Read(path))(t)
	for s, more := range []func(){
		func() {},
		func() { check(t, j.Finished(End{At: epoch, Stop: pipeline.TooMuchGone})) },
		func() { check(t, j.Begun(Session{At: epoch})) },
		func() {
			check(t, j.Begun(Session{At: epoch.Add(time.Minute)}))
			check(t, j.End(must(j.Begin(attemptOf("u1")))(t), answered("u1")))
			must(j.Begin(attemptOf("u1 open")))(t)
			check(t, j.Sync())
		},
		func() {
			must(j.Begin(attemptOf("u1 cut")))(t)
			check(t, os.Truncate(path, must(os.Stat(path))(t).Size()-1))
		},
		func() {
			j = log.Continue(unsynced{must(log.Open())(t)})
			check(t, j.Begun(Session{At: epoch.Add(time.Hour)}))
			check(t, j.End(must(j.Begin(attemptOf("u2")))(t), answered("u2")))
			check(t, j.Finished(End{At: epoch.Add(2 * time.Hour)}))
		},
	} {
		more()
		then := len(log.Sessions)
		now := must(log.Reread())(t)
		if diff := cmp.Diff(must(Read(path))(t), now, cmp.AllowUnexported(Log{}, Session{})); diff != "" {
			t.Errorf("step %d: %s", s, diff)
		}
		if len(log.Sessions) != then {
			t.Errorf("step %d: the earlier log has changed", s)
		}
		log = now
	}
	check(t, os.WriteFile(path, append(must(os.ReadFile(path))(t), "{}\n"+`{"type":"session"`...), 0o600))
	if now, err := log.Reread(); err != nil || now.Torn == 0 {
		t.Errorf("a tail that is no record: %+v, %v", now, err)
	}
}

// A journal can be read a session at a time: each attempt comes with the session
// that began it.
func TestBetweenSessions(t *testing.T) {
	path := written(t, func(j *Journal) {
		check(t, j.Unchanged(pipeline.Exchange{Attempt: attemptOf("u0"), Confirmed: []time.Time{epoch}}))
		for s, user := range []string{"u1", "u2", "u3"} {
			check(t, j.Begun(Session{At: epoch.Add(time.Duration(s) * time.Hour)}))
			number := must(j.Begin(attemptOf(user)))(t)
			check(t, j.End(number, answered(user)))
			must(j.Begin(attemptOf(user + " open")))(t)
		}
	})
	log := must(Read(path))(t)
	ends := []int64{0}
	for _, s := range log.Sessions {
		ends = append(ends, s.From)
	}
	ends = append(ends, log.Whole)
	want := [][]pipeline.UserID{{"u0"}, {"u1", "u1 open"}, {"u2", "u2 open"}, {"u3", "u3 open"}}
	for i := range want {
		var got []pipeline.UserID
		for e, err := range log.Between(ends[i], ends[i+1]) {
			check(t, err)
			got = append(got, e.User)
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("piece %d: %s", i, diff)
		}
	}
}
