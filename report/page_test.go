package report

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// run is what a page is made of.
type run struct {
	inputs    []string
	lines     []pipeline.Line
	users     []pipeline.UserLine
	exchanges []pipeline.Exchange
	gone      []pipeline.Vanished
	summary   Summary
	next      Next
}

// page writes the reports of the run and returns report.html.
func (r *run) page(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, r.inputs)
	must(t, err)
	defer s.Discard()
	var traffic Traffic
	for i := range r.exchanges {
		traffic.add(&r.exchanges[i])
	}
	s.Sending(&traffic)
	must(t, write(s, r.lines, r.users))
	for i := range r.gone {
		must(t, s.Vanished(&r.gone[i]))
	}
	for i, name := range r.inputs {
		r.summary.Inputs = append(r.summary.Inputs, Input{File: name, SHA256: "00ff", Rows: s.tally.byFile[i]})
	}
	s.Tally().Fill(&r.summary)
	must(t, s.Commit(&r.summary, r.next))
	return contents(t, dir)[PageFile]
}

// mixed is a run with rows of every status, attempts over a minute with a pause
// in which COR throttled, and cells that mean harm.
func mixed() *run {
	at0 := time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)
	r := &run{
		inputs: []string{"in/staff.csv", "-"}, lines: everyStatus(),
		summary: Summary{
			RunID: "20261123T031500Z-ab12cd", Job: "nightly", Version: "1.0", Target: "https://integrations.projectcor.com key-5f2e",
			StartedAt: at0, FinishedAt: at0.Add(time.Minute), DurationSeconds: 60, Attempts: 60,
			Warnings: []string{"a warning with \u202e and <b>"},
			Exit:     Exit{Code: 4, Reason: "1 row failed, 1 unknown, 2 invalid", All: []int{4, 5}},
		},
		next: Next{
			Hints:    []string{"resume later, when COR is back"},
			Commands: []Command{{"resume", "corattach resume runs/20261123T031500Z-ab12cd --rate=5"}},
		},
		users: []pipeline.UserLine{
			{User: "u1", Rows: 4, Requested: 101_0000, Returned: "139.9", OverAllocated: true, Requests: 1, Worst: pipeline.Missing},
			{User: "u2", Rows: 1, Requested: 1_0000, Requests: 1, Worst: pipeline.Failed},
		},
		gone: everyResult(),
	}
	for i, cell := range hostileCells() {
		r.lines = append(r.lines, pipeline.Line{
			Row: pipeline.Row{
				Place: pipeline.Place{File: 1, Line: int64(10 + i)}, Problem: "x",
				Cells: pipeline.Cells{User: cell, Workspace: cell, Percentage: cell, Source: cell},
			},
			Verdict: pipeline.Verdict{Status: pipeline.Invalid, Reason: "user_id " + strconv.Quote(cell) + " is odd: " + cell},
		})
	}
	for i := range 60 {
		e := pipeline.Exchange{Attempt: pipeline.Attempt{At: at0.Add(time.Duration(i) * time.Second)}, Answer: &pipeline.Answer{Status: 200}}
		switch {
		case i%10 == 3:
			e.Answer, e.Fault = nil, &pipeline.Fault{Kind: pipeline.Throttled, Status: 429}
		case i%10 == 5:
			e.Answer, e.Fault = nil, &pipeline.Fault{Kind: pipeline.Refused, Status: 400}
		case i%10 == 7:
			e.Answer = nil
		}
		r.exchanges = append(r.exchanges, e)
	}
	return r
}

// hostileCells are contents that must stay text.
func hostileCells() []string {
	return []string{
		`</script><script>document.title = "run over"</script>`, `<!-- <script>`, `"><img src=x onerror=alert(1)>`, `'`, "`", `{{.Title}}`,
		"a\u2028b\u2029c", "\u202egnp.exe\u202c", "=HYPERLINK(\"http://evil.example\")", "nul\x00 bell\a esc\x1b[31m del\x7f tab\t\n", "bad\xff\xc3(",
		"&lt;b&gt;&amp;", "javascript:alert(1)", "\ufeffbom\u200b", "عربى", strings.Repeat("x", 70_000), strings.Repeat("\xff", 1000),
	}
}

func TestPageTells(t *testing.T) {
	page := mixed().page(t)
	for _, want := range []string{
		"<h1>20261123T031500Z-ab12cd</h1>", "nightly", "2026-11-23 03:15:00 UTC", "1 min",
		"<b>Exit 4</b> 1 row failed, 1 unknown, 2 invalid", "resume later, when COR is back",
		"<span>corattach</span> <span>resume</span> <span>runs/20261123T031500Z-ab12cd</span>",
		"USER_NOT_FOUND", "no such user", `<a href="#L-1-5">staff.csv:5</a>`, `<bdi>in/staff.csv</bdi>`, `<tr id="L-2-1"`,
		"60 attempts in 59 s, 1.0 per second on average. COR throttled 6 times, from 03:15:03 to 03:15:53 UTC.",
		`<polygon class="mark"`, "1 user asks", "a warning with \\u202e and &lt;b&gt;",
		"<td class=\"num\">39.9</td>", // a difference
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "style=") || strings.Contains(page, "onclick") {
		t.Error("the page has styles or handlers in attributes, which its policy forbids")
	}
}

