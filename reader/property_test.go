package reader

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// record is what encoding/csv makes of one: its line and its cells, or none when it
// has a wrong number of fields.
type record struct {
	Line  int64
	Cells pipeline.Cells
	Raw   bool
}

// reference reads text under the header noted with encoding/csv alone. It fails on
// what needs the framer: a record that is malformed, is long, or has a line break
// in one of the four columns or lines between its first and last.
func reference(text string) ([]record, error) {
	text = regexp.MustCompile("\r+(\n|$)").ReplaceAllString(text, "$1")
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	var records []record
	for {
		before := r.InputOffset()
		cells, err := r.Read()
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		size, lines := r.InputOffset()-before, strings.Count(strings.Join(cells, ""), "\n")
		if size > recordLimit || lines > 1 || lines > 0 && len(cells) != len(head) {
			return nil, errors.New("it needs the framer")
		}
		line, _ := r.FieldPos(0)
		found := record{Line: int64(line)}
		ended := r.InputOffset() < int64(len(text)) || strings.HasSuffix(text, "\n")
		if allBlank(cells) {
			continue
		}
		if len(cells) < len(head)-1 || len(cells) < len(head) && !ended || len(cells) > len(head) && !allBlank(cells[len(head):]) {
			records = append(records, record{Line: int64(line), Raw: true})
			continue
		}
		for i, column := range head[:min(len(head), len(cells))] {
			set(&found.Cells, column, cells[i])
		}
		c := found.Cells
		if strings.Contains(c.User+c.Workspace+c.Percentage+c.Source, "\n") {
			return nil, errors.New("a line break in a column")
		}
		records = append(records, found)
	}
}

func allBlank(cells []string) bool { return strings.Trim(strings.Join(cells, ""), " \t") == "" }

func set(cells *pipeline.Cells, column, value string) {
	switch column {
	case "user_id":
		cells.User = value
	case "workspace_id":
		cells.Workspace = value
	case "percentage":
		cells.Percentage = value
	case "source":
		cells.Source = value
	}
}

func sameAsReference(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) {
	t.Helper()
	want, err := reference(text)
	if err != nil {
		return
	}
	opts := options()
	opts.Unit = unitPercent
	g := readString(text, opts)
	var got []record
	for _, row := range g.rows {
		got = append(got, record{row.Line, row.Cells, row.Raw != ""})
	}
	if diff := cmp.Diff(want, got); diff != "" || g.err != nil {
		t.Fatalf("%v (-want +got)\n%s\n%q", g.err, diff, text)
	}
}

// accounted checks what holds for any input.
func accounted(t interface {
	Helper()
	Fatalf(string, ...any)
}, content []byte) {
	t.Helper()
	g := readFiles(options(), memory("in.csv", content))
	last := int64(0)
	for i, row := range g.rows {
		switch {
		case row.Line <= last:
			t.Fatalf("row %d on line %d after line %d", i, row.Line, last)
		case row.Problem == "" && (row.User == "" || row.Workspace == "" || row.Source == "" || row.Raw != ""):
			t.Fatalf("half a good row: %+v", row)
		case row.Raw != "" && (row.Cells != pipeline.Cells{} || row.Problem == "" || len(row.Raw) > recordLimit):
			t.Fatalf("raw row with cells: %+v", row)
		}
		last = row.Line
	}
	if g.err == nil && len(g.inputs) == 1 && g.inputs[0].Rows != int64(len(g.rows)) {
		t.Fatalf("%d rows, %d said", len(g.rows), g.inputs[0].Rows)
	}
	if again := readFiles(options(), memory("in.csv", content)); !slices.Equal(again.rows, g.rows) {
		t.Fatalf("the second reading differs")
	}
}

// everyLineCounts checks that each line of body begins a row, lies in a record
// of several lines or is empty, and that what is put behind body as a line of
// its own is read as such.
func everyLineCounts(t interface {
	Helper()
	Fatalf(string, ...any)
}, body string) {
	t.Helper()
	if strings.Contains(body, "\x00") {
		return
	}
	text := header + body + "\n"
	opts := options()
	opts.Unit = unitPercent
	alone, behind := readString(text, opts), readString(text+"END,W,1,SAP\n", opts)
	if alone.err != nil || behind.err != nil {
		t.Fatalf("%v, %v", alone.err, behind.err)
	}
	lines := strings.Split(body, "\n")
	n := len(behind.rows)
	if n != len(alone.rows)+1 || behind.rows[n-1].User != "END" || behind.rows[n-1].Line != int64(len(lines)+2) {
		t.Fatalf("the line behind was lost: %v\n%q", brief(behind.rows), text)
	}
	began := map[int64]bool{}
	for _, row := range alone.rows {
		began[row.Line] = true
	}
	for i, line := range lines {
		if !isBlankLine(line) && !began[int64(i+2)] {
			t.Fatalf("line %d is nobody's: %q", i+2, text)
		}
	}
}

