package ledger

import (
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// named returns a pair under SAP from "U/W".
func named(name string) pipeline.Pair {
	user, workspace, _ := strings.Cut(name, "/")
	return pipeline.Pair{User: pipeline.UserID(user), Source: "SAP", Workspace: pipeline.WorkspaceID(workspace)}
}

func name(p pipeline.Pair) string { return string(p.User) + "/" + string(p.Workspace) }

func pairsOf(names []string) iter.Seq[pipeline.Pair] {
	return func(yield func(pipeline.Pair) bool) {
		for _, n := range names {
			if !yield(named(n)) {
				return
			}
		}
	}
}

// imported is an import that has pairs, and names their users.
func imported(names ...string) Import {
	named := &night{pairs: names}
	return Import{Sent: true, Pairs: pairsOf(names), Users: users(named.users()), Damaged: users(nil), Identities: untold}
}

func untold(func(pipeline.Pair, pipeline.Identity) bool) {}

func troubled(user, reason string) map[pipeline.UserID]string {
	return map[pipeline.UserID]string{pipeline.UserID(user): reason}
}

// send applies a run that attaches pairs and has them confirmed. Each user is one
// at COR, and so is each workspace.
func send(t interface {
	Helper()
	Fatal(...any)
}, l *Ledger, r Run, names ...string) {
	t.Helper()
	slices.Sort(names)
	var all []pipeline.Exchange
	for i, n := range names {
		p := named(n)
		e := by(string(p.User), answered(attach(int64(i+1), string(p.Workspace)+"=60"), string(p.Workspace)+"=60"))
		id := identityOf(p)
		e.Answer.UserID, e.Answer.Pivots[0].UserID, e.Answer.Pivots[0].WorkspaceID = id.User, id.User, id.Workspace
		all = append(all, e)
	}
	check(t, apply(l, r, 1, exchanges(all...)))
}

// identityOf is the one without letter case.
func identityOf(p pipeline.Pair) pipeline.Identity {
	return pipeline.Identity{User: int64(hash(strings.ToLower(string(p.User))) >> 1), Workspace: int64(hash(strings.ToLower(string(p.Workspace))) >> 1)}
}

func vanished(t testing.TB, l *Ledger, job string, input ...string) []string {
	t.Helper()
	var names []string
	for _, v := range l.Vanished(here, job, func(p pipeline.Pair) bool { return slices.Contains(input, name(p)) }) {
		names = append(names, name(v.Pair)+"="+v.Percentage)
	}
	return names
}

func TestBaselineAndVanished(t *testing.T) {
	l := opened(t)
	send(t, l, run(1, "staff"), "U/W1", "U/W2", "V/W1", "Z/W1")
	base := imported("U/W1", "U/W2", "V/W1")
	if has, inputs := l.Job(here, "staff"); has || inputs != nil {
		t.Errorf("before any import: %v, %q", has, inputs)
	}
	base.Baseline, base.Inputs = true, []string{"aa"}
	check(t, conclude(l, run(1, "staff"), base))
	for jobName, want := range map[string]bool{"staff": true, "guests": false} {
		if has, _ := l.Job(here, jobName); has != want {
			t.Errorf("%s: %v", jobName, has)
		}
	}
	damaged := imported("V/W2")
	damaged.Damaged = maps.Keys(map[pipeline.UserID]bool{"U": true})
	for i, c := range []struct {
		next Import
		want Drop
	}{
		{base, Drop{0, 3, 0, 2}}, {imported(), Drop{3, 3, 2, 2}}, {imported("U/W1", "X/W1"), Drop{2, 3, 1, 2}}, {imported("V/W1", "U/W9"), Drop{2, 3, 0, 2}},
		{damaged, Drop{1, 3, 1, 2}},
	} {
		if got := l.Drop(here, "staff", c.next); got != c.want {
			t.Errorf("import %d: %+v, want %+v", i, got, c.want)
		}
	}
	is(t, vanished(t, l, "staff", "U/W1"), "U/W2=60", "V/W1=60")
	is(t, vanished(t, l, "guests"))

	// A small import does not become the baseline, and one that does keeps what has vanished.
	check(t, conclude(l, run(2, "staff"), imported("Z/W1")))
	is(t, vanished(t, l, "staff", "U/W1"), "U/W2=60", "V/W1=60")
	base = imported("U/W1")
	base.Baseline, base.Inputs = true, []string{"bb", "cc"}
	check(t, conclude(l, run(3, "staff"), base))
	is(t, vanished(t, l, "staff", "U/W1"), "U/W2=60", "V/W1=60")
	check(t, apply(l, run(4, ""), 1, exchanges(answered(detach(1, "W2")))))
	is(t, vanished(t, l, "staff", "U/W1"), "V/W1=60")
	if _, inputs := l.Job(here, "staff"); !slices.Equal(inputs, []string{"bb", "cc"}) {
		t.Errorf("the latest input is %q", inputs)
	}
	if d := l.Drop(here, "staff", imported()); d != (Drop{1, 1, 1, 1}) {
		t.Errorf("the second baseline: %+v", d)
	}
	if count := l.Attached(here); count != 3 {
		t.Errorf("%d pairs are attached", count)
	}
}

// protection tells why a pair is protected against a detach of files.
func protection(t testing.TB, l *Ledger, pair string, file ...string) string {
	t.Helper()
	return l.Protection(here, named(pair), func(p pipeline.Pair) bool { return slices.Contains(file, name(p)) })
}

func protects(t testing.TB, l *Ledger, want, pair string, file ...string) {
	t.Helper()
	got := protection(t, l, pair, file...)
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s is protected because %q, want %q", pair, got, want)
	}
}

