package runs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
)

// stoppedBy checks that a guard stopped a run before its first request.
func stoppedBy(t *testing.T, w *world, got told, want string) {
	t.Helper()
	if got.code != pipeline.ExitGuard || !strings.Contains(got.summary.Exit.Reason, want) || got.summary.Requests != 0 {
		t.Errorf("%s: %s, want %q", got.String(), got.summary.Exit.Reason, want)
	}
	for _, next := range got.summary.Next {
		if strings.Contains(next, "resume") || strings.Contains(next, "--accept-change") {
			t.Errorf("a stopped run proposes %q", next)
		}
	}
}

// Without a baseline --max-drop stops; what has gone is measured by the last import
// that gave every row a verdict.
func TestMaxDrop(t *testing.T) {
	w := newWorld(t, "")
	stoppedBy(t, w, w.imports(rows("U1,W1,60,SAP"), maxDrop("0")), `job "staff" has no baseline for this target yet`)
	first := w.imports(rows("U1,W1,10,SAP", "U1,W2,10,SAP", "U2,W1,10,SAP", "U2,W2,10,SAP"), maxDrop("0"), accept)
	if first.code != pipeline.ExitDone {
		t.Fatal(first.String())
	}
	stoppedBy(t, w, w.imports(rows("U1,W1,10,SAP"), maxDrop("0"), job("guests")), `job "guests" has no baseline`)
	short := rows("U1,W1,10,SAP", "U1,W2,10,SAP")
	stoppedBy(t, w, w.imports(short, maxDrop("49%")), "2 of the baseline's 4 pairs and 1 of the baseline's 2 users are no longer in the input, more than --max-drop 49%")
	stoppedBy(t, w, w.imports(rows("U1,W1,10,SAP", "U1,W2,10,SAP", "U2,W1,10,SAP"), maxDrop("0")), "1 of the baseline's 4 pairs are no longer in the input")
	damaged := rows("U1,W1,10,SAP", "U1,W2,10,SAP", "U2,W1,x,SAP")
	if got := w.imports(damaged, maxDrop("0"), func(o *Order) { o.Settings.MaxInvalid = limit("off") }); got.code != pipeline.ExitRows {
		t.Errorf("a user with an invalid row has all pairs in the input: %s", got.String())
	}
	if got := w.imports(short, maxDrop("50%")); got.code != pipeline.ExitDone || w.vanished(got.dir) != "U2/W1, U2/W2" {
		t.Errorf("%s; vanished: %s", got.String(), w.vanished(got.dir))
	}
	stoppedBy(t, w, w.imports(rows("U1,W1,10,SAP"), maxDrop("0")), "1 of the baseline's 2 pairs are no longer") // the short one is the baseline now
	if got := w.imports(rows("U1,W1,10,SAP"), maxDrop("0"), accept); got.code != pipeline.ExitDone || w.vanished(got.dir) != "U1/W2, U2/W1, U2/W2" {
		t.Errorf("what has vanished stays listed: %s; vanished: %s", got.String(), w.vanished(got.dir))
	}
}

// Small imports, a failed.csv, runs that were stopped and dry runs never become the
// baseline.
func TestBaseline(t *testing.T) {
	base := []string{"U1,W1,10,SAP", "U2,W1,10,SAP", "U3,W1,10,SAP"}
	small := rows("U1,W1,20,SAP")
	for name, night := range map[string]func(w *world) told{
		"small":    func(w *world) told { return w.imports(small) },
		"dry":      func(w *world) told { return w.imports(small, maxDrop("100%"), dry) },
		"by guard": func(w *world) told { return w.imports(small, maxDrop("0")) },
		"killed":   func(w *world) told { return w.imports(small, maxDrop("100%"), dies(5, "before")) },
		"a part": func(w *world) told {
			return w.imports("user_id,workspace_id,percentage,source,_status,_reason,_file,_line\nU1,W1,20,SAP,failed,,,\n", maxDrop("0"))
		},
		"refused": func(w *world) told { return w.imports(small+"U9,W1,x,SAP\n", maxDrop("100%")) },
		"by canary": func(w *world) told {
			return w.imports(rows("refused,W1,10,SAP", "U1,W1,10,SAP"), maxDrop("100%"), func(o *Order) { o.Sending.Canary = 1 })
		},
	} {
		w := newWorld(t, `{"faults": [{"user": "refused", "status": 400}]}`)
		if got := w.imports(rows(base...), maxDrop("0"), accept); got.code != pipeline.ExitDone {
			t.Fatal(got.String())
		}
		got := night(w)
		if name == "a part" && (w.vanished(got.dir) != "" || len(got.warnings) != 1 || !strings.Contains(got.warnings[0], "a part of an earlier one")) {
			t.Errorf("%s: %s, warnings %q", name, got.String(), got.warnings)
		}
		stoppedBy(t, w, w.imports(rows(base[0], base[1]), maxDrop("0")), "1 of the baseline's 3 pairs")
		if got := w.imports(rows(base...), maxDrop("0")); got.code != pipeline.ExitDone {
			t.Errorf("%s: %s", name, got.String())
		}
	}
}

