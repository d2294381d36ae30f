package probe_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/probe"
)

// give attaches workspaces before a probe begins.
func (l *line) give(user pipeline.UserID, source pipeline.Source, shares ...pipeline.Share) {
	l.t.Helper()
	r := pipeline.Request{Key: pipeline.Key{User: user, Source: source}, Op: pipeline.Attach, Shares: shares}
	if _, fault := l.client.Do(context.Background(), pipeline.Attach, r); fault != nil {
		l.t.Fatal(fault)
	}
}

func script(t *testing.T, text string) corsim.Script {
	t.Helper()
	s, err := corsim.ReadScript(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// putBack is what a resumed run does.
func (l *line) putBack(s probe.Subject, session int) {
	l.stopAt, l.session = -1, session
	s.PutBack(slices.Clone(l.past), l.ask)
}

// A user who has one of the workspaces, or others that could not be put back, is
// left alone.
func TestRefusedUsers(t *testing.T) {
	w := func(id pipeline.WorkspaceID) pipeline.Share { return pipeline.Share{Workspace: id, Percent: 25_0000} }
	first, second := subject().Workspaces[0], subject().Workspaces[1]
	for name, test := range map[string]struct {
		world    world
		user     pipeline.UserID
		attached []pipeline.Share
		want     string
	}{
		"the first":        {world{}, "U1", []pipeline.Share{w(first)}, `--workspace: user "U1" has workspace "Wé-1" under SAP already, with 25 %; nothing was changed`},
		"the second":       {world{"unknown-workspace": "left-out"}, "U1", []pipeline.Share{w(second)}, `--workspace: user "U1" has workspace "W-2" under SAP already, with 25 %; nothing was changed`},
		"another spelling": {world{"id-case": "ignored"}, "U1", []pipeline.Share{w("wé-1")}, `--workspace: user "U1" has workspace "wé-1" under SAP already, with 25 %; nothing was changed`},
		"others, replaced": {world{"attach": "replaces"}, "U1", []pipeline.Share{w("X"), w("Y")}, `--user: an attach takes away or changes what it does not name, and user "U1" has other workspaces; they were attached again as they were`},
		"others, rounded":  {world{"attach": "replaces", "percentage": "text-rounded"}, "U1", []pipeline.Share{w("X")}, `--user: an attach takes away or changes what it does not name, and user "U1" has other workspaces; they were attached again as they were`},
		"made in COR":      {world{}, "U1", nil, `--user: user "U1" has workspaces that could not be attached again if COR took them away (a workspace without external id=100 (id 2)); nothing was changed`},
		"unknown":          {world{}, "U2", nil, `--user: COR does not know the user or the workspace: detach W-2: HTTP 400 ZC001 external id not associated: user "U2"`},
		"seen beside":      {world{"second-detach": "refused"}, "U1", []pipeline.Share{w(first)}, `--workspace: user "U1" has workspace "Wé-1" under SAP already, with 25 %; nothing was changed`},
		"others, added":    {world{}, "U1", []pipeline.Share{w("X"), w("Y")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := subject()
			s.User = test.user
			config := test.world.config(t, subject())
			config.Known = append(config.Known, corsim.Pair{Source: "SAP", Workspace: "X"}, corsim.Pair{Source: "SAP", Workspace: "Y"})
			if name == "made in COR" {
				config.Script = script(t, `{"faults":[{"extra_workspace":{"":100}},{"endpoint":"detach","extra_workspace":{"":100}}]}`)
			}
			l := dial(t, config, "secret")
			if test.attached != nil {
				l.give(s.User, s.Source, test.attached...)
			}
			before := fmt.Sprint(l.sim.Holdings())
			findings, stopped := s.Talk(l.ask)
			stop := ""
			if stopped != nil {
				stop = stopped.Reason
			}
			if stop != test.want {
				t.Errorf("stop: %s", stop)
			}
			if after := fmt.Sprint(l.sim.Holdings()); after != before {
				t.Errorf("%s became %s", before, after)
			}
			if found := len(findings) - len(unfound(findings)); (found > len(findings)/2) != (test.want == "") {
				t.Errorf("%d facts found", found)
			}
		})
	}
}

// Where COR refuses to detach what is not attached, and an unknown workspace, the
// second workspace can't be seen before it is gone; the probe says so.
func TestLookThatTookAway(t *testing.T) {
	l := dial(t, world{"second-detach": "refused"}.config(t, subject()), "secret")
	l.give("U1", "SAP", pipeline.Share{Workspace: "W-2", Percent: 25_0000})
	const want = `--workspace: user "U1" had workspace "W-2", and COR detached it when that was asked for; its percentage is not known: attach it again`
	if _, stop := subject().Talk(l.ask); stop == nil || stop.Reason != want {
		t.Errorf("stop: %v", stop)
	}
	l = dial(t, world{"second-detach": "refused", "attach": "replaces"}.config(t, subject()), "secret")
	found, stop := subject().Talk(l.ask)
	if so := found[0].Consequence; stop != nil || found[0].Finding != "replaces" || !strings.HasSuffix(so, "; whatever else the user had before the probe could not be seen, and is gone") {
		t.Errorf("stop %v, %s", stop, so)
	}
}

// A run that ends after any number of requests leaves nothing behind once it is
// resumed, and says before that what it may leave.
func TestEndAfterAnyRequest(t *testing.T) {
	for _, w := range []world{{}, {"attach": "replaces"}, {"second-detach": "refused", "repeat": "refuses"}, {"unknown-workspace": "errors", "id-sources": "shared", "id-case": "ignored", "id-form": "nfc"}} {
		for _, others := range [][]pipeline.Share{nil, {{Workspace: "X", Percent: 5_5000}, {Workspace: "Y", Percent: 7_0000}}} {
			for n := 0; ; n++ {
				config := w.config(t, subject())
				config.Known = append(config.Known, corsim.Pair{Source: "SAP", Workspace: "X"}, corsim.Pair{Source: "SAP", Workspace: "Y"})
				l := dial(t, config, "secret")
				if others != nil && w["second-detach"] == "" {
					l.give("U1", "SAP", others...)
				}
				before := fmt.Sprint(l.sim.Holdings())
				l.stopAt = n
				live, _ := subject().Talk(l.ask)
				ended := l.stopAt == 0
				if changed := fmt.Sprint(l.sim.Holdings()) != before; changed && probe.Left(l.past) == nil {
					t.Fatalf("%v: after %d requests %v are there, and nobody says so", w, n, l.sim.Holdings())
				}
				if again := subject().Replay(l.past); fmt.Sprint(again) != fmt.Sprint(live) {
					t.Fatalf("%v: after %d requests the journal tells something else:\n%v\n%v", w, n, live, again)
				}
				l.putBack(subject(), 1)
				if after := fmt.Sprint(l.sim.Holdings()); after != before {
					t.Fatalf("%v: resumed after %d requests, %s became %s", w, n, before, after)
				}
				if left := probe.Left(l.past); left != nil {
					t.Fatalf("%v: resumed after %d requests: %v", w, n, left)
				}
				if !ended {
					break
				}
			}
		}
	}
}

// Under faults a finding is right, or unknown, and everything can be put back. What the user has besides stays, where an
// attach does not replace it.
func TestFaults(t *testing.T) {
	known := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := world{}
		for range rapid.IntRange(0, 3).Draw(rt, "switches") {
			w = merged(w, rapid.SampledFrom(choices()).Draw(rt, "switch"))
		}
		others, source := w["attach"] != "replaces" && rapid.Bool().Draw(rt, "others"), ""
		if others {
			source = "SAP" // what is given before is of another one
		}
		var faults []string
		for range rapid.IntRange(1, 6).Draw(rt, "faults") {
			var attempts []string
			from, to := rapid.IntRange(1, 14).Draw(rt, "from"), rapid.IntRange(3, 16).Draw(rt, "to")
			for attempt := from; attempt <= to; attempt++ {
				attempts = append(attempts, fmt.Sprint(attempt))
			}
			endpoint := rapid.SampledFrom([]string{"attach", "detach"}).Draw(rt, "endpoint")
			where := fmt.Sprintf(`{"endpoint":%q,"source":%q,"attempts":[%s],`, endpoint, source, strings.Join(attempts, ","))
			faults = append(faults, where+rapid.SampledFrom([]string{
				`"status":429}`, `"status":500}`, `"status":500,"apply":true}`, `"status":503,"body":"html"}`, `"status":503,"apply":true}`,
				`"cut":"before"}`, `"cut":"after"}`, `"truncate":60}`, `"contradict":"user"}`, `"contradict":"workspace"}`, `"status":403}`, `"status":200,"body":"html","apply":true}`,
			}).Draw(rt, "fault"))
		}
		config := w.config(t, subject())
		config.Script = script(t, `{"faults":[`+strings.Join(faults, ",")+`]}`)
		config.Known = append(config.Known, corsim.Pair{Source: "OKTA", Workspace: "X"}, corsim.Pair{Source: "OKTA", Workspace: "Y"})
		l := dial(t, config, "secret")
		if others {
			l.give("U1", "OKTA", pipeline.Share{Workspace: "X", Percent: 5_5000}, pipeline.Share{Workspace: "Y", Percent: 7_0000})
		}
		before := fmt.Sprint(l.sim.Holdings())
		findings, stop := subject().Talk(l.ask)
		if stop != nil {
			rt.Fatalf("%v: %v", w, stop)
		}
		want := expected(w)
		for _, f := range findings {
			if f.Finding != probe.Unknown {
				known++
				if f.Finding != want[f.Fact] {
					rt.Fatalf("%v: %s is %s, want %s: %s", w, f.Fact, f.Finding, want[f.Fact], f.Evidence)
				}
			}
		}
		if again := subject().Replay(l.past); fmt.Sprint(again) != fmt.Sprint(findings) {
			rt.Fatalf("the journal tells something else:\n%v\n%v", findings, again)
		}
		for session := 1; session < 6 && probe.Left(l.past) != nil; session++ {
			l.putBack(subject(), session)
		}
		if after := fmt.Sprint(l.sim.Holdings()); after != before {
			rt.Fatalf("%v: %s became %s", w, before, after)
		}
	})
	if known == 0 {
		t.Error("nothing was ever found")
	}
	t.Log(known, "facts found")
}