func TestProtectionOfWantedPairs(t *testing.T) {
	l := opened(t)
	send(t, l, run(1, "staff"), "U/W1", "V/W2")
	protects(t, l, "", "U/W1")
	check(t, conclude(l, run(1, "staff"), imported("U/W1", "V/W2")))
	protects(t, l, `job "staff" wants it`, "U/W1")
	base := imported("V/W2")
	base.Baseline = true
	check(t, conclude(l, run(2, "staff"), base))
	protects(t, l, "", "U/W1")
	protects(t, l, `job "staff" wants it`, "V/W2")
	unsent := imported("U/W1")
	unsent.Sent = false
	check(t, conclude(l, run(3, "staff"), unsent))
	protects(t, l, "", "U/W1") // a guard stopped it
	check(t, conclude(l, run(4, "guests"), imported("U/W1")))
	protects(t, l, `job "guests" wants it`, "U/W1")
	sibling := run(5, "token")
	sibling.Target = account("account-7")
	check(t, conclude(l, sibling, imported("X/W1")))
	protects(t, l, `job "token" wants it`, "X/W1") // perhaps the same account
}

func TestProtectionByIdentity(t *testing.T) {
	l := opened(t)
	check(t, apply(l, run(1, "staff"), 1, exchanges(
		answered(attach(1, "W1=60"), "W1=60"), answered(attach(2, "w1=60"), "W1=60", "w1=60"), by("V", answered(attach(3, "W3=60"), "W3=60")),
	)))
	protects(t, l, `COR has it as one with workspace "w1" of user "U" under SAP`, "U/W1", "U/W1")
	protects(t, l, "", "U/W1", "U/w1", "U/W1") // both go
	protects(t, l, "", "V/W3")
	check(t, apply(l, run(2, "staff"), 1, exchanges(answered(detach(1, "w1"), "W1=60"))))
	protects(t, l, "", "U/W1")
	check(t, apply(l, run(3, "staff"), 1, exchanges(attach(1, "w1=60"))))
	protects(t, l, "COR has it as one with", "U/W1") // it may be attached
	check(t, apply(l, run(4, "staff"), 1, exchanges(answered(attach(1, "w1=60")))))
	protects(t, l, "", "U/W1")
	check(t, conclude(l, run(5, "guests"), imported("U/w1")))
	protects(t, l, "COR has it as one with", "U/W1") // it is wanted
}

