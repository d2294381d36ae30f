package runs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
)

// nights is a series of runs of two jobs against one simulator: ids are renamed,
// runs are killed, copied and lost, COR refuses, does not answer, or answers
// otherwise.
type nights struct {
	*world
	t        *rapid.T
	identity string
	calm     bool                                // COR and the exports are without faults
	isCut    bool                                // a journal has been cut
	jobs     map[string]map[pipeline.Pair]string // percentages
	wants    map[string]map[bool]want            // of each job, what its latest whole input asks for, and its latest part
	imports  map[string]input                    // by run directory
	seen     map[string]int                      // what the nights have met
	log      []string
}

func newNights(t *rapid.T, dir string, seen map[string]int) *nights {
	n := &nights{
		t: t, seen: seen, identity: rapid.SampledFrom([]string{"id-sources=own", "id-sources=shared", "id-case=ignored", "id-form=nfc", "id-sources=shared id-case=ignored id-form=nfc"}).Draw(t, "identity"),
		jobs:  map[string]map[pipeline.Pair]string{"staff": {}, "guests": {}},
		wants: map[string]map[bool]want{"staff": {}, "guests": {}}, imports: make(map[string]input),
	}
	n.calm = n.often(40)
	n.world = &world{failer: t, dir: dir, account: "key-1", bubble: func(do func()) {
		rapid.SyncTest(t, func(*rapid.T) { do() })
	}}
	var known []corsim.Pair
	for _, user := range append(userNames(), "zed") {
		if user != "nobody" {
			known = append(known, corsim.Pair{User: user})
		}
	}
	for _, w := range workspaceNames() {
		known = append(known, corsim.Pair{Workspace: w})
	}
	n.open(n.faults(), known, n.identity, n.pick("listed=all", "listed=sent"),
		n.pick("repeat=updates", "repeat=updates", "repeat=keeps", "repeat=refuses"), n.pick("second-detach=accepted", "second-detach=refused"),
		n.pick("percentage=exact", "percentage=exact", "percentage=rounded"))
	for range rapid.IntRange(2, 5).Draw(t, "rows") {
		n.jobs[n.pick("staff", "guests")][n.pair()] = "10"
	}
	n.clock = 24 * time.Hour
	return n
}

func (n *nights) pick(of ...string) string { return rapid.SampledFrom(of).Draw(n.t, "pick") }

// often is true in so many of a hundred cases. It shrinks to false.
func (n *nights) often(percent int) bool {
	number := 0
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 7, 7).Draw(n.t, "bits") {
		number *= 2
		if bit {
			number++
		}
	}
	return number >= 128-percent*128/100
}

// tell writes down what a night has come to, for whoever reads of a failure.
func (n *nights) tell(got told) {
	text := fmt.Sprintf("%v %s", n.clock.Round(time.Second), got.id)
	if got.err != nil {
		text += ": " + got.err.Error()
	}
	for _, r := range got.rows {
		text += fmt.Sprintf("\n    %s/%s/%s %s: %s %s", r.user, r.workspace, r.source, r.asked, r.status, r.reason)
	}
	n.log = append(n.log, fmt.Sprintf("%s\n  %q\n  COR has %v", text, got.warnings, n.Holdings()))
}

func (n *nights) fail(format string, args ...any) {
	n.t.Helper()
	n.t.Fatalf("%s:\n%s\n%s", n.identity, strings.Join(n.log, "\n"), fmt.Sprintf(format, args...))
}

// run is the directory of some run, "" when there is none.
func (n *nights) run() string {
	dirs, _ := filepath.Glob(filepath.Join(n.runs, "2*"))
	if len(dirs) == 0 {
		return ""
	}
	slices.Sort(dirs)
	slices.Reverse(dirs)
	return dirs[rapid.IntRange(0, len(dirs)-1).Draw(n.t, "run")]
}

// Whatever happens, nothing is taken away that is in the latest input of a job
// under any name that COR maps to the same object, no row is unchanged while the
// simulator holds something else, and every row is accounted for once.
func TestNights(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue { // a night takes some milliseconds
		_ = flag.Set("rapid.checks", "40")
		defer flag.Set("rapid.checks", checks.DefValue)
	}
	seen, base, count := make(map[string]int), quickDir(t), 0
	rapid.Check(t, func(t *rapid.T) {
		count++
		dir := filepath.Join(base, fmt.Sprint(count))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		n := newNights(t, dir, seen)
		for range rapid.IntRange(4, 12).Draw(t, "nights") {
			n.clock += time.Duration(rapid.IntRange(-3, 24*4).Draw(t, "hours")) * time.Hour
			n.clock = max(n.clock, 0)
			switch what := rapid.IntRange(0, 19).Draw(t, "what"); {
			case what < 10:
				n.importNight()
			case what < 11:
				n.again()
			case what < 15:
				n.detachNight()
			case what < 17:
				n.resumeNight()
			default:
				n.accident()
			}
		}
		if n.calm {
			n.leaver()
		}
	})
	t.Log(seen)
	for _, what := range []string{"matched", "failed", "invalid", "unchanged", "not_sent", "detached", "protected", "killed"} {
		if seen[what] == 0 {
			t.Errorf("no night has met %q: %v", what, seen)
		}
	}
}
