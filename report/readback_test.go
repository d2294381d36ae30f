package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// readBack writes reports and reads their rows again.
func readBack(t rapid.TB, dir string, lines []pipeline.Line, source string) []pipeline.Reported {
	t.Helper()
	s, err := Open(dir, []string{"=a.csv", "-"})
	must(t, err)
	defer s.Discard()
	must(t, write(s, lines, nil))
	summary := &Summary{Source: source}
	s.Tally().Fill(summary)
	must(t, s.Commit(summary, Next{}))
	read, err := ReadSummary(dir)
	must(t, err)
	rows, err := collectRows(ReadRows(dir, read))
	must(t, err)
	return rows
}

func collectRows(rows iter.Seq2[*pipeline.Reported, error]) ([]pipeline.Reported, error) {
	var all []pipeline.Reported
	for r, err := range rows {
		if err != nil {
			return all, err
		}
		all = append(all, *r)
	}
	return all, nil
}

func TestReadRowsBack(t *testing.T) {
	want := []pipeline.Reported{
		{File: "=a.csv", Line: 2, User: "u1", Workspace: "w1", Source: "JIRA", Percentage: "60", Pivot: "60", Status: pipeline.Matched},
		{File: "=a.csv", Line: 3, User: "u1", Workspace: "w2", Source: "JIRA", Percentage: "40", Pivot: "39.9", Status: pipeline.Mismatched},
		{File: "=a.csv", Line: 4, User: "u1", Workspace: "w3", Source: "JIRA", Percentage: "1", Status: pipeline.Missing},
		{File: "=a.csv", Line: 5, User: "u2", Workspace: "w1", Source: "SAP", Percentage: "1", Status: pipeline.Failed},
		{File: "=a.csv", Line: 6, User: "u3", Workspace: "w1", Source: "SAP", Percentage: "1", Status: pipeline.Unknown},
		{File: "=a.csv", Line: 7, User: "u4", Workspace: "w1", Source: "SAP", Percentage: "101", Status: pipeline.Invalid},
		{File: "=a.csv", Line: 8, User: "u4", Workspace: "w2", Source: "SAP", Percentage: "1", Status: pipeline.Held},
		{File: "=a.csv", Line: 9, User: "u1", Workspace: "w1", Source: "JIRA", Percentage: "60", Status: pipeline.Duplicate},
		{File: "=a.csv", Line: 10, User: "u5", Workspace: "w1", Source: "SAP", Percentage: "1", Pivot: "1", Status: pipeline.Unchanged},
		{File: "-", Line: 1, User: "u6", Workspace: "w1", Source: "SAP", Percentage: "1", Status: pipeline.NotSent},
		{File: "-", Line: 2, User: "u7", Workspace: "w1", Source: "SAP", Percentage: "1", Status: pipeline.Planned},
		{File: "-", Line: 3, User: `u8;"w\xff1;50`, Status: pipeline.Invalid},
	}
	if diff := cmp.Diff(want, readBack(t, t.TempDir(), everyStatus(), "OKTA")); diff != "" {
		t.Error(diff)
	}
}

func TestReadCellsBack(t *testing.T) {
	planned, invalid := pipeline.Verdict{Status: pipeline.Planned}, pipeline.Verdict{Status: pipeline.Invalid}
	for _, c := range []struct {
		line pipeline.Line
		want pipeline.Reported
	}{
		{at(1, " =1+1\t", "-w", "50.50 %", "", planned), pipeline.Reported{User: "=1+1", Workspace: "-w", Source: "OKTA", Percentage: "50.5"}},
		{at(1, "'u", "''=w", "007", "sap", planned), pipeline.Reported{User: "'u", Workspace: "''=w", Source: "SAP", Percentage: "7"}},
		{at(1, "u", "w", "33,3333", "SAP", planned), pipeline.Reported{User: "u", Workspace: "w", Source: "SAP", Percentage: "33.3333"}},
		{at(1, "u", "w", "33,3333", "SAP", invalid), pipeline.Reported{User: "u", Workspace: "w", Source: "SAP", Percentage: "33,3333"}},
		{at(1, "u", "w", "-5", "SAP", invalid), pipeline.Reported{User: "u", Workspace: "w", Source: "SAP", Percentage: "-5"}},
		{at(1, "", "", "5", "", invalid), pipeline.Reported{Percentage: "5"}},
	} {
		c.want.File, c.want.Line, c.want.Status = "=a.csv", 1, c.line.Status
		if diff := cmp.Diff([]pipeline.Reported{c.want}, readBack(t, t.TempDir(), []pipeline.Line{c.line}, "OKTA")); diff != "" {
			t.Errorf("%+v: %s", c.line.Cells, diff)
		}
	}
}

// What is read back of an id is the id, whatever it holds, but for one that
// begins with the ' that a formula would be given.
func TestReadBackHostile(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		id := hostile("\r\n").Draw(t, "id")
		rows := readBack(t, dir, []pipeline.Line{at(1, id, "w", "5", "SAP", pipeline.Verdict{Status: pipeline.Invalid})}, "")
		want := strings.Trim(Show(id), " \t")
		if defuse(strings.TrimPrefix(Show(id), "'")) == Show(id) {
			want = strings.Trim(strings.TrimPrefix(Show(id), "'"), " \t")
		}
		if len(rows) != 1 || rows[0].User != want {
			t.Fatalf("%q comes back as %+v", id, rows)
		}
	})
}