func TestProtectionOfTroubledUsers(t *testing.T) {
	l := opened(t)
	send(t, l, run(1, "staff"), "U/W1", "V/W1")
	bad := imported("U/W9", "V/W9")
	bad.Troubled = troubled("U", "a row failed")
	check(t, conclude(l, run(2, "guests"), bad))
	protects(t, l, "did not all arrive in the latest import that named the user: a row failed", "U/W1")
	protects(t, l, "", "V/W1")
	check(t, conclude(l, run(3, "staff"), imported("U/W9")))
	protects(t, l, "a row failed", "U/W1") // in another job
	check(t, conclude(l, run(4, "guests"), imported("V/W9")))
	protects(t, l, "a row failed", "U/W1")
	check(t, conclude(l, run(5, "guests"), imported("U/W9")))
	protects(t, l, "", "U/W1")
	check(t, conclude(l, run(2, "guests"), bad)) // an older run says nothing new
	protects(t, l, "", "U/W1")
	worse := imported("U/W9")
	worse.Troubled = troubled("U", "a row is unknown")
	check(t, conclude(l, run(6, "guests"), worse))
	check(t, conclude(l, run(2, "guests"), bad))
	protects(t, l, "a row is unknown", "U/W1")
	worse.Troubled = nil
	check(t, conclude(l, run(6, "guests"), worse)) // resumed, and all went well
	protects(t, l, "", "U/W1")
	worse.Troubled = troubled("u", "a row is held")
	check(t, conclude(l, run(7, "guests"), worse)) // perhaps the same user
	protects(t, l, "a row is held", "U/W1")
}

