package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"iter"
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
	"corattach/report"
)

var start = time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// data is what a page is made of.
type data struct {
	report.Summary
	run report.Run
}

// write returns the page.
func write(t testing.TB, d *data) string {
	t.Helper()
	d.Vanished = int64(len(d.run.Vanished))
	var b bytes.Buffer
	must(t, Write(&b, &d.run, &d.Summary))
	return b.String()
}

// each goes through all of a list, by pointers to one variable, as report does.
func each[T any](list []T) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, one := range list {
			if !yield(&one) {
				return
			}
		}
	}
}

// run is a run with these lines.
func run(lines []pipeline.Line, inputs ...string) *data {
	d := &data{
		Summary: report.Summary{
			About: report.About{
				RunID: "20261123T031500Z-ab12cd", Job: "nightly", Version: "1.0", Command: "import",
				Target:    "https://integrations.projectcor.com key-5f2e",
				StartedAt: start, FinishedAt: start.Add(time.Minute), DurationSeconds: 60,
			},
			Rows: report.Counts{}, Balanced: true,
			Exit: report.Exit{Reason: "every row is accounted for"},
		},
		run: report.Run{
			Lines: each(lines), Users: each([]pipeline.UserLine{}), Traffic: &report.Traffic{},
			Attention: each(slices.DeleteFunc(slices.Clone(lines), func(l pipeline.Line) bool { return l.Status.Settled() })),
		},
	}
	for i := range lines {
		d.Rows[lines[i].Status]++
	}
	for _, name := range inputs {
		d.Inputs = append(d.Inputs, pipeline.Input{File: name, SHA256: strings.Repeat("0f", 32), Rows: int64(len(lines) / len(inputs))})
	}
	d.run.Inputs = d.Inputs
	return d
}

func line(number int64, user, workspace, percentage string, v pipeline.Verdict) pipeline.Line {
	l := pipeline.Line{
		Row:     pipeline.Row{Cells: pipeline.Cells{User: user, Workspace: workspace, Percentage: percentage, Source: "SAP"}},
		Verdict: v,
	}
	l.Line, l.User, l.Workspace, l.Source = number, pipeline.UserID(user), pipeline.WorkspaceID(workspace), "SAP"
	return l
}

func returned(percentage string) *pipeline.Pivot { return &pipeline.Pivot{Percentage: percentage} }

// everyStatus are rows of each status that an import has: two users of which one
// has an invalid row that holds another.
func everyStatus() []pipeline.Line {
	lines := []pipeline.Line{
		line(2, "u1", "WS-1", "60", pipeline.Verdict{Status: pipeline.Matched, Pivot: returned("60"), Attempts: 1, HTTPStatus: 200}),
		line(3, "u1", "WS-2", "40", pipeline.Verdict{Status: pipeline.Mismatched, Pivot: returned("39.9"), Attempts: 1, HTTPStatus: 200, Reason: "asked for 40, COR returned 39.9"}),
		line(4, "u1", "WS-3", "1", pipeline.Verdict{Status: pipeline.Missing, Attempts: 1, HTTPStatus: 200}),
		line(5, "u2", "WS-1", "100", pipeline.Verdict{Status: pipeline.Failed, Attempts: 1, HTTPStatus: 404, ErrorCode: "USER_NOT_FOUND", Reason: "COR refused: HTTP 404 USER_NOT_FOUND no such user", Subject: pipeline.UnknownUser}),
		line(6, "u3", "WS-1", "100", pipeline.Verdict{Status: pipeline.Unknown, Attempts: 6, HTTPStatus: 502, Reason: "HTTP 502: it does not say whether anything was stored"}),
		line(7, "u4", "WS-9", "5", pipeline.Verdict{Status: pipeline.Held, Reason: "line 9 of this user is invalid"}),
		line(8, "u5", "WS-1", "x", pipeline.Verdict{Status: pipeline.Invalid, Reason: `percentage "x" is no number`}),
		line(9, "u4", "WS-1", "101", pipeline.Verdict{Status: pipeline.Invalid, Reason: `percentage "101" is not from 0 to 100`}),
		line(1, "u1", "WS-1", "60", pipeline.Verdict{Status: pipeline.Duplicate, Reason: "the same as line 2 of staff.csv"}),
		line(2, "u6", "WS-1", "60", pipeline.Verdict{Status: pipeline.Unchanged}),
		line(3, "u7", "WS-1", "60", pipeline.Verdict{Status: pipeline.NotSent, Reason: "no connection"}),
	}
	for i := 8; i < len(lines); i++ {
		lines[i].File = 1
	}
	return lines
}

