package reader

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gocarina/gocsv"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// record is what gocsv fills.
type record struct {
	User       string `csv:"user_id"`
	Workspace  string `csv:"workspace_id"`
	Percentage string `csv:"percentage"`
	Source     string `csv:"source"`
}

// byGocsv returns what gocsv over encoding/csv makes of one record under a header
// of these columns: its cells and how many fields it has.
func byGocsv(delim byte, columns []string, text string) (pipeline.Cells, int, error) {
	var names []string
	for i, column := range columns {
		if column == "" {
			column = fmt.Sprintf("_%d", i)
		}
		names = append(names, column)
	}
	open := func() *csv.Reader {
		r := csv.NewReader(strings.NewReader(strings.Join(names, string(rune(delim))) + "\n" + text + "\r\n"))
		r.Comma, r.FieldsPerRecord = rune(delim), -1
		return r
	}
	plain := open()
	all, err := plain.ReadAll()
	if err != nil || len(all) != 2 {
		return pipeline.Cells{}, 0, fmt.Errorf("%d records, %v", len(all), err)
	}
	u, err := gocsv.NewUnmarshaller(open(), &record{})
	if err != nil {
		return pipeline.Cells{}, 0, err
	}
	got, err := u.Read()
	if err != nil {
		return pipeline.Cells{}, 0, err
	}
	r := got.(*record)
	return pipeline.Cells{User: r.User, Workspace: r.Workspace, Percentage: r.Percentage, Source: r.Source}, len(all[1]), nil
}

// splitIsGocsv frames text under a header of these columns and holds what split
// makes of each whole record against gocsv.
func splitIsGocsv(t interface {
	Helper()
	Fatalf(string, ...any)
}, delim byte, columns []string, text string) {
	t.Helper()
	form := newForm(&layout{delim: delim, columns: columns}, &rules{})
	f := newFramer(strings.NewReader(text))
	f.delim, f.fields, f.columns = delim, len(columns), columns
	for {
		r, err := f.next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if r.broken != "" {
			continue
		}
		want, fields, err := byGocsv(delim, columns, string(r.text))
		if err != nil {
			t.Fatalf("%q is framed as a record: %v", r.text, err)
		}
		var got pipeline.Cells
		if n := form.split(string(r.text), &got); n != fields || got != want {
			t.Fatalf("%q: split gives %q of %d fields, gocsv %q of %d", r.text, got, n, want, fields)
		}
	}
}

// TestSplitIsGocsv holds the one way in which records are split against gocsv,
// with and without quotes, of one line and of several.
func TestSplitIsGocsv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delim := rapid.SampledFrom([]byte(delimiters)).Draw(t, "delimiter")
		columns := rapid.Permutation([]string{userColumn, workspaceColumn, percentageColumn, sourceColumn, "", ""}).Draw(t, "columns")
		cell := rapid.OneOf(
			rapid.StringOf(rapid.SampledFrom([]rune("ab 1\r\t\x00é;,|'\u00a0\ufeff"))),
			rapid.Map(rapid.StringOf(rapid.SampledFrom([]rune("ab\"\",;\t|\r\n é"))), func(s string) string {
				return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
			}),
			rapid.StringOf(rapid.SampledFrom([]rune("a\"\"\n\r"))),
		)
		records := rapid.SliceOfN(rapid.SliceOfN(cell, 1, 8), 1, 4).Draw(t, "records")
		var text bytes.Buffer
		for _, cells := range records {
			text.WriteString(strings.Join(cells, string(rune(delim))) + rapid.SampledFrom([]string{"\n", "\r\n", "\r\r\n"}).Draw(t, "end"))
		}
		splitIsGocsv(t, delim, columns, text.String())
	})
}

// TestPlainLines holds batches against the records one by one, in texts of many
// batches: plain lines that are taken together must be what they are alone.
func TestPlainLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{
			"a,b,5,SAP\n", "a,b,5,SAP\r\n", strings.Repeat("a,b,5,SAP\n", 1000), strings.Repeat("x", 3000) + "\n", ",\n", "\n", "\r\n", "\r\r\n",
			"\"a\",b\n", "\"\n", strings.Repeat("y", batchBytes) + "\n", strings.Repeat("z", recordLimit+1) + "\n", "\r", "end",
		})
		text := strings.Join(rapid.SliceOfN(line, 0, 60).Draw(t, "lines"), "")
		columns := columnNames()
		open := func() *framer {
			f := newFramer(strings.NewReader(text))
			f.delim, f.fields, f.columns = ',', len(columns), columns
			return f
		}
		type record struct {
			Line         int64
			Text, Broken string
		}
		var want, got []record
		for one := open(); ; {
			r, err := one.next()
			if err == io.EOF {
				break
			}
			want = append(want, record{r.line, string(r.text), r.broken})
		}
		rows, err := open().batches(newForm(&layout{delim: ',', columns: columns}, &rules{}), func(b *batch) error {
			var row pipeline.Row
			for i := range b.Len() {
				b.Cells(i, &row)
				at := b.cuts[i]
				r := record{Line: at.line, Text: b.text[at.start:at.end]}
				if at.broken > 0 {
					r.Broken = b.broken[at.broken-1]
				}
				got = append(got, r)
			}
			return nil
		})
		if diff := cmp.Diff(want, got); err != nil || rows != int64(len(want)) || diff != "" {
			t.Fatalf("%v, %d rows, %s", err, rows, diff)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("A,W,5,SAP,\n\"A\",\"W\"\"1\",5,SAP,\"a\nb\"\r\n,,,,\n\n\r\r\nA,W,5,SAP,x\r")
	f.Add("\"\"\"\",\"\"\"a\"\"\",\"\",\"SAP\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		splitIsGocsv(t, ',', append(columnNames(), ""), text)
	})
}

// TestCellsAndRow holds a row without its checks against the row with them.
func TestCellsAndRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringOf(rapid.SampledFrom([]rune("u1 ,,,,5%\t\"SAP\u00a0\ufffdé")))).Draw(t, "lines")
		files := []File{memory("a.csv", []byte(header+strings.Join(lines, "\n"))), memory("b.csv", []byte(header+"U1,W1,5,SAP\n"))}
		for batch, err := range New(files, options()).Batches(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range batch.Len() {
				var whole, cells pipeline.Row
				batch.Row(i, &whole)
				batch.Cells(i, &cells)
				want := pipeline.Row{Place: whole.Place, Cells: whole.Cells, Raw: whole.Raw}
				if whole.Raw != "" {
					want.Problem, want.User = whole.Problem, whole.User
				}
				if diff := cmp.Diff(want, cells); diff != "" {
					t.Fatal(diff)
				}
			}
		}
	})
}