// A user in trouble is known by COR's id too, whatever the name.
func TestProtectionOfRenamedUsers(t *testing.T) {
	l := opened(t)
	renamed := by("Umberto", answered(attach(2, "W1=60"), "W1=60"))
	check(t, apply(l, run(1, "staff"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60"), renamed, by("V", answered(attach(3, "W2=60"), "W2=60")))))
	bad := imported("Umberto/W3")
	bad.Troubled = troubled("Umberto", "a row failed")
	check(t, conclude(l, run(2, "staff"), bad))
	protects(t, l, "a row failed", "U/W9", "U/W1", "Umberto/W1")
}

// What COR has never told the identity of may be what is spelled alike.
func TestProtectionBySpelling(t *testing.T) {
	l := opened(t)
	check(t, apply(l, run(1, "staff"), 1, exchanges(answered(attach(1, "W1=60", "Caf\u00e9=40"), "W1=60", "Caf\u00e9=40"), attach(2, "w1=60"))))
	protects(t, l, `COR may have it as one with workspace "W1" of user "U" under SAP`, "U/w1")
	protects(t, l, "COR may have it", "u/W1")         // the ledger has never seen it
	protects(t, l, "COR may have it", "U/Cafe\u0301") // nor this
	protects(t, l, "", "U/w1", "U/W1")                // both go
	protects(t, l, "", "U/W1")                        // nobody wants the other one
	protects(t, l, "", "U/W2")
	check(t, conclude(l, run(2, "staff"), imported("U/w1")))
	protects(t, l, "COR may have it", "U/W1")
}

// An import knows the identity of a pair that it has as unchanged, though the run
// that sent it is gone.
func TestProtectionOfUnchangedPairs(t *testing.T) {
	l := opened(t)
	unchanged, is := imported("U/W1"), pipeline.Identity{User: 1, Workspace: 7}
	unchanged.Identities = maps.All(map[pipeline.Pair]pipeline.Identity{named("U/W1"): is})
	check(t, conclude(l, run(2, "staff"), unchanged))
	if known := l.Pairs(here, "U"); len(known) != 1 || known[0] != (pipeline.KnownPair{Pair: named("U/W1"), Identity: is}) {
		t.Errorf("%+v, want the identity alone", known)
	}
	protects(t, l, `COR may have it as one with workspace "W1" of user "U" under SAP`, "u/W1")
	check(t, apply(l, run(3, ""), 1, exchanges(by("V", answered(attach(1, "W2=60"), "W2=60@7")))))
	protects(t, l, `COR has it as one with workspace "W1" of user "U" under SAP`, "V/W2")
	check(t, apply(l, run(4, "staff"), 1, exchanges(answered(attach(1, "W1=60"), "W1=60@8"))))
	check(t, conclude(l, run(2, "staff"), unchanged)) // an older run says nothing new
	protects(t, l, "", "V/W2")
	check(t, conclude(l, run(5, "staff"), unchanged)) // COR told it in a run that is gone
	protects(t, l, "COR has it", "V/W2")
}

// A broken record may be about any pair that the job had.
func TestProtectionAfterBrokenRecords(t *testing.T) {
	l := opened(t)
	send(t, l, run(1, "staff"), "U/W1", "U/W2", "V/W1")
	base := imported("U/W1", "U/W2")
	base.Baseline = true
	check(t, conclude(l, run(1, "staff"), base))
	next := imported("U/W1")
	next.Baseline, next.Broken = true, true
	check(t, conclude(l, run(2, "staff"), next))
	protects(t, l, `the latest import of job "staff", which had it, had a broken record`, "U/W2")
	protects(t, l, "", "V/W1")
	next.Broken = false
	check(t, conclude(l, run(3, "staff"), next))
	protects(t, l, "", "U/W2")
}

func TestProtectionOfLostUsers(t *testing.T) {
	l := opened(t)
	send(t, l, run(1, "staff"), "U/W1", "U/W2", "V/W1", "X/W1")
	base := imported("U/W1", "U/W2", "V/W1")
	base.Baseline = true
	check(t, conclude(l, run(1, "staff"), base))
	next := imported("V/W1", "U2/W1")
	next.Baseline = true
	check(t, conclude(l, run(2, "staff"), next))
	protects(t, l, "", "U/W1")
	next.Doubtful = true
	check(t, conclude(l, run(3, "staff"), next))
	protects(t, l, `all that job "staff" had of the user has vanished`, "U/W1")
	protects(t, l, "", "X/W1") // the job never had the user
	next = imported("V/W1", "U/W2", "U2/W1")
	next.Baseline, next.Doubtful = true, true
	check(t, conclude(l, run(4, "staff"), next))
	protects(t, l, "", "U/W1")
	next = imported("V/W1", "U/W7")
	next.Baseline, next.Doubtful = true, true
	check(t, conclude(l, run(5, "staff"), next))
	protects(t, l, "has vanished", "U/W1") // a new pair is none that the job had
	next.Damaged = maps.Keys(map[pipeline.UserID]bool{"U": true})
	check(t, conclude(l, run(6, "staff"), next))
	protects(t, l, "", "U/W1") // a record of the user is damaged: it has all its pairs
	next.Damaged = users(nil)
	check(t, conclude(l, run(7, "staff"), next))
	check(t, apply(l, run(8, "staff"), 1, exchanges())) // refused
	protects(t, l, "has vanished", "U/W1")
	stopped := imported("V/W1")
	stopped.Sent = false
	check(t, conclude(l, run(9, "staff"), stopped)) // by a guard: COR was not asked
	protects(t, l, "has vanished", "U/W1")
	check(t, conclude(l, run(10, "staff"), imported("V/W1")))
	protects(t, l, "", "U/W1")
	unheard := imported("V/W1", "new/W1")
	unheard.Troubled = troubled("new", "a row of this user is unknown")
	check(t, conclude(l, run(11, "staff"), unheard)) // perhaps it is U under another id
	protects(t, l, "has vanished", "U/W1")
}

// night is a random import.
type night struct {
	counter  int64
	job      string
	pairs    []string
	baseline bool
	sent     bool
	doubtful bool
	broken   bool
	refused  bool
	damaged  []string
	troubled []string
}

func (n *night) conclude(t *rapid.T, l *Ledger) {
	i := Import{
		Baseline: n.baseline, Sent: n.sent, Doubtful: n.doubtful, Broken: n.broken, Pairs: pairsOf(n.pairs), Users: users(n.users()), Damaged: users(n.damaged),
		Identities: untold, Troubled: make(map[pipeline.UserID]string),
	}
	for _, u := range n.troubled {
		i.Troubled[pipeline.UserID(u)] = "because"
	}
	if n.refused {
		check(t, apply(l, run(n.counter, n.job), 1, exchanges()))
		return
	}
	check(t, conclude(l, run(n.counter, n.job), i))
}

func users(names []string) iter.Seq[pipeline.UserID] {
	return func(yield func(pipeline.UserID) bool) {
		for _, n := range names {
			if !yield(pipeline.UserID(n)) {
				return
			}
		}
	}
}

func (n *night) users() []string {
	all := slices.Concat(n.damaged, n.troubled)
	for _, p := range n.pairs {
		all = append(all, string(named(p).User))
	}
	return all
}

var someUsers, somePairs = []string{"U", "V", "X"}, []string{"U/W1", "U/W2", "V/W1", "V/w1", "X/W2"}

func someOf(t *rapid.T, all []string, label string) []string {
	return rapid.Custom(func(t *rapid.T) []string {
		return slices.DeleteFunc(slices.Clone(all), func(string) bool { return rapid.Bool().Draw(t, "not") })
	}).Draw(t, label)
}

func randomNight(t *rapid.T, counter int64) *night {
	n := &night{
		counter: counter, job: rapid.SampledFrom([]string{"staff", "guests"}).Draw(t, "job"), pairs: someOf(t, somePairs, "pairs"),
		baseline: rapid.Bool().Draw(t, "baseline"), sent: rapid.Bool().Draw(t, "sent"), doubtful: rapid.Bool().Draw(t, "doubtful"),
		broken:  rapid.IntRange(0, 3).Draw(t, "broken") == 0,
		refused: rapid.IntRange(0, 9).Draw(t, "refused") == 0, troubled: someOf(t, someUsers, "troubled"),
	}
	if rapid.Bool().Draw(t, "damaged") {
		n.damaged = someOf(t, someUsers, "who")
	}
	return n
}

// naive is a job as it follows from all its imports, in order.
type naive struct {
	baseline, wanted, had, ever, latest map[string]bool
	doubtful, broken                    bool
}

// naively goes through the nights of a job by the letter of the contract. The
// pairs that were sent are those that can be known of a damaged user.
func naively(nights []*night, job string) *naive {
	j := &naive{had: make(map[string]bool), wanted: make(map[string]bool), ever: make(map[string]bool)}
	for _, n := range nights {
		if n.job != job || n.refused {
			continue
		}
		kept := func(set map[string]bool) map[string]bool {
			next := make(map[string]bool)
			for p, is := range set {
				if is && slices.Contains(n.damaged, string(named(p).User)) {
					next[p] = true
				}
			}
			for _, p := range n.pairs {
				next[p] = true
			}
			return next
		}
		if n.sent || n.baseline || n.doubtful || n.broken {
			j.latest, j.doubtful, j.broken = kept(j.ever), n.doubtful, n.broken
			for _, p := range n.pairs {
				j.ever[p] = true
			}
		}
		if n.baseline {
			j.baseline, j.wanted = kept(j.baseline), kept(j.wanted)
		}
		for _, p := range n.pairs {
			j.had[p] = j.had[p] || n.baseline
			j.wanted[p] = j.wanted[p] || n.sent
		}
	}
	return j
}

// protected is the contract's page about "Detaching", for pairs that are all
// attached and have the identities of send.
func protected(nights []*night, jobs []*naive, pair string, file []string) bool {
	wants := func(p string) bool {
		return slices.ContainsFunc(jobs, func(j *naive) bool { return j.wanted[p] || j.broken && j.ever[p] && !j.latest[p] })
	}
	if wants(pair) {
		return true
	}
	for _, other := range somePairs {
		if other != pair && identityOf(named(other)) == identityOf(named(pair)) && !slices.Contains(file, other) {
			return true
		}
	}
	user := string(named(pair).User)
	for _, job := range []string{"staff", "guests"} {
		for _, n := range slices.Backward(nights) {
			if n.job == job && !n.refused && slices.Contains(n.users(), user) {
				if slices.Contains(n.troubled, user) {
					return true
				}
				break
			}
		}
	}
	return slices.ContainsFunc(jobs, func(j *naive) bool {
		had, has := false, false
		for _, p := range somePairs {
			of := string(named(p).User) == user
			had, has = had || of && j.ever[p], has || of && j.latest[p]
		}
		return j.doubtful && had && !has
	})
}

// Baseline, wanted pairs, vanished pairs and protection over random nights are
// those of a naive reading of the contract.
func TestNightsAgainstNaiveReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	rapid.Check(t, func(t *rapid.T) {
		l, err := Read(path)
		check(t, err)
		defer l.Close()
		var nights []*night
		send(t, l, run(1, "setup"), slices.Clone(somePairs)...)
		for i := range rapid.IntRange(1, 8).Draw(t, "nights") {
			n := randomNight(t, int64(i+2))
			nights = append(nights, n)
			n.conclude(t, l)
			if rapid.IntRange(0, 4).Draw(t, "again") == 0 {
				n.conclude(t, l)
			}
		}
		agrees(t, l, nights)
	})
}

func agrees(t *rapid.T, l *Ledger, nights []*night) {
	jobs := []*naive{naively(nights, "staff"), naively(nights, "guests")}
	input := someOf(t, somePairs, "input")
	isIn := func(p pipeline.Pair) bool { return slices.Contains(input, name(p)) }
	for i, job := range []string{"staff", "guests"} {
		var want, got []string
		for _, p := range somePairs {
			if jobs[i].had[p] && !slices.Contains(input, p) {
				want = append(want, p)
			}
		}
		for _, v := range l.Vanished(here, job, isIn) {
			got = append(got, name(v.Pair))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("vanished from %s: %s", job, diff)
		}
		drop := l.Drop(here, job, imported(input...))
		missing := 0
		for p := range jobs[i].baseline {
			if !slices.Contains(input, p) {
				missing++
			}
		}
		if drop.Pairs != missing || drop.AllPairs != len(jobs[i].baseline) {
			t.Fatalf("drop of %s: %+v, want %d of %d", job, drop, missing, len(jobs[i].baseline))
		}
	}
	for _, p := range somePairs {
		reason := l.Protection(here, named(p), isIn)
		if want := protected(nights, jobs, p, input); want != (reason != "") {
			t.Fatalf("%s is protected because %q, want %v", p, reason, want)
		}
	}
}

// Imports that are concluded in another order than that of their counters say the
// same in the end; of what is wanted perhaps more, and never less.
func TestNightsInAnyOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	rapid.Check(t, func(t *rapid.T) {
		l, err := Read(path)
		check(t, err)
		defer l.Close()
		send(t, l, run(1, "setup"), slices.Clone(somePairs)...)
		var nights []*night
		for i := range rapid.IntRange(1, 6).Draw(t, "nights") {
			n := randomNight(t, int64(i+2))
			n.damaged, n.job = nil, "staff"
			nights = append(nights, n)
		}
		for _, n := range rapid.Permutation(nights).Draw(t, "order") {
			n.conclude(t, l)
		}
		want := naively(nights, "staff")
		j := l.job(targetKey(here), "staff")
		for _, p := range somePairs {
			is, _ := j.Pairs.of(pairKey(named(p)))
			if is&inBaseline != 0 != want.baseline[p] || is&everInBase != 0 != want.had[p] || is&inLatest != 0 != want.latest[p] || is&wanted == 0 && want.wanted[p] {
				t.Fatalf("%s has the marks %b; want %+v", p, is, want)
			}
		}
	})
}
