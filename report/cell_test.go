package report

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// text returns a cell for people as a Sheet writes it.
func text(cell string) string {
	var b strings.Builder
	s := NewSheet(&b, "a,b")
	s.Row(cell, "end")
	_ = s.End()
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "a,b\n"), ",end\n")
}

func TestSheetText(t *testing.T) {
	for cell, want := range map[string]string{
		"":                  "",
		"u-1":               "u-1",
		"-":                 "-",
		"--":                "'--",
		"-5":                "'-5",
		"=1+1":              "'=1+1",
		"+1":                "'+1",
		"@SUM(A1)":          "'@SUM(A1)",
		"＝1":                "'＝1",
		"＋1":                "'＋1",
		"－1":                "'－1",
		"＠1":                "'＠1",
		"  =1":              "'  =1",
		"\u00a0\u3000=1":    "'\u00a0\u3000=1",
		" - ":               `"' - "`,
		" a":                `" a"`,
		"a ":                `"a "`,
		"\ta":               "\"'\ta\"",
		"\ra":               "\"'\ra\"",
		"\na":               "\"'\na\"",
		"a\r\nb":            "\"a\r\nb\"",
		"a\rb":              "\"a\rb\"",
		"a\tb":              "\"a\tb\"",
		`a"b`:               `"a""b"`,
		`"`:                 `""""`,
		`=HYPERLINK("h")`:   `"'=HYPERLINK(""h"")"`,
		"a,b":               `"a,b"`,
		"a;b":               "a;b",
		"\xff=1":            `\xff=1`,
		"a\xe2\x80":         `a\xe2\x80`,
		"\xff,\"":           `"\xff,"""`,
		"\ufffd":            "\ufffd",
		"Zoë \u00a0 \u200b": "Zoë \u00a0 \u200b",
	} {
		if got := text(cell); got != want {
			t.Errorf("Text(%q) = %q, want %q", cell, got, want)
		}
	}
}

// hostile draws cells from what breaks CSV, spreadsheets and UTF-8, without one
// sequence.
func hostile(without string) *rapid.Generator[string] {
	parts := []string{
		"", "a", "u1", " ", ",", `"`, `""`, "\r", "\n", "\t", "=", "+", "-", "@", "＝", "＋", "－", "＠", "'",
		"é", "\xff", "\xe2\x80", "\x00", "\u00a0", "\u3000", "\ufeff", `\.`, "#", ";", "|", "\x7f", "\u2028",
	}
	part := rapid.OneOf(rapid.SampledFrom(parts), rapid.String())
	return rapid.Map(rapid.SliceOfN(part, 0, 6), func(list []string) string {
		text := strings.Join(list, "")
		for strings.Contains(text, without) {
			text = strings.ReplaceAll(text, without, "")
		}
		return text
	})
}

// read returns the records of a CSV as encoding/csv reads them.
func read(t rapid.TB, text []byte) [][]string {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	if err != nil {
		t.Fatalf("encoding/csv cannot read %q: %v", text, err)
	}
	return records
}

// Text writes one cell of valid UTF-8 that is no formula, and shows what
// it was given.
func TestTextIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := hostile("\r\n").Draw(t, "cell")
		text := text(cell)
		if !utf8.ValidString(text) {
			t.Fatalf("%q is not valid UTF-8", text)
		}
		records := read(t, []byte("x,"+text+"\n"))
		if len(records) != 1 || len(records[0]) != 2 {
			t.Fatalf("%q is read as %q", text, records)
		}
		got := records[0][1]
		if want := strings.ReplaceAll(pipeline.ValidUTF8(cell), "\r\n", "\n"); got != want && got != "'"+want {
			t.Fatalf("%q shows %q", cell, got)
		}
		if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(got, " ")); got != "-" && strings.ContainsRune("=+-@＝＋－＠\t\r\n", first) {
			t.Fatalf("%q would be run", got)
		}
	})
}

// failed.csv gives back the very cells when it is imported again, and the raw line
// and the user of a record that has none.
func TestFailedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := hostile("\n")
		r := newRun("a,b.csv")
		var lines []pipeline.Line
		want := [][]string{strings.Split(failedHeader, ",")}
		for i := range rapid.IntRange(0, 4).Draw(t, "rows") {
			l := at(int64(i), cell.Draw(t, "user"), cell.Draw(t, "workspace"), cell.Draw(t, "percentage"), cell.Draw(t, "source"),
				pipeline.Verdict{Status: pipeline.Invalid, Reason: cell.Draw(t, "reason")})
			first := []string{l.Cells.User, l.Cells.Workspace, l.Cells.Percentage, l.Cells.Source}
			if l.Raw = rapid.OneOf(rapid.Just(""), cell).Draw(t, "raw"); l.Raw != "" {
				first = []string{string(l.User), "", "", ""}
			}
			lines = append(lines, l)
			want = append(want, append(first, "invalid", pipeline.ValidUTF8(l.Reason), "a,b.csv", string(rune('0'+i)), pipeline.ValidUTF8(l.Raw)))
		}
		r.Lines, r.Attention = each(lines), each(unsettled(lines))
		var out bytes.Buffer
		must(t, writeFailed(&out, r))
		text, marked := bytes.CutPrefix(out.Bytes(), []byte(byteOrderMark))
		if ascii := bytes.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) < 0; ascii == marked {
			t.Errorf("ASCII %v, byte order mark %v", ascii, marked)
		}
		if diff := cmp.Diff(want, read(t, text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

// What was cut is not cut again, however often failed.csv is imported.
func TestFailedRawIsCutOnce(t *testing.T) {
	l := at(2, "", "", "", "", pipeline.Verdict{Status: pipeline.Invalid})
	l.Raw = strings.Repeat("é\xff", 32<<10)
	raw := func() string {
		return read(t, []byte(failedRecord(&l, newRun("a.csv"))))[0][8]
	}
	once := raw()
	l.Raw = once
	again := raw()
	if len(once) > rawKept || !strings.HasSuffix(once, "…") || again != once {
		t.Errorf("%d bytes, then %d", len(once), len(again))
	}
}

// Bytes that are no UTF-8, outer spaces and formulas stand in failed.csv as
// they were; a CSV for people shows them.
func TestHostileRow(t *testing.T) {
	l := at(2, "=u\xff", " w\t", "１0", "a\rb", pipeline.Verdict{Status: pipeline.Invalid, Reason: "+bad \xfe", ErrorCode: "@x"})
	long := pipeline.Line{
		Row:     pipeline.Row{Place: pipeline.Place{Line: 3}, Raw: "=" + strings.Repeat("x", 300)},
		Verdict: pipeline.Verdict{Status: pipeline.Invalid},
	}
	got := render(t, newRun("=a.csv", l, long))
	want := "'=a.csv,2,'=u\\xff,\" w\t\",\"a\rb\",１0,,,,,,invalid,'+bad \\xfe,,'@x,0,\n" +
		"'=a.csv,3,'=" + strings.Repeat("x", 251) + "…,,,,,,,,,invalid,,,,0,\n"
	if _, rows, _ := strings.Cut(got[ReconciliationFile], "\n"); rows != want {
		t.Errorf("reconciliation.csv = %q, want %q", rows, want)
	}
	want = "=u\xff,\" w\t\",１0,\"a\rb\",invalid,+bad \\xfe,=a.csv,2,\n" +
		",,,,invalid,,=a.csv,3,=" + strings.Repeat("x", 300) + "\n"
	if _, rows, _ := strings.Cut(got[FailedFile], "\n"); rows != want {
		t.Errorf("failed.csv = %q, want %q", rows, want)
	}
}
