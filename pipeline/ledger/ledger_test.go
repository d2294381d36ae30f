package ledger

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
)

var (
	here  = pipeline.Target{BaseURL: "https://cor.example", AuthURL: "https://auth.example", Account: "key-1"}
	start = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
)

// account returns the target of another account under the same URLs.
func account(name string) pipeline.Target {
	return pipeline.Target{BaseURL: here.BaseURL, AuthURL: here.AuthURL, Account: name}
}

func check(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run returns the run with a counter, which is in its id too.
func run(counter int64, job string) Run {
	return Run{ID: fmt.Sprint("run-", counter), Counter: counter, Sessions: []Session{{Counter: counter}}, Job: job, Target: here}
}

// attach is an attempt of a number on pairs of U under SAP; each share is "W1=60".
func attach(number int64, shares ...string) pipeline.Exchange {
	e := pipeline.Exchange{Number: number, Attempt: pipeline.Attempt{
		Key: pipeline.Key{User: "U", Source: "SAP"}, Op: pipeline.Attach, At: start.Add(time.Duration(number) * time.Minute),
	}}
	for _, s := range shares {
		workspace, percentage, _ := strings.Cut(s, "=")
		percent, _ := pipeline.ParseDecimal(percentage, '.')
		e.Shares = append(e.Shares, pipeline.Share{Workspace: pipeline.WorkspaceID(workspace), Percent: percent})
	}
	return e
}

func detach(number int64, workspaces ...string) pipeline.Exchange {
	e := attach(number, workspaces...)
	e.Op = pipeline.Detach
	return e
}

// answered is the exchange with COR's answer; each pivot is "W1=60", "W1=60@7" with
// COR's id of the workspace, or "OKTA/W1=60". The id is else the last digit of the
// name.
func answered(e pipeline.Exchange, pivots ...string) pipeline.Exchange {
	e.Answer = &pipeline.Answer{Status: 200, UserID: 1}
	for _, p := range pivots {
		p, id, told := strings.Cut(p, "@")
		name, percentage, _ := strings.Cut(p, "=")
		source, workspace, found := strings.Cut(name, "/")
		if !found {
			source, workspace = "SAP", name
		}
		if !told {
			id = workspace[len(workspace)-1:]
		}
		number, _ := strconv.ParseInt(id, 10, 64)
		e.Answer.Pivots = append(e.Answer.Pivots, pipeline.Pivot{
			Source: pipeline.Source(source), Workspace: pipeline.WorkspaceID(workspace), Percentage: percentage, UserID: 1, WorkspaceID: number,
		})
	}
	return e
}

func failed(e pipeline.Exchange, kind pipeline.FaultKind) pipeline.Exchange {
	e.Fault = &pipeline.Fault{Kind: kind}
	return e
}

// of is the exchange of another user.
func by(user string, e pipeline.Exchange) pipeline.Exchange {
	e.User = pipeline.UserID(user)
	return e
}

func exchanges(all ...pipeline.Exchange) iter.Seq2[[]pipeline.Exchange, error] {
	return func(yield func([]pipeline.Exchange, error) bool) {
		for _, e := range all {
			if !yield([]pipeline.Exchange{e}, nil) {
				return
			}
		}
	}
}

// apply applies a run that says nothing beyond its exchanges.
func apply(l *Ledger, r Run, size int64, exchanges iter.Seq2[[]pipeline.Exchange, error]) error {
	r.Seen = size
	if err := l.Apply(r, exchanges); err != nil {
		return err
	}
	return l.Conclude(r, nil)
}

// conclude applies an import without exchanges.
func conclude(l *Ledger, r Run, i Import) error { return l.Conclude(r, &i) }

// opened is a new ledger in a file that is closed at the end of the test.
func opened(t testing.TB) *Ledger {
	t.Helper()
	l, err := Open(filepath.Join(t.TempDir(), "ledger"))
	check(t, err)
	t.Cleanup(func() { check(t, l.Close()) })
	return l
}

// line tells what is known of a pair: "W1=60 confirmed".
func line(p pipeline.KnownPair) string {
	text := string(p.Workspace)
	if p.Source != "SAP" {
		text = string(p.Source) + "/" + text
	}
	if p.Attached {
		text += "=" + p.Percentage
	} else {
		text += " gone"
	}
	if p.Confirmed {
		text += " confirmed"
	}
	return text
}

// pairs tells what is known of the pairs of U in a line each.
func pairs(t testing.TB, l *Ledger, target pipeline.Target) []string {
	t.Helper()
	var lines []string
	for _, p := range l.Pairs(target, "U") {
		lines = append(lines, line(p))
	}
	return lines
}

func is(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestApply(t *testing.T) {
	confirmed := answered(attach(1, "W1=60", "W2=40"), "W1=60", "W2=40.0")
	both := []string{"W1=60 confirmed", "W2=40.0 confirmed"}
	doubted := []string{"W1=60", "W2=40.0 confirmed"}
	already := answered(attach(2, "W1=60"))
	already.Answer.Errors = []pipeline.ItemError{{Workspace: "W1", Code: "ZC004", Attached: true}}
	stillThere := answered(attach(2, "W1=70"), "W1=60")
	stillThere.Answer.Errors = []pipeline.ItemError{{Workspace: "W1", Code: "X"}}
	unnamed := answered(attach(2, "W1=60"), "W1=60")
	unnamed.Answer.Errors = []pipeline.ItemError{{Code: "X"}}
	another := answered(detach(2, "W1"), "W2=40.0")
	another.Answer.Pivots[0].UserID = 9
	strange := answered(attach(2, "W1=60"), "W1=60", "W2=1")
	strange.Answer.Pivots[1].UserID = 9
	problem := answered(attach(2, "W1=60"), "W1=60")
	problem.Answer.Pivots[0].Problem = "it contradicts itself"
	refusedItem := answered(detach(2, "W1"))
	refusedItem.Answer.Errors = []pipeline.ItemError{{Workspace: "W1", Code: "X"}}
	for name, c := range map[string]struct {
		then []pipeline.Exchange // after confirmed
		want []string
	}{
		"nothing":                 {nil, both},
		"no answer":               {[]pipeline.Exchange{failed(attach(2, "W1=70"), pipeline.NoAnswer)}, doubted},
		"killed":                  {[]pipeline.Exchange{attach(2, "W1=60")}, doubted},
		"a server error":          {[]pipeline.Exchange{failed(attach(2, "W1=60"), pipeline.ServerError)}, doubted},
		"refused":                 {[]pipeline.Exchange{failed(attach(2, "W1=70"), pipeline.Refused)}, doubted},
		"never left":              {[]pipeline.Exchange{failed(attach(2, "W1=70"), pipeline.NoToken)}, both},
		"no connection":           {[]pipeline.Exchange{failed(attach(2, "W1=70"), pipeline.NotConnected)}, both},
		"withheld":                {[]pipeline.Exchange{failed(attach(2, "W1=70"), pipeline.Withheld)}, both},
		"confirmed again":         {[]pipeline.Exchange{answered(attach(2, "W1=60"), "W1=6e1")}, []string{"W1=6e1 confirmed", "W2=40.0 confirmed"}},
		"another percentage":      {[]pipeline.Exchange{answered(attach(2, "W1=70"), "W1=60")}, doubted},
		"missing":                 {[]pipeline.Exchange{answered(attach(2, "W1=60"))}, []string{"W1 gone", "W2=40.0 confirmed"}},
		"already attached":        {[]pipeline.Exchange{already}, doubted},
		"refused and there":       {[]pipeline.Exchange{stillThere}, doubted},
		"an error of no name":     {[]pipeline.Exchange{unnamed}, doubted},
		"a strange answer":        {[]pipeline.Exchange{strange}, doubted},
		"a problem":               {[]pipeline.Exchange{problem}, doubted},
		"listed twice":            {[]pipeline.Exchange{answered(attach(2, "W1=60"), "W1=60", "W1=60")}, doubted},
		"overheard the same":      {[]pipeline.Exchange{answered(attach(2, "W3=1"), "W1=60.0", "W2=40", "W3=1")}, append(slices.Clone(both), "W3=1 confirmed")},
		"overheard another":       {[]pipeline.Exchange{answered(attach(2, "W3=1"), "W1=61", "W2=40", "W3=1")}, []string{"W1=61", "W2=40.0 confirmed", "W3=1 confirmed"}},
		"overheard another one":   {[]pipeline.Exchange{answered(attach(2, "W3=1"), "W1=60@9", "W2=40", "W3=1")}, []string{"W1=60", "W2=40.0 confirmed", "W3=1 confirmed"}},
		"only those sent":         {[]pipeline.Exchange{answered(attach(2, "W3=1"), "W3=1")}, append(slices.Clone(both), "W3=1 confirmed")},
		"all but one":             {[]pipeline.Exchange{answered(attach(2, "W3=1"), "W1=60", "W3=1")}, []string{"W1=60 confirmed", "W2=40.0", "W3=1 confirmed"}},
		"an unknown pair":         {[]pipeline.Exchange{answered(attach(2, "W3=1"), "W1=60", "W2=40", "W3=1", "W8=8")}, append(slices.Clone(both), "W3=1 confirmed")},
		"detached":                {[]pipeline.Exchange{answered(detach(2, "W1"), "W2=40.0")}, []string{"W1 gone", "W2=40.0 confirmed"}},
		"detached two":            {[]pipeline.Exchange{answered(detach(2, "W1"))}, []string{"W1 gone", "W2=40.0"}},
		"still attached":          {[]pipeline.Exchange{answered(detach(2, "W1"), "W1=60", "W2=40.0")}, doubted},
		"a detach with an error":  {[]pipeline.Exchange{refusedItem}, doubted},
		"another user's pivot":    {[]pipeline.Exchange{another}, doubted},
		"a detach without answer": {[]pipeline.Exchange{detach(2, "W1")}, doubted},
		"a detach refused":        {[]pipeline.Exchange{failed(detach(2, "W1"), pipeline.Refused)}, doubted},
		"detached and attached":   {[]pipeline.Exchange{answered(detach(2, "W1"), "W2=40"), answered(attach(3, "W1=60"), "W1=60", "W2=40")}, both},
		"a clock that went back":  {[]pipeline.Exchange{answered(attach(2, "W1=70"), "W1=70")}, []string{"W1=70 confirmed", "W2=40.0 confirmed"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := opened(t)
			all := append([]pipeline.Exchange{confirmed}, c.then...)
			if name == "a clock that went back" {
				all[1].At = start.Add(-time.Hour)
			}
			for range 2 { // a piece may be applied again
				check(t, apply(l, run(1, "job"), 10, exchanges(all...)))
				is(t, pairs(t, l, here), c.want...)
			}
			if scope := len(c.then) == 0 || name == "only those sent"; scope {
				check(t, apply(l, run(2, "job"), 10, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
				is(t, pairs(t, l, here)[:2], both...)
			}
		})
	}
}

func TestNeverConfirmed(t *testing.T) {
	l := opened(t)
	check(t, apply(l, run(1, "job"), 10, exchanges(
		attach(1, "W1=60"), failed(attach(2, "W2=60"), pipeline.NotConnected), answered(attach(3, "W3=60"), "W3=59"), answered(attach(4, "W4=60"), "W4=60%"),
	)))
	is(t, pairs(t, l, here), "W1 gone", "W3=59", "W4=60%")
}

func TestTolerance(t *testing.T) {
	l := opened(t)
	r := run(1, "job")
	r.Sessions = []Session{{Counter: 1}, {Counter: 2, Tolerance: 100}}
	second := answered(attach(2, "W2=33.3333", "W3=33.3333"), "W2=33.33", "W3=33.3")
	second.Session = 1
	check(t, apply(l, r, 10, exchanges(answered(attach(1, "W1=33.3333"), "W1=33.33"), second)))
	is(t, pairs(t, l, here), "W1=33.33", "W2=33.33 confirmed", "W3=33.3")
}

// An answer that lists pairs of another source lists all of them from then on; one
// that lists more of its own source, those of that source.
func TestScopeOfAnswers(t *testing.T) {
	first := exchanges(answered(attach(1, "W1=60", "W2=40"), "W1=60", "W2=40"), func() pipeline.Exchange {
		e := answered(attach(2, "W3=1"), "OKTA/W3=1")
		e.Source = "OKTA"
		return e
	}())
	l := opened(t)
	check(t, apply(l, run(1, "job"), 1, first))
	is(t, pairs(t, l, here), "OKTA/W3=1 confirmed", "W1=60 confirmed", "W2=40 confirmed")
	check(t, apply(l, run(2, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60", "W2=40"))))
	is(t, pairs(t, l, here), "OKTA/W3=1 confirmed", "W1=60 confirmed", "W2=40 confirmed")
	check(t, apply(l, run(3, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	is(t, pairs(t, l, here), "OKTA/W3=1 confirmed", "W1=60 confirmed", "W2=40")
	check(t, apply(l, run(4, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60", "OKTA/W3=1"), answered(attach(2, "W1=60"), "W1=60"))))
	is(t, pairs(t, l, here), "OKTA/W3=1", "W1=60 confirmed", "W2=40")
}

// The order of sessions is that of their counters: what an earlier run sent in a
// later session has the last word, in whatever order it is applied.
func TestOrderOfSessions(t *testing.T) {
	early, late := run(1, "job"), run(2, "job")
	early.Sessions = []Session{{Counter: 1}, {Counter: 3}}
	resumed := answered(attach(2, "W1=70"), "W1=70")
	resumed.Session = 1
	first, second := exchanges(answered(attach(1, "W1=60"), "W1=60"), resumed), exchanges(answered(attach(9, "W1=60"), "W1=60"))
	for _, firstLast := range []bool{false, true} {
		l := opened(t)
		if firstLast {
			check(t, apply(l, late, 1, second))
			check(t, apply(l, early, 1, first))
		} else {
			check(t, apply(l, early, 1, first))
			check(t, apply(l, late, 1, second))
		}
		is(t, pairs(t, l, here), "W1=70 confirmed")
	}
}

// Two ids that COR has as one assignment: a later attempt on one, with another
// outcome, ends the confirmation of the other.
func TestIdentity(t *testing.T) {
	other := by("V", answered(attach(2, "W9=60"), "W9=60@1"))
	for name, c := range map[string]struct {
		then pipeline.Exchange
		want string
	}{
		"the same percentage": {other, "W1=60 confirmed"},
		"another percentage":  {by("V", answered(attach(2, "W9=50"), "W9=50@1")), "W1=60"},
		"not as asked":        {by("V", answered(attach(2, "W9=50"), "W9=60@1")), "W1=60"},
		"another identity":    {by("V", answered(attach(2, "W9=50"), "W9=50@2")), "W1=60 confirmed"},
		"an unknown identity": {by("V", answered(attach(2, "W9=50"), "W9=50@0")), "W1=60 confirmed"},
	} {
		l := opened(t)
		check(t, apply(l, run(1, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
		check(t, apply(l, run(2, "job"), 1, exchanges(c.then)))
		if got := pairs(t, l, here); got[0] != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	l := opened(t)
	check(t, apply(l, run(1, "job"), 1, exchanges(by("V", answered(attach(1, "W9=50"), "W9=50@1")), answered(attach(2, "W1=60"), "W1=60"))))
	is(t, pairs(t, l, here), "W1=60 confirmed") // the other one was earlier
	same := l.SameIdentity(here, pipeline.Identity{User: 1, Workspace: 1})
	if len(same) != 2 || same[0].User != "U" || same[1].Workspace != "W9" || same[1].Confirmed {
		t.Errorf("the pairs of one identity: %+v", same)
	}
	if same = l.SameIdentity(here, pipeline.Identity{User: 1}); same != nil {
		t.Errorf("an unknown identity: %+v", same)
	}
	check(t, apply(l, run(2, "job"), 1, exchanges(by("V", answered(detach(1, "W9"), "W1=60")))))
	is(t, pairs(t, l, here), "W1=60") // it was detached under another name
	check(t, apply(l, run(3, "job"), 1, exchanges(by("V", answered(attach(1, "W9=50"), "W9=50@8")))))
	if same = l.SameIdentity(here, pipeline.Identity{User: 1, Workspace: 1}); same != nil {
		t.Errorf("another identity has taken its place: %+v", same)
	}
	is(t, pairs(t, l, here), "W1=60") // and nobody knows what was done to it under the other name
}

func TestTargetsAreApart(t *testing.T) {
	l := opened(t)
	unknown, there := account(""), account("key-2")
	check(t, apply(l, run(1, "job"), 1, exchanges(answered(attach(1, "W1=60", "W2=1"), "W1=60", "W2=1"))))
	is(t, pairs(t, l, there))
	second := run(2, "job")
	second.Target = unknown
	check(t, apply(l, second, 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	is(t, pairs(t, l, here), "W1=60 confirmed", "W2=1 confirmed") // the same word, whoever's it is
	is(t, pairs(t, l, unknown), "W1=60")                          // what is not known to be this account confirms nothing
	third := run(3, "job")
	third.Target = there
	check(t, apply(l, third, 1, exchanges()))
	simulated := run(4, "job")
	simulated.Target = pipeline.Target{BaseURL: pipeline.SimulatorURL}
	check(t, apply(l, simulated, 1, exchanges(answered(attach(1, "W1=7"), "W1=7"))))
	is(t, pairs(t, l, simulated.Target), "W1=7 confirmed")
	is(t, pairs(t, l, here), "W1=60 confirmed", "W2=1 confirmed")
}

// Two targets under the same URLs may be one account of COR, which an API key and
// a static token name differently: what was sent to one is doubted in the other.
func TestSiblings(t *testing.T) {
	for _, name := range []string{"account-7", ""} {
		for _, sent := range []pipeline.Exchange{
			answered(attach(1, "W1=70"), "W1=70"), answered(attach(1, "W1=60"), "W1=59"), attach(1, "W1=60"), answered(detach(1, "W1")),
			answered(attach(1, "W7=1"), "W7=1", "W1=5"),
		} {
			l := opened(t)
			second := run(2, "job")
			second.Target = account(name)
			check(t, apply(l, run(1, "job"), 1, exchanges(answered(attach(1, "W1=60", "W2=1"), "W1=60", "W2=1"))))
			check(t, apply(l, second, 1, exchanges(sent)))
			is(t, pairs(t, l, here), "W1=60", "W2=1 confirmed")
		}
	}
	l := opened(t)
	second := run(2, "job")
	second.Target.BaseURL = "https://other.example"
	check(t, apply(l, run(1, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	check(t, apply(l, second, 1, exchanges(attach(1, "W1=60"))))
	is(t, pairs(t, l, here), "W1=60 confirmed")
}

// When a run that may have sent is gone, nothing that was confirmed before counts.
func TestDoubt(t *testing.T) {
	l := opened(t)
	check(t, apply(l, run(1, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	second := run(2, "job")
	second.Sessions = []Session{{Counter: 2}, {Counter: 4}}
	check(t, apply(l, second, 1, exchanges()))
	check(t, l.Doubt(4))
	is(t, pairs(t, l, here), "W1=60")
	check(t, apply(l, run(3, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	is(t, pairs(t, l, here), "W1=60") // the run that is gone went on after that
	check(t, apply(l, run(5, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	is(t, pairs(t, l, here), "W1=60 confirmed")
	check(t, l.Doubt(4))
	is(t, pairs(t, l, here), "W1=60 confirmed")
	check(t, l.Doubt(5))
	check(t, l.Doubt(3))
	is(t, pairs(t, l, here), "W1=60")
	if l.Floor != 5 || len(l.Runs) != 4 || len(l.Runs["run-2"].Sessions) != 2 {
		t.Errorf("up to %d, %v", l.Floor, l.Runs)
	}
}

func TestHowFarARunIsApplied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := Open(path)
	check(t, err)
	if l.Runs["run-1"].Seen != 0 {
		t.Error("it was never applied")
	}
	check(t, apply(l, run(1, "job"), 7, exchanges()))
	check(t, l.Close())
	if l, err = Open(path); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{0, 3} { // it goes on; its journal was cut
		check(t, apply(l, run(1, "job"), size, exchanges()))
		if l.Runs["run-1"].Seen != 7 {
			t.Errorf("%d bytes are applied", l.Runs["run-1"].Seen)
		}
	}
	check(t, l.Close())
}

func TestErrorsArePassedOn(t *testing.T) {
	l := opened(t)
	broken := errors.New("broken")
	err := apply(l, run(1, "job"), 10, func(yield func([]pipeline.Exchange, error) bool) {
		if yield([]pipeline.Exchange{answered(attach(1, "W1=60"), "W1=60")}, nil) {
			yield(nil, broken)
		}
	})
	if !errors.Is(err, broken) || l.Runs["run-1"].Seen != 0 {
		t.Errorf("error %v, seen %d", err, l.Runs["run-1"].Seen)
	}
	is(t, pairs(t, l, here))
}

// What can't be kept, such as a name that is no text, is an error, and the run counts as not applied.
func TestUnwritable(t *testing.T) {
	l := opened(t)
	nameless := run(1, "job\xff")
	nameless.ID = "\xff"
	if err := apply(l, nameless, 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))); err == nil || !strings.Contains(err.Error(), "can't be written") {
		t.Errorf("applied: %v", err)
	}
	if l.Runs[nameless.ID].Seen != 0 {
		t.Error("it counts as applied")
	}
	check(t, apply(l, run(2, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	is(t, pairs(t, l, here), "W1=60 confirmed")
}

// A ledger that is only read takes changes too, and forgets them.
func TestReadForgets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger")
	for i := range int64(2) {
		l, err := Read(path)
		check(t, err)
		check(t, apply(l, run(i+1, "job"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
		is(t, pairs(t, l, here), append([]string{"W1=60 confirmed"}, []string{"W2=1"}[:i]...)...)
		check(t, l.Close())
		entries, err := os.ReadDir(dir)
		check(t, err)
		if len(entries) != int(i) {
			t.Errorf("%v is left", entries)
		}
		l, err = Open(path)
		check(t, err)
		if i == 0 {
			is(t, pairs(t, l, here))
			check(t, apply(l, run(9, "job"), 1, exchanges(answered(attach(1, "W2=2"), "W2=1"))))
		}
		is(t, pairs(t, l, here), "W2=1")
		check(t, l.Close())
	}
}

// A process that dies while it makes the ledger leaves a file without a byte.
func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	check(t, os.WriteFile(path, nil, 0o600))
	for _, open := range []func(string) (*Ledger, error){Read, Open} {
		l, err := open(path)
		check(t, err)
		is(t, pairs(t, l, here))
		check(t, l.Close())
	}
	l, err := Read(filepath.Join(path, "none"))
	check(t, err)
	if count := l.Attached(here); count != 0 {
		t.Errorf("%d pairs", count)
	}
	check(t, l.Close())
	if _, err := Open(filepath.Join(path, "none")); err == nil || isUnusable(err) {
		t.Errorf("a ledger where none can be: %v", err)
	}
}