// isBlankLine reports an empty line and one that is a record of blank cells.
func isBlankLine(line string) bool {
	cells, err := csv.NewReader(strings.NewReader(strings.TrimRight(line, "\r"))).Read()
	return err == io.EOF || err == nil && allBlank(cells)
}

func FuzzRows(f *testing.F) {
	for _, seed := range []string{
		"", "A,W,5,SAP\n", "\"A\",W,5,SAP\r\n,,,\n", "A,\"W\n5,SAP\n\"\"\"\n", "A,W,5\n\r\n\"\n", "\"A\"x\n\ufffd\xff,,\"\"\n",
	} {
		f.Add([]byte(seed))
		f.Add([]byte(header + seed))
		f.Add([]byte(noted + seed))
	}
	f.Add([]byte("sep=;\nuser_id;workspace_id;percentage;source\nA;W;5;SAP\n"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00"))
	f.Add([]byte("\xff\xfeu\x00s\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		accounted(t, content)
		everyLineCounts(t, string(content))
	})
}

func FuzzDifferential(f *testing.F) {
	for _, seed := range []string{
		"A,W,5,SAP,\n", "\"A\",\"W\"\"1\",5,SAP,\"a\nb\"\r\n", ",,,,\n\n\r\r\n", "A,W,5,SAP,x\r", "A,W,5,SAP,\"a\r\r\nb\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if !strings.Contains(body, "\x00") {
			sameAsReference(t, noted+body)
		}
	})
}

func TestGeneratedFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringOf(rapid.SampledFrom([]rune("ab1.,;\t|\" \r'é\u200b%")))
		note := rapid.OneOf(cell, rapid.SampledFrom([]string{"a\nb", "\n", "\"\n,\"", strings.Repeat("long ", 15_000)}))
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.UseCRLF = rapid.Bool().Draw(t, "CRLF")
		columns := append(rapid.Permutation([]string{"user_id", "workspace_id", "percentage", "source"}).Draw(t, "columns"), "_note")
		records := [][]string{columns}
		for range rapid.IntRange(0, 40).Draw(t, "rows") {
			record := make([]string, len(columns))
			for i, column := range columns {
				if record[i] = cell.Draw(t, column); column == "_note" {
					record[i] = note.Draw(t, column)
				}
			}
			records = append(records, record)
		}
		if err := w.WriteAll(records); err != nil {
			t.Fatal(err)
		}
		sameAsReference(t, text.String())
		accounted(t, text.Bytes())
	})
}

func TestGeneratedDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.OneOf(
			rapid.Just("A,W,5,SAP"),
			rapid.StringOf(rapid.SampledFrom([]rune("\"\"\",,a\r "))),
			rapid.SampledFrom([]string{"\"A\",\"W\",5,\"SAP\"", "\"A,W,5,SAP", "A,W,5,\"SAP\"\"", ""}),
		)
		everyLineCounts(t, strings.Join(rapid.SliceOfN(line, 0, 30).Draw(t, "lines"), "\n"))
	})
}

func TestSmallReads(t *testing.T) {
	text := noted + strings.Repeat("U,W,5,SAP,\"a\r\nb\"\r\n\"\nU,W\n", 50) + strings.Repeat("y", 1<<17)
	want := readString(text, options())
	g := readFiles(options(), File{Name: "in.csv", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&dripping{text}), nil
	}})
	if g.err != nil || !slices.Equal(g.rows, want.rows) || len(g.rows) != 151 {
		t.Errorf("%v, %d rows, want %d", g.err, len(g.rows), len(want.rows))
	}
}

// dripping gives one byte at a time.
type dripping struct{ left string }

func (d *dripping) Read(p []byte) (int, error) {
	if d.left == "" {
		return 0, io.EOF
	}
	n := copy(p[:1], d.left)
	d.left = d.left[n:]
	return n, nil
}
