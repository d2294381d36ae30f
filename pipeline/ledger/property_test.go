package ledger

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// modelPair is a pair as it follows from all exchanges, one after another.
type modelPair struct {
	pipeline.KnownPair
	touched int // the exchange that last asked for it or told of it
	told    int
}

type model struct {
	pairs map[pipeline.Pair]*modelPair
	scope scope
}

// exchange goes on with one exchange, by the letter of the contract.
func (m *model) exchange(e *pipeline.Exchange, at int) {
	if !e.MayHaveLeft() {
		return
	}
	readable := e.Answer != nil && e.Answer.Strange() == nil
	answer := e.Answer
	if !readable {
		answer = &pipeline.Answer{}
	}
	listed := make(map[pipeline.Pair]*pipeline.Pivot)
	for i := range answer.Pivots {
		p := &answer.Pivots[i]
		listed[pipeline.Pair{User: e.User, Source: p.Source, Workspace: p.Workspace}] = p
	}
	asked := make(map[pipeline.Pair]pipeline.Share)
	for _, s := range e.Shares {
		pair := pipeline.Pair{User: e.User, Source: e.Source, Workspace: s.Workspace}
		asked[pair] = s
		if m.pairs[pair] == nil {
			m.pairs[pair] = &modelPair{KnownPair: pipeline.KnownPair{Pair: pair}}
		}
	}
	for pair, p := range m.pairs {
		share, isAsked := asked[pair]
		pivot := listed[pair]
		if isAsked {
			p.Confirmed, p.touched = false, at
		}
		switch {
		case pivot != nil && !isAsked && p.Attached && pipeline.SameNumber(pivot.Percentage, p.Percentage) && pivot.Identity() == p.Identity:
		case pivot != nil:
			p.Attached, p.Percentage, p.At, p.told, p.touched, p.Identity = true, pivot.Percentage, e.At, at, at, pivot.Identity()
			p.Confirmed = isAsked && e.Op == pipeline.Attach && share.Percent.Near(pivot.Percentage, 0) && len(answer.Errors) == 0
		case isAsked && readable && len(answer.Errors) == 0:
			p.Attached, p.Percentage, p.At, p.told = false, "", e.At, at
		}
	}
	for pair := range listed {
		if _, isAsked := asked[pair]; isAsked || e.Op == pipeline.Detach {
			continue
		}
		if pair.Source != e.Source {
			m.scope = scopeAll
		} else if m.scope == scopeAsked {
			m.scope = scopeSource
		}
	}
	for pair, p := range m.pairs {
		_, isAsked := asked[pair]
		all := e.Op == pipeline.Detach || m.scope == scopeAll || m.scope == scopeSource && pair.Source == e.Source
		if readable && len(answer.Errors) == 0 && pair.User == e.User && listed[pair] == nil && !isAsked && all {
			p.Confirmed = false
		}
	}
}

// known returns what the ledger should know.
func (m *model) known() []pipeline.KnownPair {
	var all []pipeline.KnownPair
	for _, p := range m.pairs {
		is := p.KnownPair
		for _, other := range m.pairs {
			same := other.Confirmed && pipeline.SameNumber(other.Percentage, p.Percentage)
			one := p.Identity.Known() && other.Identity == p.Identity
			alike := !other.Identity.Known() && other.User == p.User && strings.EqualFold(string(other.Workspace), string(p.Workspace))
			if other != p && (one || alike) && other.touched >= p.told && !same {
				is.Confirmed = false
			}
		}
		all = append(all, is)
	}
	slices.SortFunc(all, func(a, b pipeline.KnownPair) int { return cmp.Compare(pairKey(a.Pair), pairKey(b.Pair)) })
	return all
}

// randomExchange is one with pairs of few users, and an answer of any kind.
func randomExchange(t *rapid.T, number int64) pipeline.Exchange {
	source := rapid.SampledFrom([]pipeline.Source{"SAP", "OKTA"})
	workspace := rapid.SampledFrom([]string{"W1", "W2", "w1"})
	percentage := rapid.SampledFrom([]string{"60", "40"})
	var shares []string
	for _, w := range rapid.SliceOfNDistinct(workspace, 1, 2, rapid.ID).Draw(t, "workspaces") {
		shares = append(shares, w+"="+percentage.Draw(t, "asked"))
	}
	e := attach(number, shares...)
	e.User = pipeline.UserID(rapid.SampledFrom([]string{"U", "V", "é"}).Draw(t, "user"))
	e.Op = rapid.SampledFrom([]pipeline.Op{pipeline.Attach, pipeline.Attach, pipeline.Detach}).Draw(t, "op")
	e.Source = source.Draw(t, "source")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		return failed(e, rapid.SampledFrom(faultKinds()).Draw(t, "fault"))
	case 1:
		return e
	case 2, 3, 4, 5:
		if e.Op == pipeline.Attach {
			return answered(e, prefixed(e.Source, shares)...)
		}
	}
	var pivots []string
	for _, s := range []pipeline.Source{"SAP", "OKTA"} {
		for _, w := range []string{"W1", "W2", "w1"} {
			if rapid.Bool().Draw(t, "listed") {
				pivots = append(pivots, string(s)+"/"+w+"="+percentage.Draw(t, "returned")+rapid.SampledFrom([]string{"", "", ".0"}).Draw(t, "as"))
			}
		}
	}
	e = answered(e, pivots...)
	if rapid.IntRange(0, 5).Draw(t, "an error") == 0 {
		e.Answer.Errors = []pipeline.ItemError{{Code: "X"}}
	}
	if n := len(pivots); n > 0 && rapid.IntRange(0, 9).Draw(t, "strange") == 0 {
		e.Answer.Pivots[n-1].UserID = 9
	}
	return e
}

