package report

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// outcome is what a run with these rows says at its end.
func outcome(r *Run, verdicts ...pipeline.Verdict) *Summary {
	var lines []pipeline.Line
	for i, v := range verdicts {
		lines = append(lines, at(int64(i+2), "U1", "W1", "1", "SAP", v))
	}
	of := newRun("staff list.csv", lines...)
	of.Command, of.Flags, of.Stop, of.DryRun, of.Plan, of.Killed = r.Command, r.Flags, r.Stop, r.DryRun, r.Plan, r.Killed
	of.Vanished = r.Vanished
	if of.Command == "" {
		of.Command = "import"
	}
	if of.DryRun {
		of.Users = each([]pipeline.UserLine{{User: "U1", Requests: 7}})
	}
	of.Dir = "my runs/R"
	return Summarize(of)
}

// The commands are those of the spec: resume alone while anything can be resumed,
// then failed.csv for rows to be fixed, then a dry run for real. None overrides a
// guard.
func TestNext(t *testing.T) {
	var (
		matched = pipeline.Verdict{Status: pipeline.Matched}
		planned = pipeline.Verdict{Status: pipeline.Planned}
		failed  = pipeline.Verdict{Status: pipeline.Failed, Attempts: 1}
		invalid = pipeline.Verdict{Status: pipeline.Invalid}
		unsent  = pipeline.Verdict{Status: pipeline.NotSent, Resumable: true}
		clash   = pipeline.Verdict{Status: pipeline.Mismatched, Attempts: 1, Reason: pipeline.OneAtCOR + " a.csv:3"}
		comma   = pipeline.Verdict{Status: pipeline.Invalid, Reason: `percentage "1\"2,5"… ` + pipeline.DecimalComma + "; accepted is 1"}
		bytes   = pipeline.Verdict{Status: pipeline.Invalid, Reason: `user_id "\xe4" ` + pipeline.NotUTF8}
		flags   = []string{
			"--rate=0", "--delimiter=;", "--encoding=latin1", "--skip-lines=2", "--map=user_id=A b", "--map=source=C",
			"--accept-change", "--plan=sha256:1", "--even-if-older", "--canary=0", "--max-drop=5%", "--dry-run", "--no-requests",
		}
	)
	guard := func(flag string, unsent bool) pipeline.Stop {
		return pipeline.Stop{Kind: pipeline.Guarded, Guard: flag, Unsent: unsent, Reason: flag}
	}
	for name, c := range map[string]struct {
		run      Run
		verdicts []pipeline.Verdict
		want     []string
	}{
		"all well":        {Run{}, []pipeline.Verdict{matched}, []string{}},
		"to resume":       {Run{Flags: flags}, []pipeline.Verdict{failed, unsent}, []string{"corattach resume 'my runs/R'"}},
		"to fix":          {Run{}, []pipeline.Verdict{failed}, []string{"corattach import 'my runs/R/failed.csv'"}},
		"detach to fix":   {Run{About: About{Command: "detach"}}, []pipeline.Verdict{failed}, []string{"corattach detach 'my runs/R/failed.csv'"}},
		"protected":       {Run{About: About{Command: "detach"}}, []pipeline.Verdict{{Status: pipeline.Protected}}, []string{}},
		"probe":           {Run{About: About{Command: "probe"}}, []pipeline.Verdict{failed}, []string{}},
		"probe to resume": {Run{About: About{Command: "probe"}}, []pipeline.Verdict{unsent}, []string{"corattach resume 'my runs/R'"}},
		"flags": {Run{Flags: flags}, []pipeline.Verdict{invalid}, []string{
			"corattach import --rate=0 --delimiter=auto --encoding=auto --skip-lines=0 --map= --max-drop=5% 'my runs/R/failed.csv'",
		}},
		"dry run": {Run{About: About{DryRun: true, Plan: "sha256:2"}, Flags: flags}, []pipeline.Verdict{planned}, []string{
			"corattach import --rate=0 '--delimiter=;' --encoding=latin1 --skip-lines=2 '--map=user_id=A b' --map=source=C --max-drop=5% --plan=sha256:2 'staff list.csv'",
		}},
		"dry run, set elsewhere": {Run{About: About{DryRun: true, Plan: "sha256:2"}, Flags: []string{"--dry-run=true"}}, []pipeline.Verdict{planned}, []string{
			"corattach import --dry-run=false --plan=sha256:2 'staff list.csv'",
		}},
		"no dry run, though set elsewhere": {Run{Flags: []string{"--dry-run=false"}}, []pipeline.Verdict{failed}, []string{
			"corattach import --dry-run=false 'my runs/R/failed.csv'",
		}},
		"all protected":       {Run{About: About{Command: "detach", DryRun: true, Plan: "sha256:2"}}, []pipeline.Verdict{{Status: pipeline.Protected}}, []string{}},
		"protected in part":   {Run{About: About{Command: "detach", DryRun: true, Plan: "sha256:2"}}, []pipeline.Verdict{{Status: pipeline.Protected}, planned}, []string{"corattach detach --plan=sha256:2 'staff list.csv'"}},
		"overwritten":         {Run{}, []pipeline.Verdict{matched, clash}, []string{}},
		"overwritten, failed": {Run{}, []pipeline.Verdict{failed, clash}, []string{}},
		"decimal commas":      {Run{Flags: []string{"--max-invalid=off"}}, []pipeline.Verdict{comma, failed}, []string{"corattach import --max-invalid=off --decimal-comma 'staff list.csv'"}},
		"decimal commas, dry": {Run{About: About{DryRun: true}}, []pipeline.Verdict{comma, planned}, []string{"corattach import --dry-run --decimal-comma 'staff list.csv'"}},
		"no UTF-8":            {Run{Stop: pipeline.Stop{Kind: pipeline.InputRefused, Unsent: true}}, []pipeline.Verdict{bytes, unsent}, []string{"corattach import 'my runs/R/failed.csv'"}},
		"dry run to fix": {Run{About: About{DryRun: true, Plan: "sha256:2"}}, []pipeline.Verdict{planned, invalid}, []string{
			"corattach import --dry-run 'my runs/R/failed.csv'",
		}},
		"refused": {Run{Stop: pipeline.Stop{Kind: pipeline.InputRefused, Unsent: true}}, []pipeline.Verdict{invalid, unsent}, []string{
			"corattach import 'my runs/R/failed.csv'",
		}},
		"canary":         {Run{Stop: guard("--canary", false)}, []pipeline.Verdict{matched, failed, unsent}, []string{"corattach explain 'my runs/R' U1"}},
		"failures":       {Run{Stop: guard("--max-failures", false)}, []pipeline.Verdict{failed, unsent}, []string{"corattach resume 'my runs/R'"}},
		"duration":       {Run{Stop: guard("--max-duration", false)}, []pipeline.Verdict{unsent}, []string{"corattach resume 'my runs/R'"}},
		"drop":           {Run{Stop: guard("--max-drop", true), Vanished: make([]pipeline.Vanished, 1)}, []pipeline.Verdict{unsent}, []string{"less 'my runs/R/vanished.csv'"}},
		"no baseline":    {Run{Stop: guard("--max-drop", true)}, []pipeline.Verdict{unsent}, []string{}},
		"change":         {Run{Stop: guard("--max-change", true)}, []pipeline.Verdict{unsent}, []string{"less 'my runs/R/reconciliation.csv'"}},
		"old input":      {Run{Stop: guard("--max-input-age", true)}, []pipeline.Verdict{unsent}, []string{}},
		"another plan":   {Run{Stop: guard("--plan", true), Flags: []string{"--plan=sha256:1", "--rate=2"}}, []pipeline.Verdict{unsent}, []string{"corattach import --dry-run --rate=2 'staff list.csv'"}},
		"dry run, guard": {Run{About: About{DryRun: true, Plan: "sha256:2"}, Stop: guard("--max-change", true)}, []pipeline.Verdict{planned}, []string{"less 'my runs/R/reconciliation.csv'"}},
	} {
		if diff := cmp.Diff(c.want, outcome(&c.run, c.verdicts...).Next); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A flag for the whole input is named when nothing in it speaks against the flag.
func TestDecimalCommas(t *testing.T) {
	row := func(line int64, percentage string, v pipeline.Verdict) pipeline.Line {
		return at(line, "U1", fmt.Sprint("W", line), percentage, "SAP", v)
	}
	comma := row(2, "33,5", pipeline.Verdict{Status: pipeline.Invalid, Reason: `percentage "33,5" ` + pipeline.DecimalComma})
	bytes := row(3, "1", pipeline.Verdict{Status: pipeline.Invalid, Reason: `user_id "J\xe4" ` + pipeline.NotUTF8})
	for name, c := range map[string]struct {
		other pipeline.Line
		want  []string
	}{
		"no point":         {row(3, "50", pipeline.Verdict{Status: pipeline.Planned}), []string{"import the input again with --decimal-comma"}},
		"a point":          {row(3, "50.5", pipeline.Verdict{Status: pipeline.Planned}), []string{"if all of the input is like this row, import the input again with the flag that the reason names; if not, fix the row in failed.csv"}},
		"another encoding": {bytes, []string{"import the input again with --decimal-comma"}},
	} {
		if diff := cmp.Diff(c.want, Summarize(newRun("a.csv", comma, c.other)).Advice); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What resume would send is counted, and nothing is of a run that it never goes on
// with. A canary's run goes on with --canary 0.
func TestResumable(t *testing.T) {
	for name, c := range map[string]struct {
		run  Run
		want int64
	}{
		"interrupted":     {Run{Stop: pipeline.Stop{Kind: pipeline.Interrupted, Signal: 15}}, 1},
		"stopped midway":  {Run{Stop: pipeline.Stop{Kind: pipeline.Guarded, Guard: "--max-failures"}}, 1},
		"canary":          {Run{Stop: pipeline.Stop{Kind: pipeline.Guarded, Guard: "--canary"}}, 1},
		"stopped at once": {Run{Stop: pipeline.Stop{Kind: pipeline.Guarded, Guard: "--max-drop", Unsent: true}}, 0},
		"input refused":   {Run{Stop: pipeline.Stop{Kind: pipeline.InputRefused, Unsent: true}}, 0},
		"dry run":         {Run{About: About{DryRun: true}}, 0},
	} {
		got := outcome(&c.run, pipeline.Verdict{Status: pipeline.NotSent, Resumable: true}, pipeline.Verdict{Status: pipeline.Failed})
		if got.Resumable != c.want {
			t.Errorf("%s: %d rows that resume would send, want %d", name, got.Resumable, c.want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for want, args := range map[string][]string{
		"corattach import a.csv":                  {"a.csv"},
		"corattach import -":                      {"-"},
		"corattach import -- -x.csv a.csv":        {"-x.csv", "a.csv"},
		`corattach import 'it'"'"'s $HOME;.csv'`:  {"it's $HOME;.csv"},
		"corattach import ''":                     {""},
		"corattach import 'Ünï.csv'":              {"Ünï.csv"},
		"corattach import @%+=:,./_-azAZ09":       {"@%+=:,./_-azAZ09"},
		"corattach import 'a\nb' '`id`' '\\' '!'": {"a\nb", "`id`", `\`, "!"},
	} {
		if got := commandLine([]string{"corattach", "import"}, args...)[0]; got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}

// Several codes hold; the first of 1, signal, 7, 8, 6, 4, 5 is the run's.
func TestExit(t *testing.T) {
	rows := func(statuses ...pipeline.Status) []pipeline.Verdict {
		var all []pipeline.Verdict
		for _, s := range statuses {
			all = append(all, pipeline.Verdict{Status: s, Reason: string(s) + " 7"})
		}
		return all
	}
	stop := func(kind pipeline.StopKind) Run {
		return Run{Stop: pipeline.Stop{Kind: kind, Reason: "the reason", Signal: 15}}
	}
	for name, c := range map[string]struct {
		run      Run
		verdicts []pipeline.Verdict
		want     Exit
	}{
		"well": {Run{}, rows(pipeline.Matched, pipeline.Unchanged, pipeline.Duplicate, pipeline.Detached, pipeline.Planned), Exit{0, "every row is accounted for, and none needs attention", []int{0}}},
		"rows": {Run{}, rows(pipeline.Held, pipeline.Failed, pipeline.Failed, pipeline.Mismatched, pipeline.NotSent, pipeline.Protected, pipeline.Unknown),
			Exit{4, "2 rows failed, 1 unknown, 1 held, 1 protected, 1 not sent: failed 7", []int{4, 5}}},
		"invalid":     {Run{}, rows(pipeline.Invalid, pipeline.Held), Exit{4, "1 row invalid, 1 held: staff list.csv:2: invalid 7", []int{4}}},
		"pivots":      {Run{}, rows(pipeline.Matched, pipeline.Missing, pipeline.StillAttached), Exit{5, "1 row missing, 1 still attached: missing 7: W1", []int{5}}},
		"killed":      {Run{Killed: true}, rows(pipeline.NotSent), Exit{4, "the run was killed; 1 row not sent: not_sent 7", []int{4}}},
		"killed last": {Run{Killed: true}, rows(pipeline.Matched), Exit{0, "every row is accounted for, and none needs attention", []int{0}}},
		"signal":      {stop(pipeline.Interrupted), rows(pipeline.NotSent), Exit{143, "the reason", []int{143, 4}}},
		"credentials": {stop(pipeline.Credentials), rows(pipeline.Failed), Exit{7, "the reason", []int{7, 4}}},
		"unavailable": {stop(pipeline.Unavailable), rows(pipeline.Mismatched), Exit{8, "the reason", []int{8, 5}}},
		"guard":       {stop(pipeline.Guarded), nil, Exit{6, "the reason", []int{6}}},
		"refused":     {stop(pipeline.InputRefused), rows(pipeline.Invalid, pipeline.NotSent), Exit{3, "the reason", []int{3}}},
	} {
		if diff := cmp.Diff(c.want, outcome(&c.run, c.verdicts...).Exit); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	r := newRun("a.csv", at(2, "u", "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Failed}))
	r.Inputs[0].Rows, r.Stop = 2, pipeline.Stop{Kind: pipeline.Interrupted, Signal: 2, Reason: "stopped by SIGINT"}
	want := Exit{1, "the accounting is broken: a.csv: 2 rows read, 1 reported", []int{1, 130, 4}}
	if diff := cmp.Diff(want, Summarize(r).Exit); diff != "" {
		t.Error(diff)
	}
}

// Each status that needs attention has a step, and no other has one.
func TestEveryStatusHasAdvice(t *testing.T) {
	for _, status := range pipeline.Statuses() {
		l := at(2, "u", "w", "1", "SAP", pipeline.Verdict{Status: status})
		if got := newRun("a.csv").Advise(&l); status.Settled() != (got == "") {
			t.Errorf("%s: %q", status, got)
		}
	}
}

// What stopped the run comes first, each thing is said once, and what the next
// command does is not said again.
func TestAdvice(t *testing.T) {
	unknown := pipeline.Verdict{Status: pipeline.Failed, ErrorCode: "ZC001", Subject: pipeline.UnknownUser}
	unmapped := "create the users of unmapped.csv in COR under their source, or correct their ids, then import failed.csv"
	for name, c := range map[string]struct {
		run      Run
		verdicts []pipeline.Verdict
		want     []string
	}{
		"unknown": {Run{}, []pipeline.Verdict{unknown, {Status: pipeline.Failed, Subject: pipeline.UnknownUser}}, []string{unmapped}},
		"canary": {Run{Stop: pipeline.Stop{Kind: pipeline.Guarded, Guard: "--canary"}}, []pipeline.Verdict{unknown, {Status: pipeline.NotSent, Resumable: true}},
			[]string{"look at what the first users met; when it is fixed, or as it should be, resume with --canary 0", unmapped}},
		"unavailable": {Run{Stop: pipeline.Stop{Kind: pipeline.Unavailable}}, []pipeline.Verdict{{Status: pipeline.NotSent, Resumable: true}},
			[]string{"check --auth-url; if it is right, resume when COR and the network are back"}},
		"repaired": {Run{Flags: []string{"--repair"}}, []pipeline.Verdict{{Status: pipeline.Mismatched}},
			[]string{"if COR rounds, a wider --tolerance accepts its figure; otherwise look at the user in COR"}},
		"resumable": {Run{}, []pipeline.Verdict{{Status: pipeline.Unknown, Resumable: true}}, nil},
		"overwritten": {Run{}, []pipeline.Verdict{{Status: pipeline.Mismatched, Reason: pipeline.OneAtCOR + " a.csv:3"}},
			[]string{"decide which of the two ids is meant and remove the other from the input"}},
	} {
		if diff := cmp.Diff(c.want, outcome(&c.run, c.verdicts...).Advice); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, flag := range []string{"--canary", "--max-drop", "--max-change", "--max-detach", "--max-failures", "--max-input-age", "--plan"} {
		r := newRun("a.csv")
		r.Stop = pipeline.Stop{Kind: pipeline.Guarded, Guard: flag}
		if r.AdviseStop() == "" {
			t.Errorf("nothing to do about %s", flag)
		}
	}
	for _, kind := range []pipeline.StopKind{pipeline.Credentials, pipeline.Unavailable, pipeline.InputRefused} {
		r := newRun("a.csv")
		if r.Stop.Kind = kind; r.AdviseStop() == "" {
			t.Errorf("nothing to do about %s", kind)
		}
	}
}

func TestImbalance(t *testing.T) {
	planned := func(file int, line int64) pipeline.Line {
		l := at(line, "u", "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Planned})
		l.File = file
		return l
	}
	odd := planned(1, 2)
	odd.Status = "fine"
	whole := []pipeline.Line{planned(0, 2), planned(0, 3), planned(0, 5), planned(1, 2)}
	without := func(i int) []pipeline.Line { return slices.Delete(slices.Clone(whole), i, i+1) }
	for name, c := range map[string]struct {
		lines []pipeline.Line
		want  string
	}{
		"whole":                     {whole, ""},
		"missing":                   {without(1), "a.csv: 3 rows read, 2 reported"},
		"last one missing":          {without(3), "b.csv: 1 rows read, 0 reported"},
		"doubled":                   {slices.Insert(slices.Clone(whole), 1, whole[0]), "a.csv: 3 rows read, 4 reported"},
		"doubled for a missing one": {slices.Insert(without(1), 1, whole[0]), "a.csv:2 comes after a.csv:2"},
		"reordered":                 {[]pipeline.Line{whole[0], whole[2], whole[1], whole[3]}, "a.csv:3 comes after a.csv:5"},
		"files reordered":           {[]pipeline.Line{whole[3], whole[0], whole[1], whole[2]}, "a.csv:2 comes after b.csv:2"},
		"of no status":              {append(without(3), odd), "4 rows read, statuses of 3"},
	} {
		r := newRun("a.csv", c.lines...)
		r.Inputs = []pipeline.Input{{File: "a.csv", Rows: 3}, {File: "b.csv", Rows: 1}}
		want := ""
		if c.want != "" {
			want = "the accounting is broken: " + c.want
		}
		s := Summarize(r)
		if s.Balanced != (c.want == "") || want != "" && s.Exit.Reason != want {
			t.Errorf("%s: balanced %v: %q, want %q", name, s.Balanced, s.Exit.Reason, want)
		}
	}
}