func TestReadBackRefuses(t *testing.T) {
	const good = reconciliationHeader + "a.csv,2,U,W,SAP,5,,,,,,planned,,,,0,\n"
	for name, c := range map[string]struct{ content, want string }{
		"another header": {"a,b\n1,2\n", "its header is another"},
		"empty":          {"", "EOF"},
		"a row more":     {good + "a.csv,3,U,W2,SAP,5,,,,,,planned,,,,0,\n", "its rows are not those that summary.json counts"},
		"a row less":     {reconciliationHeader, "its rows are not those that summary.json counts"},
		"a cell less":    {strings.Replace(good, "planned,", "planned", 1), "wrong number of fields"},
		"another status": {strings.Replace(good, "planned", "fine", 1), `no status: "fine"`},
		"another line":   {strings.Replace(good, ",2,", ",two,", 1), `"two" is no line number`},
		"as it was":      {good, ""},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, ReconciliationFile)
		must(t, os.WriteFile(path, []byte(c.content), 0o600))
		_, err := collectRows(ReadRows(dir, &Summary{Rows: Rows{Total: 1, Planned: 1}}))
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, new(*AlteredError)) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	if _, err := ReadSummary(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no summary: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, SummaryFile), []byte(`{"rows":`), 0o600))
	if _, err := ReadSummary(dir); !errors.As(err, new(*AlteredError)) {
		t.Errorf("half a summary: %v", err)
	}
}

// comparison is one with a change of each form.
func comparison(changes ...pipeline.Change) *Comparison {
	c := &Comparison{A: Compared{RunID: "run-a", Target: "http://x\x1b[2J"}, B: Compared{RunID: "run-b", DryRun: true}}
	c.Counts.Pairs = len(changes)
	for _, change := range changes {
		c.Counts.ByKind[change.Kind]++
	}
	c.Changes = func(yield func(*pipeline.Change, error) bool) {
		for i := range changes {
			if !yield(&changes[i], nil) {
				return
			}
		}
	}
	return c
}

// No format breaks on hostile ids: the text has no control characters, the CSV no
// formulas, the JSON is one document, and all name every change.
func TestDiffFormatsAreSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var changes []pipeline.Change
		cell := hostile("\r\n")
		for i := range rapid.IntRange(0, 4).Draw(t, "changes") {
			changes = append(changes, pipeline.Change{
				User: Show(cell.Draw(t, "user")), Workspace: Show(cell.Draw(t, "workspace")), Source: Show(cell.Draw(t, "source")),
				Kind: pipeline.InputChanged, What: []string{"added"},
				B: &pipeline.PairSide{File: Show(cell.Draw(t, "file")), Line: int64(i), Percentage: Show(cell.Draw(t, "percentage")), Status: pipeline.Invalid},
			})
		}
		c := comparison(changes...)
		var text, table, document bytes.Buffer
		must(t, c.Text(&text))
		must(t, c.CSV(&table))
		must(t, c.JSON(&document))
		if at := strings.IndexFunc(text.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
			t.Fatalf("the text has %q", text.String()[at:])
		}
		if n := strings.Count(text.String(), "\ninput    added"); n != len(changes) {
			t.Fatalf("%d changes in %s", n, text.String())
		}
		records, err := csv.NewReader(&table).ReadAll()
		must(t, err)
		var decoded struct {
			A       Compared     `json:"run_a"`
			B       Compared     `json:"run_b"`
			Summary DiffSummary  `json:"summary"`
			Changes []changeJSON `json:"changes"`
		}
		must(t, json.Unmarshal(document.Bytes(), &decoded))
		if len(records) != len(changes)+1 || len(decoded.Changes) != len(changes) || decoded.Changes == nil || decoded.Summary != c.Summary() {
			t.Fatalf("%d changes: %d lines of CSV, %+v", len(changes), len(records), decoded)
		}
		for i, want := range changes {
			if got := records[i+1]; undefuse(got[2]) != undefuse(want.User) || got[9] != "" || got[14] != "invalid" || defuse(got[2]) != got[2] {
				t.Fatalf("change %+v is the line %q", want, got)
			}
			if got := decoded.Changes[i]; got.UserID != want.User || got.A != nil || got.B.Percentage != want.B.Percentage {
				t.Fatalf("change %+v is %+v", want, got)
			}
		}
	})
}

// An error of the changes, or of who reads them, is the error of every format.
func TestDiffFormatsFail(t *testing.T) {
	broken := errors.New("broken")
	for name, format := range map[string]func(*Comparison, *failing) error{
		"text": func(c *Comparison, w *failing) error { return c.Text(w) },
		"csv":  func(c *Comparison, w *failing) error { return c.CSV(w) },
		"json": func(c *Comparison, w *failing) error { return c.JSON(w) },
	} {
		c := comparison(pipeline.Change{Kind: pipeline.CORChanged})
		if err := format(c, &failing{broken}); !errors.Is(err, broken) {
			t.Errorf("%s: writing fails: %v", name, err)
		}
		c.Changes = func(yield func(*pipeline.Change, error) bool) { yield(nil, broken) }
		if err := format(c, &failing{}); !errors.Is(err, broken) {
			t.Errorf("%s: reading fails: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f *failing) Write(p []byte) (int, error) { return len(p), f.err }
