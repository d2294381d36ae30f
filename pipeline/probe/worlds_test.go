package probe_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/probe"
)

// subject is a user with two workspaces whose ids can show everything.
func subject() probe.Subject {
	return probe.Subject{User: "U1", Workspaces: [2]pipeline.WorkspaceID{"Wé-1", "W-2"}, Source: "SAP"}
}

// known are the subject's user and workspaces.
func known(s probe.Subject) (all []corsim.Pair) {
	for _, w := range s.Workspaces {
		all = append(all, corsim.Pair{User: string(s.User), Source: string(s.Source), Workspace: string(w)})
	}
	return all
}

// world is a COR with some switches set.
type world map[string]string

func (w world) String() string {
	var all []string
	for name, value := range w {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (w world) config(t *testing.T, s probe.Subject) corsim.Config {
	t.Helper()
	config := corsim.Config{Known: known(s)}
	for name, value := range w {
		if err := config.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

// line asks a simulator as a run does: each request is tried again a few times when
// no certain answer comes.
type line struct {
	t       *testing.T
	client  *cor.Client
	sim     *corsim.Simulator
	past    pipeline.History
	session int
	stopAt  int // requests that are asked before the run ends; negative for no end
}

func dial(t *testing.T, config corsim.Config, secret string) *line {
	t.Helper()
	sim := corsim.New(config)
	server := httptest.NewServer(sim)
	client := cor.New(cor.Config{
		BaseURL: server.URL, AuthURL: server.URL + "/v1", Credentials: cor.Credentials{APIKey: "key", ClientSecret: secret},
	})
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return &line{t: t, client: client, sim: sim, stopAt: -1}
}

func (l *line) ask(r pipeline.Request) (pipeline.History, bool) {
	if l.stopAt == 0 {
		return nil, false
	}
	l.stopAt--
	var past pipeline.History
	for range 4 {
		e := pipeline.Exchange{Attempt: pipeline.Attempt{Key: r.Key, Op: r.Op, Shares: r.Shares}, Number: int64(len(l.past)) + 1, Session: l.session}
		e.Answer, e.Fault = l.client.Do(context.Background(), r.Op, r)
		past = append(past, e)
		l.past = append(l.past, e)
		if e.Fault == nil || e.Is(pipeline.Refused) || e.Is(pipeline.Attached) {
			break
		}
	}
	return past, true
}

func words(facts []probe.Found) map[string]string {
	found := make(map[string]string)
	for _, one := range facts {
		found[one.Fact] = one.Finding
	}
	return found
}

// unfound are the facts that could not be found.
func unfound(facts []probe.Found) (names []string) {
	for _, f := range facts {
		if f.Finding == probe.Unknown {
			names = append(names, f.Fact)
		}
	}
	return names
}

// unseen are the switches that are no facts.
func unseen() []string {
	return []string{"validation", "id-form", "error-form", "sources", "throttle", "tokens", "secret"}
}

// expected is what a world is, in the words of facts.
func expected(w world) map[string]string {
	want := make(map[string]string)
	for _, s := range corsim.Switches() {
		if !slices.Contains(unseen(), s.Name) {
			want[s.Name] = cmp.Or(w[s.Name], strings.Split(s.Values, "|")[0])
		}
	}
	if want["attach"] == "replaces" {
		delete(want, "listed")
	}
	if want["percentage"] == "exact" || want["percentage"] == "text" {
		delete(want, "decimals")
	}
	return want
}

// examine holds a probe of a world to what the world is.
func examine(t *testing.T, w world) {
	t.Helper()
	s := subject()
	secret := "secret"
	l := dial(t, w.config(t, s), secret)
	findings, stop := s.Talk(l.ask)
	if stop != nil {
		t.Errorf("%v: %v", w, stop)
	}
	compare(t, w, findings, expected(w))
	if left := l.sim.Holdings(); len(left) > 0 {
		t.Errorf("%v: %v left", w, left)
	}
	if left := probe.Left(l.past); left != nil {
		t.Errorf("%v: %v", w, left)
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(map[string]any{"facts": findings}); err != nil {
		t.Fatal(err)
	}
	again := corsim.Config{Known: known(s)}
	if err := again.LoadFacts(&b); err != nil {
		t.Fatalf("%v: %v", w, err)
	}
	found, _ := s.Talk(dial(t, again, secret).ask)
	compare(t, w, found, words(findings))
}

func compare(t *testing.T, w fmt.Stringer, findings []probe.Found, want map[string]string) {
	t.Helper()
	got := words(findings)
	if fmt.Sprint(got) == fmt.Sprint(want) {
		return
	}
	for _, f := range findings {
		if want[f.Fact] != f.Finding {
			t.Errorf("%v: %s is %s, want %s: %s", w, f.Fact, f.Finding, want[f.Fact], f.Evidence)
		}
		delete(want, f.Fact)
	}
	for fact, finding := range want {
		if got[fact] == "" {
			t.Errorf("%v: %s is not there, want %s", w, fact, finding)
		}
	}
}

// choices are the switches that say how a COR behaves, with all values but the
// first, which is the default.
func choices() []world {
	all := []world{{"id-sources": "shared", "id-case": "ignored", "id-form": "nfc"}}
	for _, s := range corsim.Switches() {
		for _, value := range strings.Split(s.Values, "|")[1:] {
			if s.Name == "error-form" || value == strings.ToLower(value) {
				all = append(all, world{s.Name: value})
			}
		}
	}
	return all
}

func TestEverySwitch(t *testing.T) {
	examine(t, world{})
	for _, w := range choices() {
		examine(t, w)
	}
}

func TestEveryPairOfSwitches(t *testing.T) {
	all := choices()
	for i, one := range all {
		t.Run(one.String(), func(t *testing.T) {
			t.Parallel()
			for _, other := range all[i+1:] {
				both := merged(one, other)
				if told := fmt.Sprint(expected(both)) != fmt.Sprint(expected(world{})); told && len(both) == len(one)+len(other) {
					examine(t, both)
				}
			}
		})
	}
}

// merged is a world with the switches of both.
func merged(one, other world) world {
	both := maps.Clone(one)
	maps.Copy(both, other)
	return both
}

// A COR that knows whatever is named can't show what it does with unknown ids.
func TestEverythingIsKnown(t *testing.T) {
	l := dial(t, corsim.Config{}, "secret")
	findings, _ := subject().Talk(l.ask)
	if got := fmt.Sprint(unfound(findings)); got != "[unknown-workspace unknown-user]" {
		t.Errorf("not found: %s", got)
	}
	if left := l.sim.Holdings(); len(left) > 0 {
		t.Errorf("%v left", left)
	}
}

// Ids without letters leave open what letter case does.
func TestPlainIDs(t *testing.T) {
	s := subject()
	s.Workspaces = [2]pipeline.WorkspaceID{"1001", "1002"}
	findings, _ := s.Talk(dial(t, corsim.Config{Known: known(s)}, "secret").ask)
	if got := words(findings); got["id-case"] != probe.Unknown || len(unfound(findings)) != 1 {
		t.Errorf("found %v", got)
	}
}