func prefixed(source pipeline.Source, shares []string) []string {
	all := make([]string, len(shares))
	for i, s := range shares {
		all[i] = string(source) + "/" + s
	}
	return all
}

func knownTo(t *rapid.T, l *Ledger) []pipeline.KnownPair {
	var all []pipeline.KnownPair
	for _, user := range []pipeline.UserID{"U", "V", "é"} {
		all = append(all, l.Pairs(here, user)...)
	}
	return all
}

// sameOrDoubted allows for what an answer that is read again may tell: it did not
// list a pair, and only later ones have shown that it should have.
func sameOrDoubted(t *rapid.T, before, after []pipeline.KnownPair) {
	for i := range before {
		before[i].Confirmed = before[i].Confirmed && after[i].Confirmed
	}
	if diff := gocmp.Diff(before, after); diff != "" {
		t.Fatalf("before (-) and after applying a run again (+): %s", diff)
	}
}

// Whatever runs have sent, the ledger knows of each pair what follows from all
// exchanges one after another. Applying a run again adds nothing but doubt, and a
// ledger that is only read knows the same.
func TestExchangesAgainstNaiveReading(t *testing.T) {
	dir, files := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprint(files))
		m := model{pairs: make(map[pipeline.Pair]*modelPair)}
		var runs [][]pipeline.Exchange
		at := 0
		for _, user := range []string{"U", "V", "é"} { // an answer tells nothing of pairs that were never sent
			for _, source := range []pipeline.Source{"SAP", "OKTA"} {
				e := by(user, attach(int64(at+1), "W1=1", "W2=1", "w1=1"))
				e.Source = source
				at++
				m.exchange(&e, at)
				runs = append(runs, []pipeline.Exchange{e})
			}
		}
		seed := run(1, "job")
		l, err := Open(path)
		check(t, err)
		check(t, apply(l, seed, 1, exchanges(slices.Concat(runs...)...)))
		check(t, l.Close())
		runs = nil
		for i := range rapid.IntRange(1, 4).Draw(t, "runs") {
			var all []pipeline.Exchange
			for n := range rapid.IntRange(0, 6).Draw(t, "exchanges") {
				all = append(all, randomExchange(t, int64(n+1)))
			}
			slices.SortStableFunc(all, func(a, b pipeline.Exchange) int { return cmp.Compare(a.User, b.User) })
			for n := range all {
				all[n].Number = int64(n + 1)
				at++
				m.exchange(&all[n], at)
			}
			runs = append(runs, all)
			counter := int64(i + 2)
			reading, err := Read(path)
			check(t, err)
			check(t, apply(reading, run(counter, "job"), 1, exchanges(all...)))
			inMemory := knownTo(t, reading)
			check(t, reading.Close())

			l, err := Open(path)
			check(t, err)
			defer l.Close()
			check(t, apply(l, run(counter, "job"), 1, exchanges(all...)))
			inFile := knownTo(t, l)
			if diff := gocmp.Diff(m.known(), inFile); diff != "" {
				t.Fatalf("run %d, naively (-) and in the file (+): %s", i+1, diff)
			}
			if diff := gocmp.Diff(inFile, inMemory); diff != "" {
				t.Fatalf("run %d, in the file (-) and in memory (+): %s", i+1, diff)
			}
			if again := rapid.IntRange(0, 9).Draw(t, "again"); again <= i {
				check(t, apply(l, run(int64(again+2), "job"), 1, exchanges(runs[again]...)))
				sameOrDoubted(t, inFile, knownTo(t, l))
				return
			}
			check(t, l.Close())
		}
	})
}

func faultKinds() []pipeline.FaultKind {
	return []pipeline.FaultKind{
		pipeline.Refused, pipeline.Attached, pipeline.Unauthorized, pipeline.Forbidden, pipeline.Throttled, pipeline.TimedOut, pipeline.ServerError,
		pipeline.Unreadable, pipeline.NoAnswer, pipeline.NotConnected, pipeline.Untrusted, pipeline.NoToken, pipeline.TokenDown, pipeline.Withheld,
	}
}