// Vanished pairs that were to be detached and are not come first, and those that
// are left out are counted.
func TestPageVanished(t *testing.T) {
	r := &run{}
	for range 2 * goneShown {
		r.gone = append(r.gone, pipeline.Vanished{User: "u", Workspace: "gone", Source: "SAP", Result: pipeline.Detached})
	}
	r.gone = append(r.gone, pipeline.Vanished{User: "u", Workspace: "refused", Source: "SAP", Result: pipeline.DetachFailed, Reason: "no"})
	page := r.page(t)
	for _, want := range []string{"101 pairs", "100 detached, 1 refused.", "And 51 more, in vanished.csv."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if first := strings.Index(page, "<bdi>refused</bdi>"); first < 0 || first > strings.Index(page, "<bdi>gone</bdi>") {
		t.Error("what is not done does not come first")
	}
}

// Rows come with the worst status first, each in input order, and every link
// leads somewhere.
func TestPageRows(t *testing.T) {
	page := mixed().page(t)
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %s stands twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(` (?:href="#|aria-labelledby=")([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("nothing has the id %s", m[1])
		}
	}
	if strings.Contains(page, "href=\"http") || strings.Contains(page, "src=\"") {
		t.Error("the page leads out")
	}
	var got []string
	for _, m := range regexp.MustCompile(`<tr id="(L-\d+-\d+)" data-status="(\w+)"`).FindAllStringSubmatch(page, 8) {
		got = append(got, m[1]+" "+m[2])
	}
	want := []string{"L-1-5 failed", "L-1-6 unknown", "L-1-7 invalid", "L-2-3 invalid", "L-2-10 invalid", "L-2-11 invalid", "L-2-12 invalid", "L-2-13 invalid"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// Rows name files without their directories as long as that tells them apart.
func TestShortNames(t *testing.T) {
	if got, want := shortNames([]string{"/data/a.csv", "b.csv", "-"}), []string{"a.csv", "b.csv", "-"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if same := []string{"monday/a.csv", "tuesday/a.csv"}; !slices.Equal(shortNames(same), same) {
		t.Errorf("%v", shortNames(same))
	}
}

// What stands in cells is text, and nothing of it can hide or turn the page
// around.
func TestPageHostile(t *testing.T) {
	page := mixed().page(t)
	if !utf8.ValidString(page) {
		t.Error("the page is no UTF-8")
	}
	for _, r := range page {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Fatalf("the page has %U", r)
		}
	}
	for tag, n := range map[string]int{"<script": 1, "</script": 1, "<style": 1, "<img": 0, "<!--": 0, "{{": 0} {
		got := strings.Count(strings.ToLower(page), tag)
		if tag == "{{" {
			got -= strings.Count(page, "{{.Title}}") // a cell
		}
		if got != n {
			t.Errorf("%s stands there %d times, want %d", tag, got, n)
		}
	}
	text := html.UnescapeString(page)
	for _, want := range []string{`</script><script>document.title = "run over"</script>`, `a\u2028b\u2029c`, `\u202egnp.exe`, `nul\x00 bell\a esc\x1b[31m`, `bad\xff\xc3(`, `&lt;b&gt;&amp;`} {
		if !strings.Contains(text, "<bdi>"+want) {
			t.Errorf("no cell begins with %s", want)
		}
	}
}

// The policy names the hashes of the very style and script in the page.
func TestPagePolicy(t *testing.T) {
	page := (&run{}).page(t)
	policy := html.UnescapeString(regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]+)">`).FindStringSubmatch(page)[1])
	for _, element := range []string{"style", "script"} {
		_, after, _ := strings.Cut(page, "<"+element+">")
		text, _, _ := strings.Cut(after, "</"+element+">")
		sum := sha256.Sum256([]byte(text))
		if want := element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; len(text) < 100 || !strings.Contains(policy, want) {
			t.Errorf("policy %s lacks %s", policy, want)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
}

// A run that needs no attention shows how its first rows were read.
func TestPageOfAGoodRun(t *testing.T) {
	r := &run{inputs: []string{"a.csv"}, summary: Summary{DryRun: true, Exit: Exit{Reason: "every row is accounted for"}}}
	for i := range 12 {
		r.lines = append(r.lines, at(int64(2+i), fmt.Sprintf("u%d", i), "w", "5", "SAP", pipeline.Verdict{Status: pipeline.Planned}))
	}
	r.users = []pipeline.UserLine{{Requested: 60_0000}}
	page := r.page(t)
	for _, want := range []string{"These are the first 10", "has all 12", "dry run", "nothing was sent", "60 %", `id="L-1-11"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{`id="L-1-12"`, `id="problems"`, `id="kinds"`, `id="rate"`, `id="sent"`} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if empty := (&run{}).page(t); !strings.Contains(empty, "The input has no rows.") {
		t.Error("the page of an empty input does not say so")
	}
}

// Only a run that ended well is shown as one, and only one in which COR returned
// something else, and nothing worse happened, as one that differs.
func TestTone(t *testing.T) {
	for _, c := range []struct {
		rows Rows
		all  []int
		want string
	}{
		{Rows{Matched: 3}, []int{0}, "good"}, {Rows{Matched: 3, Mismatched: 1, Missing: 1}, []int{5}, "differs"},
		{Rows{Mismatched: 1, Failed: 1}, []int{4, 5}, "bad"}, {Rows{Mismatched: 1}, []int{8, 5}, "bad"},
		{Rows{Matched: 3}, []int{1}, "bad"}, {Rows{Held: 1, Invalid: 1}, []int{4}, "bad"},
	} {
		if got := toneOf(&Summary{Rows: c.rows, Exit: Exit{Code: c.all[0], All: c.all}}); got != c.want {
			t.Errorf("%+v with %v: %s, want %s", c.rows, c.all, got, c.want)
		}
	}
}

// failingRun is a run of many rows that went wrong.
func failingRun(rows int, cell func(int) string, statuses ...pipeline.Status) *run {
	r := &run{inputs: []string{"staff.csv"}}
	for i := range rows {
		l := at(int64(i+2), cell(i), cell(i*31), "33.3333", "SALESFORCE", pipeline.Verdict{
			Status: statuses[i%len(statuses)], Reason: "COR refused: HTTP 400 ZC001 external id not associated: " + cell(i*31),
			HTTPStatus: 400, ErrorCode: "ZC001", Attempts: 3,
		})
		r.lines = append(r.lines, l)
	}
	return r
}

// A page is small however many rows need attention, and whatever stands in them;
// it says what it leaves out.
func TestPageSize(t *testing.T) {
	troubles := []pipeline.Status{
		pipeline.Failed, pipeline.Unknown, pipeline.Invalid, pipeline.Held, pipeline.NotSent, pipeline.Missing, pipeline.Mismatched,
	}
	name := func(i int) string { return fmt.Sprintf("user-%07d@example.com", i) }
	hostile := func(i int) string { return strings.Repeat(`"<&'`, 250) + strconv.Itoa(i) }
	for _, c := range []struct {
		name  string
		run   *run
		shown int // at least
	}{
		{"100,000 failed", failingRun(100_000, name, pipeline.Failed), rowsShown},
		{"100,000 of all kinds", failingRun(100_000, name, troubles...), rowsShown - len(troubles)},
		{"hostile cells", failingRun(20_000, hostile, troubles...), 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := c.run.page(t)
			shown := strings.Count(page, "<tr id=")
			t.Logf("%d rows in %d bytes", shown, len(page))
			if len(page) >= 5_000_000 || shown < c.shown || shown > rowsShown {
				t.Errorf("%d rows in %d bytes", shown, len(page))
			}
			left := 0
			note := regexp.MustCompile(`Not shown here[^<]*`).FindString(page)
			for _, m := range regexp.MustCompile(`([\d,]+) (?:failed|unknown|invalid|held|not_sent|missing|mismatched)`).FindAllStringSubmatch(note, -1) {
				n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
				must(t, err)
				left += n
			}
			if shown+left != len(c.run.lines) {
				t.Errorf("%d rows shown and %d left out of %d: %s", shown, left, len(c.run.lines), note)
			}
		})
	}
}

// Where rows do not fit, no status pushes out another.
func TestPageShares(t *testing.T) {
	var p problems
	for i := range 3 * rowsShown {
		status := pipeline.Failed
		if i >= 2*rowsShown {
			status = pipeline.Mismatched
		}
		l := at(int64(i+2), "u", "w", "1", "SAP", pipeline.Verdict{Status: status})
		p.add(&l)
	}
	few := at(9_999_999, "u", "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Missing})
	p.add(&few)
	rows := p.shown()
	count := map[pipeline.Status]int{}
	for i := range rows {
		count[rows[i].status]++
	}
	want := map[pipeline.Status]int{pipeline.Failed: rowsShown / 2, pipeline.Missing: 1, pipeline.Mismatched: rowsShown/2 - 1}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
	if !slices.IsSortedFunc(rows, func(a, b shownRow) int {
		if a.status != b.status {
			return showStatus(a.status).Rank - showStatus(b.status).Rank
		}
		return comparePlaces(a.place, b.place)
	}) {
		t.Error("the rows are out of order")
	}
}
