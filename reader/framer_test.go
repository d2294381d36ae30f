package reader

import (
	"fmt"
	"strings"
	"testing"

	"corattach/pipeline"
)

const noted = "user_id,workspace_id,percentage,source,_note\n"

// brief writes rows as "line user" or "line ! problem".
func brief(rows []pipeline.Row) []string {
	var lines []string
	for _, row := range rows {
		what := string(row.User)
		if row.Problem != "" {
			what += "! " + row.Problem
		}
		lines = append(lines, fmt.Sprintf("%d %s", row.Line, what))
	}
	return lines
}

func TestBrokenRecords(t *testing.T) {
	const ok1, ok2 = "A,W,5,SAP,\n", "B,W,5,SAP,\n"
	half := strings.Repeat("n", 40_000)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"quote opens in a column": {ok1 + "\"U,W,5,SAP,\n" + ok2,
			[]string{"2 A", "3 ! broken record: a quote is never closed or stands within an unquoted field", "4 B"}},
		"quote opens in the last of the four": {ok1 + "U,W,5,\"SAP,\n" + ok2,
			[]string{"2 A", "3 ! broken record: a quote is never closed or stands within an unquoted field", "4 B"}},
		"line break in a column": {"U,\"W\n1\",5,SAP,\n" + ok2,
			[]string{"2 ! broken record: a line break in workspace_id", "3 ! broken record: a quote is never closed or stands within an unquoted field", "4 B"}},
		"quote within a field": {ok1 + "U,W\"1,5,SAP,\n" + ok2,
			[]string{"2 A", "3 ! broken record: a quote is never closed or stands within an unquoted field", "4 B"}},
		"quotes within a field": {ok1 + "U,W\"1\",5,SAP,\n" + ok2,
			[]string{"2 A", "3 ! broken record: a quote within an unquoted field", "4 B"}},
		"text after a quote": {"\"U\"x,W,5,SAP,\n" + ok2,
			[]string{"2 ! broken record: a quoted field goes on after its closing quote", "3 B"}},
		"CR after a quote": {"\"U\"\r,W,5,SAP,\n" + ok2,
			[]string{"2 ! broken record: a quoted field goes on after its closing quote", "3 B"}},
		"never closed": {ok1 + "U,W,5,SAP,\"note\n" + ok2 + ok2,
			[]string{"2 A", "3 ! broken record: a quote is never closed or stands within an unquoted field", "4 B", "5 B"}},
		"never closed on the last line": {ok1 + "U,W,5,SAP,\"",
			[]string{"2 A", "3 ! broken record: a quote is never closed or stands within an unquoted field"}},
		"encloses records": {"U,W,5,SAP,\"note\n" + ok1 + "V,W,5,SAP,note\"\n" + ok2,
			[]string{"2 ! broken record: its quotes enclose line 3, a whole record of its own", "3 A", "4 ! broken record: a quote is never closed or stands within an unquoted field", "5 B"}},
		"encloses a record with quotes": {"U,W,5,SAP,\"note\nx,\"\"\n\"\",W,5,SAP,\r\nend\"\n",
			[]string{"2 ! broken record: its quotes enclose line 4, a whole record of its own", "3 x! 2 fields where the header has 5",
				"4 ! user_id is blank", "5 ! broken record: a quote is never closed or stands within an unquoted field"}},
		"encloses other lines only": {"U,W,5,SAP,\"a\n\nb,c\n\nd\"\n" + ok2, []string{"2 U", "7 B"}},
		"last line looks like a record": {"U,W,5,SAP,\"a\nA,W,5,SAP,x\"\n" + ok2,
			[]string{"2 U", "4 B"}},
		"fields over several lines": {"U,W,5,SAP,\"a\nb\",more\n" + ok2,
			[]string{"2 ! broken record: 6 fields over 2 lines where the header has 5", "3 ! broken record: a quote is never closed or stands within an unquoted field", "4 B"}},
		"a line of 64 KiB is none": {"U,W,5,SAP," + strings.Repeat("n", recordLimit-10) + "\r\n" + ok2, []string{"2 U", "3 B"}},
		"a line over 64 KiB": {"U,W,5,SAP," + strings.Repeat("n", recordLimit-9) + "\n" + ok2,
			[]string{"2 ! broken record: longer than 65,536 bytes", "3 B"}},
		"a last line over 64 KiB": {ok1 + strings.Repeat("n", 1<<20),
			[]string{"2 A", "3 ! broken record: longer than 65,536 bytes"}},
		"lines over 64 KiB": {"U,W,5,SAP,\"" + half + "\n" + half + "\"\n" + ok2,
			[]string{"2 ! broken record: longer than 65,536 bytes", "3 ! broken record: a quote is never closed or stands within an unquoted field", "4 B"}},
		"lines of 64 KiB": {"U,W,5,SAP,\"" + half + "\n" + strings.Repeat("n", recordLimit-len(half)-13) + "\"\n" + ok2, []string{"2 U", "4 B"}},
		"few fields":      {"U,W\n" + ok2, []string{"2 U! 2 fields where the header has 5", "3 B"}},
		"many fields":     {" U ,W,5,SAP,,x\n" + ok2, []string{"2 U! 6 fields where the header has 5", "3 B"}},
		"one field":       {"x\n" + ok2, []string{"2 x! 1 field where the header has 5", "3 B"}},
		"bad user":        {".,W\n" + ok2, []string{"2 ! 2 fields where the header has 5", "3 B"}},
		"every line":      {strings.Repeat("\"\n", 3), []string{"2 ! broken record: 1 field over 2 lines where the header has 5", "3 ! broken record: 1 field over 2 lines where the header has 5", "4 ! broken record: a quote is never closed or stands within an unquoted field"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := brief(mustRead(t, noted+c.text, options()).rows)
			equal(t, c.want, got)
		})
	}
}

func TestRawOfBrokenRecords(t *testing.T) {
	long := strings.Repeat("x", recordLimit-1) + "é"
	g := mustRead(t, header+"\"U,W\r\nU,W,5\r\n"+long+"\n", options())
	equal(t, []string{"\"U,W", "U,W,5", long[:recordLimit-1]}, []string{g.rows[0].Raw, g.rows[1].Raw, g.rows[2].Raw})
	for _, row := range g.rows {
		equal(t, pipeline.Cells{}, row.Cells)
	}
	equal(t, []string{"2 records without a known user; the first is at in.csv:2: users may be sent in part"}, g.warnings)
}

func TestOneStrayQuote(t *testing.T) {
	const rows = 50_000
	for _, stray := range []string{"\"U,W,5,SAP,\n", "U,W,5,SAP,\"\n", "U,W,5,SAP,\"note\n"} {
		text := noted + "U,W,5,SAP,\n" + stray + strings.Repeat("U,W,5,SAP,\n", rows-2)
		good, bad := 0, []int64{}
		for _, row := range mustRead(t, text, options()).rows {
			if row.Problem == "" {
				good++
			} else {
				bad = append(bad, row.Line)
			}
		}
		if good != rows-1 || len(bad) != 1 || bad[0] != 3 {
			t.Errorf("%q: %d good, bad lines %v", stray, good, bad)
		}
	}
}
