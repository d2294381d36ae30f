package runs

import (
	"maps"
	"strings"
	"testing"

	"corattach/pipeline"
	"corattach/report"
)

// based imports the rows of a job as its baseline.
func (w *world) based(lines ...string) told {
	w.Helper()
	got := w.imports(rows(lines...), maxDrop("100%"), accept)
	if got.err != nil {
		w.Fatal(got.err)
	}
	return got
}

// fate tells what a detach made of its only row: its status, and whether the
// simulator still has the pair.
func (w *world) fate(line string, change ...func(*Order)) (got told, status string) {
	w.Helper()
	before := w.holds()
	if got = w.detaches(rows(line), change...); len(got.rows) != 1 {
		w.Fatal(got.String())
	}
	status = got.rows[0].status
	if (w.holds() == before) != (status != "detached") {
		w.Fatal(got.String(), w.holds())
	}
	return got, status
}

// What a job wants is protected: the pairs of its baseline and of its imports since.
func TestWantedIsProtected(t *testing.T) {
	w := newWorld(t, "")
	w.based("U1,W1,10,SAP", "U1,W2,10,SAP", "U2,W1,10,SAP")
	w.based("U1,W1,10,SAP", "U2,W1,10,SAP")
	w.imports(rows("U3,W1,10,SAP"))                        // by hand
	w.imports(rows("U4,W1,10,SAP"), job("guests"))         // of a job without a baseline
	w.imports(rows("U5,W1,10,SAP"), maxDrop("0"))          // stopped: it never came to anything
	w.imports(rows("U4,W1,10,SAP"), job("m"), changedOnly) // sent nothing, as COR has confirmed it
	for line, want := range map[string]string{
		"U1,W1,,SAP": `job "staff" wants it`, "U3,W1,,SAP": `job "staff" wants it`, "U4,W1,,SAP": `wants it`,
		"U1,W2,,SAP": "",
	} {
		if got, status := w.fate(line); (status == "protected") != (want != "") || !strings.Contains(got.rows[0].reason, want) {
			t.Errorf("%s: %s: %s", line, status, got.rows[0].reason)
		}
	}
	w.based("U1,W1,10,SAP", "U2,W1,10,SAP")
	if _, status := w.fate("U3,W1,,SAP"); status != "detached" {
		t.Errorf("a new baseline does not have U3: %s", status)
	}
}

// renamings are inputs before and after a renaming, the row that is no longer there,
// and the switch under which it is the same assignment at COR.
func renamings() map[string][2]string {
	return map[string][2]string{
		"id-sources=shared": {"U1,W1,10,SAP", "U1,W1,10,OKTA"},
		"id-case=ignored":   {"U1,W1,10,SAP", "U1,w1,10,SAP"},
		"id-form=nfc":       {"U1,Caf\u00e9,10,SAP", "U1,Cafe\u0301,10,SAP"},
	}
}

// A renamed id, another source or another spelling: detaching the old pair would take
// away what was just attached. Where COR tells the two apart, the old one goes.
func TestOneIdentityIsProtected(t *testing.T) {
	for identity, lines := range renamings() {
		for _, others := range []string{identity, "id-sources=own", "id-sources=shared id-case=ignored id-form=nfc"} {
			w := newWorld(t, "", others)
			w.based(lines[0], "U2,W1,10,SAP")
			if got := w.based(lines[1], "U2,W1,10,SAP"); len(strings.Split(w.vanished(got.dir), ", ")) != 1 {
				t.Fatalf("%s: vanished %s", others, w.vanished(got.dir))
			}
			got, status := w.fate(lines[0])
			if want := map[bool]string{true: "detached", false: "protected"}[others == "id-sources=own"]; status != want {
				t.Errorf("%s, %s: %s: %s", others, lines[0], status, got.rows[0].reason)
			}
		}
	}
}

// Before COR has told what the new pair is, it may be the old one.
func TestRenamedAndNotArrived(t *testing.T) {
	for identity, lines := range renamings() {
		w := newWorld(t, `{"faults": [{"user": "U1", "from": 2, "status": 500, "apply": true}]}`, identity)
		w.based(lines[0], "U2,W1,10,SAP")
		w.based(lines[1], "U2,W1,10,SAP")
		w.imports(rows("U1,W7,10,SAP"), job("guests")) // another job's import says nothing of it
		if got, status := w.fate(lines[0]); status != "protected" {
			t.Errorf("%s: %s: %s", identity, status, got.rows[0].reason)
		}
	}
	w := newWorld(t, `{"faults": [{"user": "u1", "status": 500, "apply": true}]}`, "id-case=ignored")
	w.based("U1,W1,10,SAP", "U2,W1,10,SAP")
	w.based("u1,W1,10,SAP", "U2,W1,10,SAP")
	if got, status := w.fate("U1,W1,,SAP"); status != "protected" {
		t.Errorf("a renamed user: %s: %s", status, got.rows[0].reason)
	}
}

