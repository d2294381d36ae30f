package diff

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/report"
	"corattach/report/page"
)

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func each(lines []pipeline.Line) iter.Seq[*pipeline.Line] {
	return func(yield func(*pipeline.Line) bool) {
		var l pipeline.Line // the one that every row is shown in
		for _, l = range lines {
			if !yield(&l) {
				return
			}
		}
	}
}

func runOf(lines []pipeline.Line) *report.Run {
	settled := func(l pipeline.Line) bool { return l.Status.Settled() }
	return &report.Run{
		About: report.About{RunID: "R", Command: "import", Inputs: []pipeline.Input{{File: "f.csv", Rows: int64(len(lines))}}},
		Lines: each(lines), Attention: each(slices.DeleteFunc(slices.Clone(lines), settled)), Users: func(func(*pipeline.UserLine) bool) {}, Traffic: &report.Traffic{},
	}
}

// row writes a row as "percentage status pivot", as in "60 matched 60".
func row(line int64, text string) pipeline.Line {
	words := append(strings.Fields(text), "")
	l := pipeline.Line{Row: pipeline.Row{Place: pipeline.Place{Line: line}, User: "U", Workspace: "W", Source: "SAP"}}
	l.Cells = pipeline.Cells{User: "U", Workspace: "W", Percentage: words[0], Source: "sap"}
	l.Status = pipeline.Status(words[1])
	var ok bool
	if l.Percent, ok = pipeline.ParseDecimal(words[0], '.'); !ok {
		l.Problem = "no percentage"
	}
	if words[2] != "" {
		l.Pivot = &pipeline.Pivot{Percentage: words[2]}
	}
	return l
}

func TestWhatChanged(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"60 matched 60", "60 matched 60", "none"},
		{"60 matched 60", "60 matched 60.0", "none"},
		{"60 matched 60", "70 matched 70", "both: percentage pivot"},
		{"60 matched 60", "70 mismatched 60", "both: percentage status"},
		{"60 matched 60", "60 mismatched 55", "cor: status pivot"},
		{"60 mismatched 50", "60 mismatched 55", "cor: pivot"},
		{"60 matched 60", "60 missing", "cor: status pivot"},
		{"60 failed", "60 unknown", "cor: status"},
		{"60 detached", "60 still_attached 60", "cor: status pivot"},
		{"", "60 matched 60", "input: added"},
		{"60 matched 60", "", "input: removed"},
		{"60 matched 60", "60 invalid", "input: validity, asked once"},
		{"60 matched 60", "60 held", "input: validity, asked once"},
		{"60 held", "60 invalid", "input: validity"},
		{"sixty invalid", "60 matched 60", "input: percentage validity, asked once"},
		{"sixty invalid", "seventy invalid", "input: percentage"},
		// A run that did not ask COR says nothing of it.
		{"60 matched 60", "60 planned", "none, asked once"},
		{"60 mismatched 50", "60 not_sent", "none, asked once"},
		{"60 planned", "70 matched 70", "input: percentage, asked once"},
		{"60 planned", "60 not_sent", "none"},
		// What is unchanged was confirmed before.
		{"60 matched 60", "60 unchanged", "none"},
		{"60 unchanged", "60 mismatched 50", "cor: status pivot"},
		{"60 unchanged", "60 unchanged", "none"},
		{"60 unchanged", "70 matched 70", "both: percentage pivot"},
		// Duplicates collapse, contradictions stand together.
		{"60 matched 60", "60 matched 60; 60 duplicate", "none"},
		{"60 duplicate; 60 matched 60", "60 matched 60", "none"},
		{"60 matched 60", "60 invalid; 70 invalid", "input: percentage validity, asked once"},
		{"60 invalid; 70 invalid", "70 invalid; 60 invalid", "none"},
		{"60 held; much invalid", "60 matched 60", "input: percentage validity, asked once"},
	} {
		var sides [2][]pipeline.Line
		for i, text := range []string{c.a, c.b} {
			for j, one := range strings.Split(text, ";") {
				if one != "" {
					sides[i] = append(sides[i], row(int64(j+2), one))
				}
			}
		}
		got, diff := "none", Compare(runOf(sides[0]), runOf(sides[1]))
		if len(diff.Changes) > 0 {
			got = diff.Changes[0].Origin + ": " + strings.Join(diff.Changes[0].What, " ")
		}
		if diff.Sums.AskedOnce > 0 {
			got += ", asked once"
		}
		if got != c.want || diff.Sums.Pairs != 1 || diff.Sums.Changed != len(diff.Changes) {
			t.Errorf("%q, then %q: %s, want %s (%+v)", c.a, c.b, got, c.want, diff.Sums)
		}
	}
}