func TestMaxChange(t *testing.T) {
	w := newWorld(t, "")
	w.imports(rows("U1,W1,10,SAP", "U2,W1,10,SAP"))
	half := func(o *Order) { o.Settings.MaxChange = limit("50%") }
	changed := rows("U1,W1,20,SAP", "U2,W1,30,SAP", "U3,W1,5,SAP")
	stoppedBy(t, w, w.imports(changed, half), "2 of 2 pairs that COR has confirmed ask for another percentage now, more than --max-change 50%")
	if got := w.imports(rows("U1,W1,20,SAP", "U2,W1,10,SAP"), half); got.code != pipeline.ExitDone {
		t.Error(got.String())
	}
	if got := w.imports(changed, half, accept); got.code != pipeline.ExitDone || w.holds() != "U1/W1=20, U2/W1=30, U3/W1=5" {
		t.Errorf("%s: %s", got.String(), w.holds())
	}
}

// The digest of a dry run is that of the run for real. Another plan is not sent.
func TestPlanDigest(t *testing.T) {
	w := newWorld(t, "")
	w.imports(rows("U1,W1,10,SAP"))
	input := rows("U1,W1,10,SAP", "U2,W1,20,SAP", "U2,W2,30,OKTA")
	shown := w.imports(input, changedOnly, dry)
	approved := func(o *Order) { o.Plan = shown.summary.Plan }
	if !strings.HasPrefix(shown.summary.Plan, "sha256:") || len(shown.summary.Plan) != len("sha256:")+64 {
		t.Fatalf("the plan is %q", shown.summary.Plan)
	}
	stoppedBy(t, w, w.imports(input, approved), "--plan: ") // without --changed-only
	stoppedBy(t, w, w.imports(rows("U1,W1,10,SAP", "U2,W1,21,SAP", "U2,W2,30,OKTA"), changedOnly, approved), "--plan: ")
	if got := w.imports(input, changedOnly, approved); got.code != pipeline.ExitDone || got.summary.Plan != shown.summary.Plan {
		t.Error(got.String())
	}
	gone := w.detaches(rows("U9,W1,,SAP"), dry)
	stoppedBy(t, w, w.detaches(rows("U9,W2,,SAP"), func(o *Order) { o.Plan = gone.summary.Plan }), "--plan: ")
	if got := w.detaches(rows("U9,W1,,SAP"), func(o *Order) { o.Plan = gone.summary.Plan }); got.statuses() != "U9/W1 detached" {
		t.Error(got.String())
	}
}

func TestMaxInputAge(t *testing.T) {
	w := newWorld(t, "")
	o := w.order(rows("U1,W1,10,SAP"))
	o.Settings.MaxInputAge = 24 * time.Hour
	written := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	w.must(os.Chtimes(o.Files[0], written, written))
	w.clock = 24 * time.Hour
	if got := w.start(o); got.code != pipeline.ExitDone {
		t.Errorf("a day old: %s", got.String())
	}
	w.clock = 24*time.Hour + time.Second
	stoppedBy(t, w, w.start(o), filepath.Base(o.Files[0])+" was last written 24h0m1s ago, longer than --max-input-age 24h0m0s")
	o.Files, o.Stdin = []string{"-"}, strings.NewReader(rows("U1,W1,10,SAP"))
	if got := w.start(o); got.code != pipeline.ExitUsage || !strings.Contains(got.err.Error(), "standard input has no age") {
		t.Errorf("standard input: %s", got.String())
	}
}

// The same bytes as those of the job's latest import that came to sending.
func TestSameInput(t *testing.T) {
	w := newWorld(t, "")
	input := rows("U1,W1,10,SAP")
	same := func(got told) bool {
		return len(got.warnings) == 1 && strings.Contains(got.warnings[0], "byte for byte that of the job's latest import") && got.summary.SameInput
	}
	for _, c := range []struct {
		name string
		got  told
		want bool
	}{
		{"a dry run before", w.imports(input, dry), false},
		{"the first", w.imports(input), false},
		{"the same", w.imports(input), true},
		{"the same, all of it unchanged", w.imports(input, changedOnly), true},
		{"of another job", w.imports(input, job("guests")), false},
		{"stopped by a guard", w.imports(rows("U2,W1,10,SAP"), maxDrop("0")), false},
		{"what the stopped one had", w.imports(rows("U2,W1,10,SAP")), false},
		{"that of before", w.imports(input), false},
	} {
		if same(c.got) != c.want || !c.want && len(c.got.warnings) > 0 {
			t.Errorf("%s: warnings %q", c.name, c.got.warnings)
		}
	}
}
