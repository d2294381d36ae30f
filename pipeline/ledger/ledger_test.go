package ledger

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

var (
	here  = Target{"https://cor.example", "https://auth.example", "key-1"}
	start = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
)

func at(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

func check(t interface{ Fatal(...any) }, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// attach is an attempt on the pairs of U under SAP; each share is "W1=60".
func attach(minute int, shares ...string) pipeline.Exchange {
	e := pipeline.Exchange{Attempt: pipeline.Attempt{Key: pipeline.Key{User: "U", Source: "SAP"}, At: at(minute)}}
	for _, s := range shares {
		workspace, percentage, _ := strings.Cut(s, "=")
		percent, _ := pipeline.ParseDecimal(percentage, '.')
		e.Shares = append(e.Shares, pipeline.Share{Workspace: pipeline.WorkspaceID(workspace), Percent: percent})
	}
	return e
}

func detach(minute int, workspaces ...string) pipeline.Exchange {
	e := attach(minute, workspaces...)
	e.Op = pipeline.Detach
	return e
}

// answered is the exchange with COR's answer; each pivot is "W1=60" or "OKTA/W1=60".
func answered(e pipeline.Exchange, pivots ...string) pipeline.Exchange {
	e.Answer = &pipeline.Answer{Status: 200, UserID: 1}
	for _, p := range pivots {
		name, percentage, _ := strings.Cut(p, "=")
		source, workspace, found := strings.Cut(name, "/")
		if !found {
			source, workspace = "SAP", name
		}
		e.Answer.Pivots = append(e.Answer.Pivots, pipeline.Pivot{
			Source: pipeline.Source(source), Workspace: pipeline.WorkspaceID(workspace), Percentage: percentage, UserID: 1, WorkspaceID: 2,
		})
	}
	return e
}

func failed(e pipeline.Exchange, kind pipeline.FaultKind) pipeline.Exchange {
	e.Fault = &pipeline.Fault{Kind: kind}
	return e
}

func exchanges(all ...pipeline.Exchange) iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func named(all ...pipeline.Named) iter.Seq2[pipeline.Named, error] {
	return func(yield func(pipeline.Named, error) bool) {
		for _, n := range all {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// opened is a new ledger in a file that is closed at the end of the test.
func opened(t *testing.T) *Ledger {
	l, err := Open(filepath.Join(t.TempDir(), "ledger"))
	check(t, err)
	t.Cleanup(func() { check(t, l.Close()) })
	return l
}

func knownTo(t interface{ Fatal(...any) }, l *Ledger, target Target, job string) []pipeline.Known {
	var all []pipeline.Known
	for k, err := range l.Known(target, job) {
		check(t, err)
		all = append(all, k)
	}
	return all
}

// pairs tells what is known of the pairs of U in a line each: "W1=60 confirmed".
func pairs(t *testing.T, l *Ledger, target Target, job string) []string {
	var lines []string
	for _, k := range knownTo(t, l, target, job) {
		for _, p := range k.Pairs {
			line := string(p.Workspace)
			if p.Source != "SAP" {
				line = string(p.Source) + "/" + line
			}
			for _, word := range []struct {
				holds bool
				word  string
			}{
				{p.Attached, "=" + p.Percentage}, {!p.Attached, " gone"}, {p.Confirmed, " confirmed"}, {p.Ours, " ours"},
				{p.InJob, " in job"}, {p.OtherJob != "", " other " + p.OtherJob},
			} {
				if word.holds {
					line += word.word
				}
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func TestApply(t *testing.T) {
	confirmed := answered(attach(1, "W1=60", "W2=40"), "W1=60", "W2=40.0")
	twoMatched := []string{"W1=60 confirmed ours", "W2=40.0 confirmed ours"}
	missing := answered(attach(2, "W1=60"))
	already := answered(attach(2, "W1=60"))
	already.Answer.Errors = []pipeline.ItemError{{Workspace: "W1", Code: "ZC004", Attached: true}}
	stillThere := answered(attach(2, "W1=70"), "W1=60")
	stillThere.Answer.Errors = []pipeline.ItemError{{Workspace: "W1", Code: "X"}}
	another := answered(detach(2, "W1"), "W2=40.0")
	another.Answer.Pivots[0].UserID = 9
	refusedItem := answered(detach(2, "W1"))
	refusedItem.Answer.Errors = []pipeline.ItemError{{Workspace: "W1", Code: "X"}}
	for name, c := range map[string]struct {
		exchanges []pipeline.Exchange
		want      []string
	}{
		"confirmed":               {[]pipeline.Exchange{confirmed}, twoMatched},
		"another percentage":      {[]pipeline.Exchange{answered(attach(1, "W1=60"), "W1=59")}, []string{"W1=59 ours"}},
		"never answered":          {[]pipeline.Exchange{attach(1, "W1=60")}, []string{"W1 gone"}},
		"never left":              {[]pipeline.Exchange{failed(attach(1, "W1=60"), pipeline.NotConnected)}, nil},
		"then no answer":          {[]pipeline.Exchange{confirmed, failed(attach(2, "W1=70"), pipeline.NoAnswer)}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"then a server error":     {[]pipeline.Exchange{confirmed, failed(attach(2, "W1=60"), pipeline.ServerError)}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"then refused":            {[]pipeline.Exchange{confirmed, failed(attach(2, "W1=70"), pipeline.Refused)}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"then never left":         {[]pipeline.Exchange{confirmed, failed(attach(2, "W1=70"), pipeline.NoToken)}, twoMatched},
		"then missing":            {[]pipeline.Exchange{confirmed, missing}, []string{"W1 gone", "W2=40.0 confirmed ours"}},
		"then already attached":   {[]pipeline.Exchange{confirmed, already}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"then refused and there":  {[]pipeline.Exchange{confirmed, stillThere}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"then overheard the same": {[]pipeline.Exchange{confirmed, answered(attach(2, "W3=1"), "W1=60", "W3=1")}, append(slices.Clone(twoMatched), "W3=1 confirmed ours")},
		"then overheard another":  {[]pipeline.Exchange{confirmed, answered(attach(2, "W3=1"), "W1=61", "W3=1")}, []string{"W1=60 ours", "W2=40.0 confirmed ours", "W3=1 confirmed ours"}},
		"another source":          {[]pipeline.Exchange{confirmed, answered(attach(2, "W3=1"), "OKTA/W1=5", "W3=1")}, append(slices.Clone(twoMatched), "W3=1 confirmed ours")},
		"detached":                {[]pipeline.Exchange{confirmed, answered(detach(2, "W1"), "W2=40.0")}, []string{"W1 gone", "W2=40.0 confirmed ours"}},
		"still attached":          {[]pipeline.Exchange{confirmed, answered(detach(2, "W1"), "W1=60", "W2=40.0")}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"detach with an error":    {[]pipeline.Exchange{confirmed, refusedItem}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"another user's pivot":    {[]pipeline.Exchange{confirmed, another}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"detach without answer":   {[]pipeline.Exchange{confirmed, detach(2, "W1")}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
		"detached and attached":   {[]pipeline.Exchange{confirmed, answered(detach(2, "W1")), answered(attach(3, "W1=60"), "W1=60")}, twoMatched},
		"a clock that went back":  {[]pipeline.Exchange{confirmed, answered(attach(-9, "W1=60"), "W1=60")}, []string{"W1=60 ours", "W2=40.0 confirmed ours"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := opened(t)
			run := Run{"run", "job", here}
			check(t, l.Apply(run, 10, exchanges(c.exchanges...)))
			if diff := cmp.Diff(c.want, pairs(t, l, here, "job")); diff != "" {
				t.Error(diff)
			}
			check(t, l.Apply(run, 10, exchanges(c.exchanges...)))
			if diff := cmp.Diff(c.want, pairs(t, l, here, "job")); diff != "" && name != "a clock that went back" {
				t.Errorf("applied twice: %s", diff)
			}
		})
	}
}

func TestTargetsAreApart(t *testing.T) {
	l := opened(t)
	there, unknown := here, here
	there.Account, unknown.Account = "key-2", ""
	check(t, l.Apply(Run{"one", "job", here}, 1, exchanges(answered(attach(1, "W1=60", "W2=1"), "W1=60", "W2=1"))))
	if got := pairs(t, l, there, "job"); got != nil {
		t.Errorf("another account knows %q", got)
	}
	if accounts := l.Accounts(unknown); !slices.Equal(accounts, []string{"key-1"}) {
		t.Errorf("the only account is %q", accounts)
	}
	check(t, l.Apply(Run{"two", "job", unknown}, 1, exchanges(answered(attach(2, "W1=60"), "W1=60"))))
	if diff := cmp.Diff([]string{"W1=60 confirmed ours", "W2=1 confirmed ours"}, pairs(t, l, here, "job")); diff != "" {
		t.Errorf("the same word, whoever's it is: %s", diff)
	}
	if diff := cmp.Diff([]string{"W1=60"}, pairs(t, l, unknown, "job")); diff != "" {
		t.Errorf("what is not known to be this account confirms nothing: %s", diff)
	}
	check(t, l.Apply(Run{"three", "job", there}, 1, exchanges()))
	if accounts := l.Accounts(unknown); !slices.Equal(accounts, []string{"key-1", "key-2"}) {
		t.Errorf("the accounts are %q", accounts)
	}
}

// Two targets under the same URLs may be one account of COR, which an API key and
// a static token name differently: what was sent to one is doubted in the other.
func TestSiblings(t *testing.T) {
	for name, account := range map[string]string{"of another name": "account-7", "that is not known": ""} {
		for _, sent := range []pipeline.Exchange{
			answered(attach(2, "W1=70"), "W1=70"), answered(attach(2, "W1=60"), "W1=59"), attach(2, "W1=60"), answered(detach(2, "W1")),
		} {
			l := opened(t)
			there := Target{here.BaseURL, here.AuthURL, account}
			check(t, l.Apply(Run{"one", "job", here}, 1, exchanges(answered(attach(1, "W1=60", "W2=1"), "W1=60", "W2=1"))))
			check(t, l.Apply(Run{"two", "job", there}, 1, exchanges(sent)))
			if diff := cmp.Diff([]string{"W1=60 ours", "W2=1 confirmed ours"}, pairs(t, l, here, "job")); diff != "" {
				t.Errorf("an account %s was sent %+v: %s", name, sent, diff)
			}
			check(t, l.Begin(Run{"three", "job", there}))
			l.Missing(func(run string) bool { return run != "three" }, at(10))
			if diff := cmp.Diff([]string{"W1=60 ours", "W2=1 ours"}, pairs(t, l, here, "job")); diff != "" {
				t.Errorf("a journal to an account %s is gone: %s", name, diff)
			}
		}
	}
	l := opened(t)
	check(t, l.Apply(Run{"one", "job", here}, 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	check(t, l.Apply(Run{"two", "job", Target{"https://other.example", here.AuthURL, here.Account}}, 1, exchanges(attach(2, "W1=60"))))
	if diff := cmp.Diff([]string{"W1=60 confirmed ours"}, pairs(t, l, here, "job")); diff != "" {
		t.Errorf("another URL: %s", diff)
	}
}

func TestReference(t *testing.T) {
	l := opened(t)
	a, b := Run{"a", "staff", here}, Run{"b", "guests", here}
	if l.HasReference(here, "staff") {
		t.Error("a reference before any run")
	}
	check(t, l.Apply(a, 7, exchanges(answered(attach(1, "W1=60", "W2=1"), "W1=60", "W2=1"))))
	both := []pipeline.NamedPair{{Source: "SAP", Workspace: "W1"}, {Source: "SAP", Workspace: "W3"}}
	check(t, l.Refer(a, 7, at(9), named(pipeline.Named{User: "U", Pairs: both}, pipeline.Named{User: "V"})))
	check(t, l.Refer(b, 7, at(9), named(pipeline.Named{User: "U", Pairs: both[:1]})))
	if !l.HasReference(here, "staff") || l.HasReference(here, "others") || !l.Done("a", 7) || l.Done("a", 8) {
		t.Error("the reference or what was read is not noted")
	}
	want := []string{"W1=60 confirmed ours in job other guests", "W2=1 confirmed ours", "W3 gone ours in job"}
	if diff := cmp.Diff(want, pairs(t, l, here, "staff")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"W1=60 confirmed ours in job other staff", "W2=1 confirmed", "W3 gone other staff"}, pairs(t, l, here, "guests")); diff != "" {
		t.Error(diff)
	}
	if users := knownTo(t, l, here, "staff"); len(users) != 2 || !users[1].InJob || users[1].User != "V" {
		t.Errorf("a user without a pair: %+v", users)
	}
	check(t, l.Refer(a, 9, at(9), named(pipeline.Named{User: "U", Pairs: both[1:]}, pipeline.Named{User: "V", Gone: true})))
	if diff := cmp.Diff([]string{"W1=60 confirmed ours other guests", "W2=1 confirmed ours", "W3 gone ours in job"}, pairs(t, l, here, "staff")); diff != "" {
		t.Error(diff)
	}
	if users := knownTo(t, l, here, "staff"); len(users) != 1 {
		t.Errorf("a user that is gone stays: %+v", users)
	}
}

// Another job has a pair as long as its input did when it last was sent or told
// for sure.
func TestClaims(t *testing.T) {
	a, b := Run{"a", "staff", here}, Run{"b", "guests", here}
	pair := []pipeline.NamedPair{{Source: "SAP", Workspace: "W1"}}
	sent := func(minute int) iter.Seq2[pipeline.Exchange, error] {
		return exchanges(answered(attach(minute, "W1=60"), "W1=60"))
	}
	unsure := pipeline.Named{User: "U", Gone: true, Unsure: true}
	goneFor := detach(5, "W1")
	goneFor.Vanished = true
	for name, c := range map[string]struct {
		then  func(*Ledger) error
		taken bool
	}{
		"sent by a run that is no reference": {func(l *Ledger) error { return nil }, true},
		"named":                              {func(l *Ledger) error { return l.Refer(b, 2, at(9), named(pipeline.Named{User: "U", Pairs: pair})) }, true},
		"hidden by a damaged record":         {func(l *Ledger) error { return l.Refer(b, 2, at(9), named(unsure)) }, true},
		"not in the input":                   {func(l *Ledger) error { return l.Refer(b, 2, at(9), named(pipeline.Named{User: "U", Gone: true})) }, false},
		"not in the input of an earlier run": {func(l *Ledger) error { return l.Refer(b, 2, at(1), named(pipeline.Named{User: "U", Gone: true})) }, true},
		"tried to detach":                    {func(l *Ledger) error { return l.Apply(b, 3, exchanges(goneFor)) }, false},
	} {
		l := opened(t)
		check(t, l.Apply(a, 1, sent(1)))
		check(t, l.Apply(b, 1, sent(2)))
		check(t, c.then(l))
		pairs := knownTo(t, l, here, "staff")[0].Pairs
		if taken := pairs[0].OtherJob == "guests"; taken != c.taken {
			t.Errorf("%s: taken %v", name, taken)
		}
	}
}

// When the journal of a run that may have sent is gone, nothing that was confirmed
// before counts.
func TestMissingJournal(t *testing.T) {
	l := opened(t)
	check(t, l.Apply(Run{"one", "job", here}, 1, exchanges(answered(attach(1, "W1=60"), "W1=60"))))
	check(t, l.Begin(Run{"two", "job", here}))
	l.Missing(func(string) bool { return true }, at(10))
	if got := pairs(t, l, here, "job"); !slices.Equal(got, []string{"W1=60 confirmed ours"}) {
		t.Errorf("all journals are there: %q", got)
	}
	l.Missing(func(run string) bool { return run == "one" }, at(10))
	if got := pairs(t, l, here, "job"); !slices.Equal(got, []string{"W1=60 ours"}) {
		t.Errorf("a journal is gone: %q", got)
	}
	l.Missing(func(run string) bool { return false }, at(20))
	check(t, l.Apply(Run{"three", "job", here}, 1, exchanges(answered(attach(11, "W1=60"), "W1=60"))))
	if got := pairs(t, l, here, "job"); !slices.Equal(got, []string{"W1=60 confirmed ours"}) {
		t.Errorf("confirmed since: %q", got)
	}
}

// What is applied to a ledger that is only read stays in memory, and is the same
// as in one that is written.
func TestReadIsWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "ledger")
		check(t, err)
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "ledger")
		rounds := rapid.SliceOfN(rapid.SliceOf(rapid.Custom(randomExchange)), 1, 4).Draw(t, "rounds")
		for i, round := range rounds {
			run := Run{"run" + string(rune('a'+i)), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "job"), here}
			reading, err := Read(path)
			check(t, err)
			check(t, reading.Apply(run, 1, exchanges(round...)))
			check(t, reading.Refer(run, 1, at(9), namedIn(round)))
			inMemory := knownTo(t, reading, here, "x")
			check(t, reading.Close())

			l, err := Open(path)
			check(t, err)
			check(t, l.Apply(run, 1, exchanges(round...)))
			check(t, l.Refer(run, 1, at(9), namedIn(round)))
			inFile := knownTo(t, l, here, "x")
			check(t, l.Close())
			if diff := cmp.Diff(inFile, inMemory); diff != "" {
				t.Fatalf("in the file (-) and in memory (+): %s", diff)
			}
			again, err := Read(path)
			check(t, err)
			stored := knownTo(t, again, here, "x")
			check(t, again.Close())
			if diff := cmp.Diff(inFile, stored); diff != "" {
				t.Fatalf("before (-) and after closing (+): %s", diff)
			}
		}
	})
}

func randomExchange(t *rapid.T) pipeline.Exchange {
	workspace := rapid.SampledFrom([]string{"W1", "W2"}).Draw(t, "workspace")
	e := attach(rapid.IntRange(0, 5).Draw(t, "minute"), workspace+"=60")
	e.User = pipeline.UserID(rapid.SampledFrom([]string{"U", "V", "\x00", "é"}).Draw(t, "user"))
	e.Op = rapid.SampledFrom([]pipeline.Op{pipeline.Attach, pipeline.Detach}).Draw(t, "op")
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		return answered(e, workspace+"=60")
	case 1:
		return answered(e, "W1=7")
	case 2:
		return failed(e, pipeline.Refused)
	}
	return e
}

// namedIn is what an input names that has the pairs of the exchanges.
func namedIn(all []pipeline.Exchange) iter.Seq2[pipeline.Named, error] {
	var users []pipeline.Named
	for i, e := range all {
		users = append(users, pipeline.Named{User: e.User, Gone: i%3 == 0, Pairs: []pipeline.NamedPair{{Source: e.Source, Workspace: e.Shares[0].Workspace}}})
	}
	return named(users...)
}

// More users than a page, and more than a batch, come in the order of their
// bytes, each once.
func TestManyUsers(t *testing.T) {
	l := opened(t)
	many := func(yield func(pipeline.Exchange, error) bool) {
		for i := range batch + page + 7 {
			e := answered(attach(1, "W1=60"), "W1=60")
			e.User = pipeline.UserID([]byte{byte(i >> 16), byte(i >> 8), byte(i)})
			if !yield(e, nil) {
				return
			}
		}
	}
	check(t, l.Apply(Run{"run", "job", here}, 1, many))
	users := knownTo(t, l, here, "job")
	if len(users) != batch+page+7 || !slices.IsSortedFunc(users, func(a, b pipeline.Known) int { return strings.Compare(string(a.User), string(b.User)) }) {
		t.Errorf("%d users, in order or not", len(users))
	}
}

func TestErrorsArePassedOn(t *testing.T) {
	l := opened(t)
	broken := errors.New("broken")
	err := l.Apply(Run{"run", "job", here}, 10, func(yield func(pipeline.Exchange, error) bool) {
		if yield(answered(attach(1, "W1=60"), "W1=60"), nil) {
			yield(pipeline.Exchange{}, broken)
		}
	})
	if !errors.Is(err, broken) || l.Seen("run") != 0 {
		t.Errorf("error %v, seen %d", err, l.Seen("run"))
	}
}

func TestNoLedger(t *testing.T) {
	dir := t.TempDir()
	for name, damage := range map[string]func(path string) error{
		"a text":    func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("no ledger\n", 9000)), 0o600) },
		"cut":       func(path string) error { return os.Truncate(path, 20_000) },
		"cut short": func(path string) error { return os.Truncate(path, 9000) },
		"a stub":    func(path string) error { return os.Truncate(path, 4096) },
		"its pages": func(path string) error { return scribble(path) },
	} {
		path := filepath.Join(dir, name)
		l, err := Open(path)
		check(t, err)
		check(t, l.Apply(Run{"run", "job", here}, 1, func(yield func(pipeline.Exchange, error) bool) {
			for i := range 2000 {
				e := answered(attach(1, "W1=60"), "W1=60")
				e.User = pipeline.UserID([]byte{byte(i >> 8), byte(i)})
				if !yield(e, nil) {
					return
				}
			}
		}))
		check(t, l.Close())
		check(t, damage(path))
		l, err = Open(path)
		if err == nil {
			for _, err = range l.Known(here, "job") {
				if err != nil {
					break
				}
			}
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A process that dies while it makes the ledger leaves a file without a byte.
func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	check(t, os.WriteFile(path, nil, 0o600))
	for _, open := range []func(string) (*Ledger, error){Read, Open} {
		l, err := open(path)
		check(t, err)
		if got := pairs(t, l, here, "job"); got != nil {
			t.Errorf("%q is known", got)
		}
		check(t, l.Close())
	}
}

// scribble overwrites all pages after the first four.
func scribble(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := 4 * os.Getpagesize(); i < len(content); i++ {
		content[i] = byte(i * 7)
	}
	return os.WriteFile(path, content, 0o600)
}