// Two pairs of one identity may go together, if the file has both.
func TestOneIdentityWholeInTheFile(t *testing.T) {
	w := newWorld(t, "", "id-case=ignored")
	w.based("U1,W1,10,SAP", "U1,w1,10,SAP", "U2,W1,10,SAP")
	w.based("U2,W1,10,SAP")
	if got := w.detaches(rows("U1,W1,,SAP", "U1,w1,,SAP")); got.statuses() != "U1/W1 detached, U1/w1 detached" || w.holds() != "U2/W1=10" {
		t.Errorf("%s: %s", got.String(), w.holds())
	}
	w = newWorld(t, "", "id-case=ignored")
	w.based("U1,W1,10,SAP", "U1,w1,10,SAP", "U2,W1,10,SAP")
	w.based("U1,w1,10,SAP", "U2,W1,10,SAP")
	if got := w.detaches(rows("U1,W1,,SAP", "U1,w1,,SAP")); got.statuses() != "U1/W1 protected, U1/w1 protected" {
		t.Errorf("one is wanted, so the other one is protected too: %s", got.String())
	}
}

// A user whose rows did not all arrive keeps everything, until they do.
func TestTroubledUsersAreProtected(t *testing.T) {
	for name, c := range map[string]struct{ script, row string }{
		"failed":     {`{"faults": [{"user": "U1", "from": 2, "status": 400}]}`, "U1,W2,10,SAP"},
		"unknown":    {`{"faults": [{"user": "U1", "from": 2, "status": 500}]}`, "U1,W2,10,SAP"},
		"missing":    {`{"faults": [{"user": "U1", "from": 2, "drop_workspace": ["W2"]}]}`, "U1,W2,10,SAP"},
		"mismatched": {`{"faults": [{"user": "U1", "from": 2, "set_percentage": {"W2": 11}}]}`, "U1,W2,10,SAP"},
		"invalid":    {"", "U1,W2,x,SAP"}, // such a user has all pairs in the input
		"matched":    {"", "U1,W2,10,SAP"},
	} {
		w := newWorld(t, c.script)
		w.based("U1,W1,10,SAP", "U2,W1,10,SAP")
		got := w.imports(rows(c.row, "U2,W1,10,SAP"), maxDrop("100%"), func(o *Order) { o.Settings.MaxInvalid = limit("off") })
		if !strings.Contains(got.statuses(), name) {
			t.Fatal(got.String())
		}
		gone, status := w.fate("U1,W1,,SAP")
		if want := map[bool]string{true: "detached", false: "protected"}[name == "matched"]; status != want {
			t.Errorf("%s: %s: %s", name, status, gone.rows[0].reason)
		}
		if status == "protected" && name != "invalid" && !strings.Contains(gone.rows[0].reason, "in run "+got.id+" a row of this user is "+name) {
			t.Errorf("%s: %s", name, gone.rows[0].reason)
		}
	}
	w := newWorld(t, "")
	w.based("U1,W1,10,SAP", "U2,W1,10,SAP")
	w.imports(rows("U1,W2,10,SAP", "U2,W1,10,SAP"), maxDrop("100%"), dies(4, "before"))
	if got, status := w.fate("U1,W1,,SAP"); status != "protected" {
		t.Errorf("killed before it was sent: %s: %s", status, got.rows[0].reason)
	}
}

// All that a job had of a user has vanished, while COR did not know some user, or a
// record was broken: it may be the same user under another id.
func TestLostUsersAreProtected(t *testing.T) {
	const unknown = `{"faults": [{"user": "U1-renamed", "status": 400, "body": "A", "code": "ZC001"}, {"user": "U3", "status": 500}]}`
	for name, c := range map[string]struct {
		input []string
		want  string
	}{
		"an unknown user":            {[]string{"U1-renamed,W1,10,SAP", "U2,W1,10,SAP"}, "protected"},
		"never heard of":             {[]string{"U3,W1,10,SAP", "U2,W1,10,SAP"}, "protected"},
		"a broken record":            {[]string{`"U1,W1,10,SAP`, "U2,W1,10,SAP"}, "protected"},
		"not all of it has vanished": {[]string{"U1-renamed,W1,10,SAP", "U1,W2,10,SAP", "U2,W1,10,SAP"}, "detached"},
		"all are known":              {[]string{"U2,W1,10,SAP"}, "detached"},
	} {
		w := newWorld(t, unknown)
		w.based("U1,W1,10,SAP", "U1,W2,10,SAP", "U2,W1,10,SAP")
		w.imports(rows(c.input...), maxDrop("100%"), func(o *Order) { o.Settings.MaxInvalid = limit("off") })
		if got, status := w.fate("U1,W1,,SAP"); status != c.want {
			t.Errorf("%s: %s: %s", name, status, got.rows[0].reason)
		}
	}
}