// hostileCells are contents that must stay text.
func hostileCells() []string {
	return []string{
		`</script><script>document.title = "run over"</script>`, `<!-- <script>`, `"><img src=x onerror=alert(1)>`, `'`, "`", `{{.Title}}`,
		"a\u2028b\u2029c", "\u202egnp.exe\u202c", "=HYPERLINK(\"http://evil.example\")", "nul\x00 bell\a esc\x1b[31m del\x7f tab\t\n", "bad\xff\xc3(",
		"&lt;b&gt;&amp;", "javascript:alert(1)", "\ufeffbom\u200b", "عربى", strings.Repeat("x", 70_000), strings.Repeat("\xff", 1000),
	}
}

// mixed is a run with rows of every status, cells that mean harm, and attempts
// over a minute with throttling.
func mixed() *data {
	lines := everyStatus()
	for i, cell := range hostileCells() {
		l := line(int64(10+i), cell, cell, cell, pipeline.Verdict{Status: pipeline.Invalid, Reason: "user_id " + strconv.Quote(cell) + " is odd: " + cell})
		l.File, l.Cells.Source = 1, cell
		lines = append(lines, l)
	}
	d := run(lines, "in/staff.csv", "-")
	d.Exit = report.Exit{Code: 4, Reason: "1 row failed, 1 unknown, 19 invalid, 1 held"}
	d.Advice = []string{"create the users of unmapped.csv in COR under their source, or correct their ids, then import failed.csv"}
	d.Next = []string{"corattach resume runs/20261123T031500Z-ab12cd"}
	d.Warnings, d.WarningsTotal = []string{"a warning with \u202e and <b>"}, 41
	d.Users, d.Requests, d.Attempts, d.Throttled, d.Extras = 26, 5, 60, 6, 2
	d.Causes = []*report.Cause{
		{
			Status: pipeline.Failed, ErrorCode: "USER_NOT_FOUND", Title: "COR does not know 1 user", Reason: "COR refused: HTTP 404 USER_NOT_FOUND no such user",
			Advice: d.Advice[0], IDs: []string{"u2"}, IDsTotal: 1, Rows: 1, Places: []pipeline.Place{{Line: 5}},
		},
		{Status: pipeline.Invalid, Reason: hostileCells()[0], Rows: 19, Places: []pipeline.Place{{Line: 8}, {Line: 9}, {File: 1, Line: 10}, {File: 1, Line: 99}}},
		{Status: pipeline.Mismatched, Reason: "asked for 40, COR returned 39.9", Advice: "if COR rounds, a wider --tolerance accepts its figure", Rows: 1, Places: []pipeline.Place{{Line: 3}}},
		{Status: pipeline.Held, Reason: "line 9 of this user is invalid", Rows: 1, Places: []pipeline.Place{{Line: 7}}},
	}
	d.CausesTotal = 40
	d.OverAllocatedUsers = 1
	d.run.Users = each([]pipeline.UserLine{
		{User: "u9", Rows: 1, Requested: 1_0000, Worst: pipeline.Matched},
		{User: "u1", Rows: 4, Requested: 101_0000, Returned: "139.9", OverAllocated: true, Requests: 1, Worst: pipeline.Missing},
	})
	for i, user := range []string{"gone-1", "gone-1", "gone-2"} {
		d.run.Vanished = append(d.run.Vanished, pipeline.Vanished{
			Pair:       pipeline.Pair{User: pipeline.UserID(user), Source: "SAP", Workspace: pipeline.WorkspaceID(fmt.Sprint("WS-", i))},
			Percentage: "50", ConfirmedAt: start.AddDate(0, 0, -1),
		})
	}
	for i := range 60 {
		e := pipeline.Exchange{Attempt: pipeline.Attempt{At: start.Add(time.Duration(i) * time.Second)}}
		switch i % 10 {
		case 3:
			e.Fault = &pipeline.Fault{Kind: pipeline.Throttled}
		case 5, 7:
			e.Fault = &pipeline.Fault{Kind: pipeline.Refused}
		}
		d.run.Traffic.Add(&e)
	}
	return d
}