// A pair is spoken for by its first row that is not invalid.
func TestWhoSpeaksForAPair(t *testing.T) {
	rows := []pipeline.Line{row(2, "much invalid"), row(3, "60 held"), row(4, "60 duplicate"), row(5, "55 held")}
	want := []Change{{
		Origin: "input", What: []string{"added"}, User: "U", Workspace: "W", Source: "SAP",
		B: &Side{File: "f.csv", Line: 3, Percentage: "55 / 60 / much", Status: pipeline.Held},
	}}
	if diff := cmp.Diff(want, Compare(runOf(nil), runOf(rows)).Changes); diff != "" {
		t.Error(diff)
	}
}

func drawLines(t *rapid.T, label string) []pipeline.Line {
	var rows []pipeline.Line
	for i := range rapid.IntRange(0, 60).Draw(t, label) {
		r := row(int64(i+2), rapid.SampledFrom([]string{
			"60 matched 60", "60 matched 60", "60 mismatched 50", "70 matched 70", "60 missing", "x invalid", "60 held", "60 planned", "60 not_sent",
			"60 duplicate",
		}).Draw(t, "row"))
		r.User = pipeline.UserID(fmt.Sprint("U", rapid.IntRange(0, 10).Draw(t, "user")))
		r.Workspace = pipeline.WorkspaceID(rapid.SampledFrom([]string{"V", "W"}).Draw(t, "workspace"))
		rows = append(rows, r)
	}
	return rows
}

// The comparison is that of each pair by itself; the changes come in the order of
// the pairs in b and then of the others in a; and the sums add up.
func TestDiffPairByPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawLines(t, "a"), drawLines(t, "b")
		of := func(rows []pipeline.Line, k key) (own []pipeline.Line) {
			for _, r := range rows {
				if keyOf(&r) == k {
					own = append(own, r)
				}
			}
			return own
		}
		var order []key
		for _, r := range slices.Concat(b, a) {
			if k := keyOf(&r); !slices.Contains(order, k) {
				order = append(order, k)
			}
		}
		want := []Change{}
		var sums Sums
		for _, k := range order {
			one := Compare(runOf(of(a, k)), runOf(of(b, k)))
			want = append(want, one.Changes...)
			s := &one.Sums
			for into, n := range map[*int]int{
				&sums.Pairs: s.Pairs, &sums.Unchanged: s.Unchanged, &sums.Changed: s.Changed, &sums.Input: s.Input, &sums.COR: s.COR, &sums.Both: s.Both,
				&sums.Added: s.Added, &sums.Removed: s.Removed, &sums.AskedOnce: s.AskedOnce,
			} {
				*into += n
			}
		}
		got := Compare(runOf(a), runOf(b))
		if diff := cmp.Diff(want, got.Changes); diff != "" {
			t.Fatal(diff)
		}
		if s := got.Sums; s != sums || s.Pairs != len(order) || s.Changed != s.Input+s.COR+s.Both || s.Pairs != s.Changed+s.Unchanged {
			t.Fatalf("sums: %+v, of the pairs %+v", s, sums)
		}
		back := Compare(runOf(b), runOf(a)).Sums
		back.Added, back.Removed = back.Removed, back.Added
		if back != sums {
			t.Fatalf("the other way round: %+v, and %+v", back, sums)
		}
		if changes := Compare(runOf(a), runOf(a)).Changes; len(changes) > 0 {
			t.Fatalf("a run and itself: %+v", changes)
		}
	})
}

// monday and tuesday have a change of each kind, and cells that would steer a
// terminal or a spreadsheet.
func monday() *report.Run {
	lines := []pipeline.Line{row(2, "60 matched 60"), row(3, "50 matched 50"), row(4, "33.3333 mismatched 33"), row(5, "100 matched 100"), row(6, "10 matched 10")}
	for i, user := range []string{"same", "more", "rounded", "gone", "=1+1"} {
		lines[i].User = pipeline.UserID(user)
	}
	r := runOf(lines)
	r.RunID, r.Target = "20261122T031500Z-c0ffee", "https://cor key-1"
	r.StartedAt = time.Date(2026, 11, 22, 3, 15, 0, 0, time.UTC)
	r.Inputs[0].File = "monday.csv"
	return r
}

func tuesday() *report.Run {
	lines := []pipeline.Line{row(2, "60 unchanged"), row(3, "70 mismatched 50"), row(4, "33.3333 matched 33.3333"), row(5, "5 not_sent"), row(6, "10 not_sent"), row(7, "x invalid")}
	for i, user := range []string{"same", "more", "rounded", "a\x1b[2J\xff", "=1+1", "U"} {
		lines[i].User = pipeline.UserID(user)
	}
	lines[5].User, lines[5].Cells, lines[5].Raw = "", pipeline.Cells{}, "broken\"\u202e"
	r := runOf(lines)
	r.RunID, r.DryRun, r.Job = "20261123T031500Z-ab12cd", true, "default"
	r.StartedAt = time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)
	r.Inputs[0].File = "tuesday.csv"
	return r
}