// --unprotected sends what is protected as well; --max-detach stops before the first
// request, by what is left after protection.
func TestMaxDetach(t *testing.T) {
	w := newWorld(t, "")
	w.based("U1,W1,10,SAP", "U2,W1,10,SAP", "U3,W1,10,SAP", "U4,W1,10,SAP")
	w.based("U1,W1,10,SAP")
	most := func(text string) func(*Order) { return func(o *Order) { o.Settings.MaxDetach = limit(text) } }
	unprotected := func(o *Order) { o.Settings.Unprotected = true }
	list := rows("U1,W1,,SAP", "U2,W1,,SAP", "U3,W1,,SAP")
	stoppedBy(t, w, w.detaches(list, most("1")), "2 pairs would be detached, more than --max-detach 1; attached, as far as is known: 4")
	stoppedBy(t, w, w.detaches(list, most("49%")), "--max-detach 49%")
	stoppedBy(t, w, w.detaches(list, most("2"), unprotected), "3 pairs would be detached")
	if got := w.detaches(list, most("2"), dry); got.statuses() != "U1/W1 protected, U2/W1 planned, U3/W1 planned" {
		t.Errorf("a dry run: %s", got.String())
	}
	if got := w.detaches(list, most("50%")); got.code != pipeline.ExitRows || got.statuses() != "U1/W1 protected, U2/W1 detached, U3/W1 detached" {
		t.Error(got.String())
	}
	if got := w.detaches(list, unprotected); got.code != pipeline.ExitDone || w.holds() != "U4/W1=10" {
		t.Errorf("%s: %s", got.String(), w.holds())
	}
	w.same("a detach", w.dirs()[len(w.dirs())-1])
}

// What disappears from the answer to a detach without having been asked for is in
// extras.csv, without a percentage, and is no longer confirmed.
func TestLostPairs(t *testing.T) {
	w := newWorld(t, `{"faults": [{"user": "U1", "endpoint": "detach", "drop_workspace": ["W2"]}]}`)
	w.based("U1,W1,10,SAP", "U1,W2,10,SAP", "U1,W3,10,SAP")
	w.based("U1,W2,10,SAP", "U1,W3,10,SAP")
	got := w.detaches(rows("U1,W1,,SAP"))
	extras := make(map[string]string)
	for _, r := range w.csv(got.dir, report.ExtrasFile) {
		extras[r["workspace_id"]] = r["percentage"]
	}
	if got.statuses() != "U1/W1 detached" || !maps.Equal(extras, map[string]string{"W2": "", "W3": "10"}) {
		t.Errorf("%s; extras %v", got.String(), extras)
	}
	w.same("with a lost pair", got.dir)
	if got := w.imports(rows("U1,W2,10,SAP"), changedOnly, dry); got.statuses() != "U1/W2 planned" {
		t.Errorf("the lost pair: %s", got.String())
	}
	if got := w.imports(rows("U1,W3,10,SAP"), changedOnly, dry); got.statuses() != "U1/W3 unchanged" {
		t.Errorf("the other one: %s", got.String())
	}
}

// A detach is resumed, and COR's refusals and silence are told apart as in an import.
func TestDetachResumed(t *testing.T) {
	w := newWorld(t, `{"faults": [{"user": "U2", "endpoint": "detach", "attempts": [1], "status": 500}, {"user": "U3", "endpoint": "detach", "status": 400}]}`)
	got := w.detaches(rows("U1,W1,,SAP", "U2,W1,,SAP", "U3,W1,,SAP"))
	if got.statuses() != "U1/W1 detached, U2/W1 unknown, U3/W1 failed" {
		t.Fatal(got.String())
	}
	if got = w.resumes(got.dir); got.statuses() != "U1/W1 detached, U2/W1 detached, U3/W1 failed" || got.code != pipeline.ExitRows {
		t.Error(got.String())
	}
	w.same("a detach that was resumed", got.dir)
	if got = w.resumes(got.dir); got.nothing == "" {
		t.Error(got.String())
	}
}

// A detach does not go on when what is left of it has come to be wanted since, under
// whatever name.
func TestDetachOvertaken(t *testing.T) {
	w := newWorld(t, `{"faults": [{"user": "U1", "endpoint": "detach", "attempts": [1], "status": 500}]}`, "id-case=ignored")
	w.based("U1,W1,10,SAP", "U2,W1,10,SAP")
	w.based("U2,W1,10,SAP")
	stumbled := w.detaches(rows("U1,W1,,SAP"))
	w.based("u1,W1,10,SAP", "U2,W1,10,SAP")
	got := w.resumes(stumbled.dir)
	if got.code != pipeline.ExitUsage || !strings.Contains(got.err.Error(), `workspace "W1" of user "U1" has come to be wanted since: COR has it as one with workspace "W1" of user "u1"`) {
		t.Errorf("%s: %s", got.String(), w.holds())
	}
	if got := w.resumes(stumbled.dir, evenIfOlder); got.statuses() != "U1/W1 detached" {
		t.Errorf("with --even-if-older: %s", got.String())
	}
}