// failing is a run of many rows that went wrong.
func failing(rows int, cell func(int) string, statuses ...pipeline.Status) *data {
	var lines []pipeline.Line
	for i := range rows {
		lines = append(lines, line(int64(i+2), cell(i), cell(i*31), "33.3333", pipeline.Verdict{
			Status: statuses[i%len(statuses)], Reason: "COR refused: HTTP 400 ZC001 external id not associated: " + cell(i*31),
			HTTPStatus: 400, ErrorCode: "ZC001", Attempts: 3,
		}))
	}
	return run(lines, "staff.csv")
}

func TestPageTells(t *testing.T) {
	d := mixed()
	d.Next = append(d.Next, "corattach import 'two  spaces.csv'")
	page := write(t, d)
	for _, want := range []string{
		"</span> Needs attention: <bdi>staff.csv and 1 other file</bdi></h1>", "job <b><bdi>nightly</bdi></b>",
		`<dd class="mono">20261123T031500Z-ab12cd</dd>`, "2026-11-23 03:15:00 UTC", "<dd>1m0s</dd>",
		"<b>Exit 4</b> 1 row failed, 1 unknown, 19 invalid, 1 held", "<li>create the users of unmapped.csv",
		"<span>corattach</span> <span>resume</span> <span>runs/20261123T031500Z-ab12cd</span>",
		"<span>&#39;two</span> <span></span> <span>spaces.csv&#39;</span>",
		"COR does not know 1 user", `<a href="#L-1-5">in/staff.csv:5</a>`, "-:99</td>", "The first 4 of 40 causes.",
		"The first 1 of 41 warnings.", "a warning with \\u202e and &lt;b&gt;",
		`<bdi>in/staff.csv</bdi>`, "60 attempts.", "throttled <b>6</b>",
		"1 user asks", `<td class="num">101</td><td class="num">139.9</td>`, "3 pairs that an earlier input had",
		`<tr class="same"><th scope="row" class="id"><bdi>gone-1</bdi>`, `(6 attempts)`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, forbidden := range []string{"style=", "onclick", `href="http`, `src="`, "u9", `id="L-2-1"`} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
}

// The outcome and the file come first, the run's id behind them.
func TestPageLeads(t *testing.T) {
	page := write(t, mixed())
	body := page[strings.Index(page, "<body>"):]
	at := -1
	for _, text := range []string{"Needs attention", "staff.csv", "Exit 4", "create the users", "corattach</span>", "20261123T031500Z-ab12cd</dd>", "<nav"} {
		next := strings.Index(body, text)
		if next <= at {
			t.Errorf("%s stands at %d, and what comes before it at %d", text, next, at)
		}
		at = next
	}
}

// Vanished pairs and over-allocated users that are left out are counted.
func TestPageCountsWhatItLeavesOut(t *testing.T) {
	d := run(nil)
	var users []pipeline.UserLine
	for i := range 3 * goneShown {
		user := pipeline.UserID(fmt.Sprint("user-", i))
		d.run.Vanished = append(d.run.Vanished, pipeline.Vanished{Pair: pipeline.Pair{User: user}})
		users = append(users, pipeline.UserLine{User: user, OverAllocated: true, Worst: pipeline.Matched})
	}
	d.run.Users, d.OverAllocatedUsers = each(users), int64(len(users))
	page := write(t, d)
	for _, want := range []string{"150 pairs", "the first 50; vanished.csv", "150 users ask", "the first 20; users.csv", "user-49"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "user-50") {
		t.Error("the page has more than it says")
	}
}

// Rows come with the worst status first, each in input order; every link leads
// somewhere.
func TestPageRows(t *testing.T) {
	page := write(t, mixed())
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
	var got []string
	for _, m := range regexp.MustCompile(`<tr id="(L-\d+-\d+)" data-status="(\w+)" data-rank="\d+"`).FindAllStringSubmatch(page, -1) {
		if m[2] != "invalid" || m[1][2] == '1' {
			got = append(got, m[1]+" "+m[2])
		}
	}
	want := []string{
		"L-1-5 failed", "L-1-6 unknown", "L-1-8 invalid", "L-1-9 invalid", "L-1-7 held",
		"L-2-3 not_sent", "L-1-4 missing", "L-1-3 mismatched",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// The input is named in a few words, and a row by its file where there are several.
func TestNames(t *testing.T) {
	for want, names := range map[string][]string{
		"no input": nil, "a.csv": {"/data/a.csv"}, "standard input": {"-"}, "a and 1 other file": {"a", "b"}, "a and 2 other files": {"a", "b", "c"},
	} {
		if got := newView(&run(nil, names...).run, &run(nil, names...).Summary).Subject; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What stands in cells is text, and nothing of it can hide or turn the page
// around.
func TestPageHostile(t *testing.T) {
	d := mixed()
	for _, text := range []*string{
		&d.RunID, &d.Job, &d.Version, &d.Target, &d.Exit.Reason, &d.Advice[0], &d.Next[0], &d.Warnings[0], &d.Inputs[0].File, &d.Causes[0].Title,
		&d.Causes[0].Reason, &d.Causes[0].ErrorCode, &d.Causes[0].Advice, &d.Causes[0].IDs[0],
	} {
		*text = "\u202e\x1b\xff" + hostileCells()[0]
	}
	d.run.Vanished[0] = pipeline.Vanished{Pair: pipeline.Pair{User: "\u202e<b>", Source: "\x00<i>", Workspace: "\x1b"}, Percentage: "\u202e"}
	d.Inputs[1].File = "b\u202e.csv"
	page := write(t, d)
	if !utf8.ValidString(page) {
		t.Error("the page is no UTF-8")
	}
	for _, r := range page {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Fatalf("the page has %U", r)
		}
	}
	for tag, n := range map[string]int{"<script": 1, "</script": 1, "<style": 1, "<img": 0, "<!--": 0} {
		if got := strings.Count(strings.ToLower(page), tag); got != n {
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
	page := write(t, run(nil))
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

// A run that needs no attention shows how its first rows were read, and no more
// lines are asked for.
func TestPageOfAGoodRun(t *testing.T) {
	var lines []pipeline.Line
	for i := range 12 {
		lines = append(lines, line(int64(2+i), fmt.Sprint("u", i), "w", "5", pipeline.Verdict{Status: pipeline.Planned}))
	}
	d := run(lines, "a.csv")
	d.DryRun, d.Plan, d.Estimate = true, "sha256:00ff", 90*time.Second
	asked := 0
	d.run.Lines = func(yield func(*pipeline.Line) bool) {
		for i := range lines {
			asked++
			if !yield(&lines[i]) {
				return
			}
		}
	}
	page := write(t, d)
	for _, want := range []string{
		"Ready to send: <bdi>a.csv</bdi>", "These are the first 10", "has all 12", "dry run, nothing was sent", `id="L-1-11"`, "sha256:00ff",
		"<dt>Sending takes about</dt><dd>1m30s</dd>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{`id="L-1-12"`, `id="controls"`, `id="causes"`, `id="sending"`, `id="warnings"`, "Attempts"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if asked != sampleShown {
		t.Errorf("%d lines were asked for", asked)
	}
	if empty := write(t, run(nil)); !strings.Contains(empty, "The input has no rows.") || !strings.Contains(empty, "Done: <bdi>no input") {
		t.Error("the page of an empty input does not say so")
	}
}

// The page of a detach run has no percentages.
func TestPageOfADetach(t *testing.T) {
	d := run([]pipeline.Line{line(2, "u", "w", "", pipeline.Verdict{Status: pipeline.Protected, Reason: "job nightly wants it"})}, "vanished.csv")
	d.Command, d.Job, d.Exit.Code = "detach", "", 4
	page := write(t, d)
	for _, want := range []string{"corattach detach</p>", `<table id="list" class="detach unsent">`, "may still be wanted", "job nightly wants it"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// Only a run that ended well is shown as one, and only one in which COR returned
// something else, and nothing worse happened, as one that differs.
func TestOutcome(t *testing.T) {
	for code, want := range map[int]string{
		0: "Done good", 1: "Internal error bad", 3: "Input refused bad", 4: "Needs attention bad", 5: "Needs attention differs",
		6: "Stopped by a guard bad", 7: "Credentials refused bad", 8: "COR unavailable bad", 129: "Interrupted bad", 143: "Interrupted bad",
	} {
		if words, tone := outcome(&report.Summary{Exit: report.Exit{Code: code}}); words+" "+tone != want {
			t.Errorf("exit %d: %s %s, want %s", code, words, tone, want)
		}
	}
}

// A page is small however many rows need attention, and whatever stands in them;
// it says what it leaves out, and no status pushes out another.
func TestPageSize(t *testing.T) {
	troubles := []pipeline.Status{
		pipeline.Failed, pipeline.Unknown, pipeline.Invalid, pipeline.Held, pipeline.NotSent, pipeline.Missing, pipeline.Mismatched,
	}
	name := func(i int) string { return fmt.Sprintf("user-%07d@example.com", i) }
	hostile := func(i int) string { return strings.Repeat(`"<&'`, 250) + strconv.Itoa(i) }
	for _, c := range []struct {
		name  string
		d     *data
		shown int
		most  int // bytes
	}{
		{"100,000 failed", failing(100_000, name, pipeline.Failed), rowsShown, 2_000_000},
		{"100,000 of all kinds", failing(100_000, name, troubles...), rowsShown / 7 * 7, 2_000_000},
		{"hostile cells", failing(20_000, hostile, troubles...), rowsShown / 7 * 7, 10_000_000},
		{"as many as fit", failing(rowsShown, name, troubles...), rowsShown, 2_000_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := write(t, c.d)
			shown := strings.Count(page, "<tr id=")
			if len(page) >= c.most || shown != c.shown {
				t.Errorf("%d rows in %d bytes", shown, len(page))
			}
			left := 0
			note := regexp.MustCompile(`Not shown here[^<]*`).FindString(page)
			for _, m := range regexp.MustCompile(`(\d[\d,]*) [a-z_]+`).FindAllStringSubmatch(note, -1) {
				n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
				must(t, err)
				left += n
			}
			if int64(shown+left) != c.d.Rows.Total() {
				t.Errorf("%d rows shown and %d left out of %d: %s", shown, left, c.d.Rows.Total(), note)
			}
		})
	}
}

// Statuses have signs of their own, so that colour is not needed.
func TestSigns(t *testing.T) {
	signs := map[string]bool{}
	for i, s := range pipeline.Statuses() {
		v := showStatus(s)
		if v.Sign == "" || v.Tone == "" || v.Means == "" || signs[v.Sign] {
			t.Errorf("%d: %+v", i, v)
		}
		signs[v.Sign] = true
	}
}

func TestTexts(t *testing.T) {
	for n, want := range map[int]string{1: "1", 1234: "1,234", 999: "999", 12345678: "12,345,678"} {
		if got := groupDigits(n); got != want {
			t.Errorf("groupDigits(%d) = %q, want %q", n, got, want)
		}
	}
	for text, want := range map[string]string{
		"plain": "plain", "a\x00\xff": `a\x00\xff`, "0123456789": "0123456789", "01234567890": "0123456…", "éééééé": "ééé…",
		"\u202e\u202e\u202e": `\u202e\…`, "éééé\u00a0éé": "ééé…", strings.Repeat("\x80", 11): `\x80\x8…`,
	} {
		if got := cut(10)(text); got != want {
			t.Errorf("cut(%q) = %q, want %q", text, got, want)
		}
	}
	for _, c := range []struct {
		n, all int64
		want   string
	}{{5, 5, "100 %"}, {1, 100_000, "0.1 %"}, {99_999, 100_000, "99.9 %"}, {1, 3, "33.3 %"}} {
		if got := percentOf(c.n, c.all); got != c.want {
			t.Errorf("percentOf(%d, %d) = %q, want %q", c.n, c.all, got, c.want)
		}
	}
}