func TestFormats(t *testing.T) {
	c, same := Compare(monday(), tuesday()), Compare(monday(), monday())
	got := map[string]string{}
	for name, write := range map[string]func(*strings.Builder) error{
		"text": func(b *strings.Builder) error { return c.Text(b) },
		"stat": func(b *strings.Builder) error { return c.Stat(b) },
		"csv":  func(b *strings.Builder) error { return c.CSV(b) },
		"json": func(b *strings.Builder) error { return report.WriteJSON(b, c, "  ") },

		"same.text": func(b *strings.Builder) error { return same.Text(b) },
		"same.csv":  func(b *strings.Builder) error { return same.CSV(b) },
		"same.json": func(b *strings.Builder) error { return report.WriteJSON(b, same, "  ") },
	} {
		var b strings.Builder
		must(t, write(&b))
		got[name] = b.String()
		path := filepath.Join("testdata", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			must(t, os.MkdirAll("testdata", 0o755))
			must(t, os.WriteFile(path, []byte(got[name]), 0o644))
		}
		want, err := os.ReadFile(path)
		must(t, err)
		if diff := cmp.Diff(string(want), got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if !strings.HasSuffix(got["text"], got["stat"]) {
		t.Error("the text does not end with the sums")
	}
}

// full is a writer that takes nothing.
type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestErrorsOfTheWriter(t *testing.T) {
	c := Compare(monday(), tuesday())
	for name, err := range map[string]error{"text": c.Text(full{}), "stat": c.Stat(full{}), "csv": c.CSV(full{})} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// write writes the reports of a run into a directory.
func write(t *testing.T, r *report.Run) string {
	t.Helper()
	dir := t.TempDir()
	set, err := report.Open(dir, false)
	must(t, err)
	_, err = set.Write(context.Background(), r, page.Write)
	must(t, err)
	return dir
}

// A dry run that is read back is what it was, in whatever form its cells were.
func TestReadDryRun(t *testing.T) {
	var a, b []pipeline.Line
	for i, cell := range []string{"50", "50 %", "50,0", "33.33330", "0", "x"} {
		l := row(int64(i+2), strings.ReplaceAll(cell, " ", "")+" planned")
		l.User = pipeline.UserID(fmt.Sprint("=U", i))
		if cell == "x" {
			l.Status = pipeline.Invalid
		}
		l.Cells = pipeline.Cells{User: " " + string(l.User), Workspace: "W", Percentage: cell}
		b = append(b, l)
		l.Percent, _ = pipeline.ParseDecimal([]string{"50", "50", "50", "33.3333", "0", ""}[i], '.')
		a = append(a, l)
	}
	dry := runOf(b)
	dry.DryRun, dry.Flags = true, []string{"--source=sap", "--decimal-comma"}
	back, err := ReadDryRun(write(t, dry))
	must(t, err)
	if c := Compare(runOf(a), back); c.Sums.Changed > 0 || c.Sums.Pairs != len(a) {
		t.Errorf("%+v: %+v", c.Sums, c.Changes)
	}
	for cell, want := range map[string]string{"0.5": "50", "1": "100", "0.333333": "33.3333", "0.050": "5", "1.0": "100", "0": "0"} {
		if p := percentOf(cell, true); p.String() != want {
			t.Errorf("%s is %s %%, want %s", cell, p, want)
		}
	}
}

func TestReadDryRunAltered(t *testing.T) {
	for name, change := range map[string]func(text string) string{
		"cut":       func(text string) string { return text[:strings.LastIndex(strings.TrimSpace(text), "\n")+1] },
		"doubled":   func(text string) string { return text + text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:] },
		"status":    func(text string) string { return strings.Replace(text, ",unchanged,", ",fine,", 1) },
		"line":      func(text string) string { return strings.Replace(text, "tuesday.csv,2", "tuesday.csv,two", 1) },
		"file":      func(text string) string { return strings.Replace(text, "tuesday.csv,3", "wednesday.csv,3", 1) },
		"header":    func(text string) string { return strings.Replace(text, "user_id", "user", 1) },
		"quote":     func(text string) string { return strings.Replace(text, "tuesday.csv,3", "tues\"day.csv,3", 1) },
		"empty":     func(string) string { return "" },
		"reordered": func(text string) string { return strings.Replace(text, "tuesday.csv,2", "tuesday.csv,9", 1) },
	} {
		dir := write(t, tuesday())
		path := filepath.Join(dir, report.ReconciliationFile)
		text, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, []byte(change(string(text))), 0o600))
		if _, err := ReadDryRun(dir); err == nil || !strings.HasPrefix(err.Error(), path+" is not what the run wrote: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadDryRun(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no reports: %v", err)
	}
}
