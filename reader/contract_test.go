package reader

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// mustRefuse returns the error of a text that must be refused.
func mustRefuse(t *testing.T, opts Options, texts ...string) *pipeline.Failure {
	t.Helper()
	var files []File
	for i, text := range texts {
		files = append(files, memory(fmt.Sprintf("%c.csv", 'a'+i), []byte(text)))
	}
	refused := new(pipeline.Failure)
	if g := readFiles(opts, files...); !errors.As(g.err, &refused) {
		t.Fatalf("%q: %v, %d rows", texts, g.err, len(g.rows))
	}
	return refused
}

// A refused header's hint has the flags under which the file is read, and no
// others: the test gives them.
func TestRemedies(t *testing.T) {
	const row = "U1,W1,60,SAP\n"
	for text, want := range map[string]string{
		"Allocation report\nQ3 2026\n\n" + header + row:            "use --skip-lines 3",
		"Report \"Q3\n" + header + row:                             "use --skip-lines 1",
		"Report of user_id, workspace_id\n" + header + row:         "use --skip-lines 1",
		"sep=^\n" + header + row:                                   "use --skip-lines 1",
		"Report\nsep=;\nuser_id;workspace_id;percentage;source\n":  "use --skip-lines 2",
		"user,workspace_id,percentage,source\n" + row:              "use --map user_id=user",
		"users_id,Workspace No.,pct,Source System\n" + row:         "use --map user_id=users_id --map 'workspace_id=Workspace No.' --map percentage=pct --map 'source=Source System'",
		"Employee No.,Cost Centre,Share,Comment\nU1,W1,60,x\n":     "use --map 'user_id=Employee No.' --map 'workspace_id=Cost Centre' --map percentage=Share --source NAME",
		"Mitarbeiter,workspace_id,percentage,source\n" + row:       "use --map user_id=Mitarbeiter",
		"user_id,workspace_id,Anteil in %,source\n" + row:          "use --map 'percentage=Anteil in %'",
		"user's id,workspace_id,percentage,source\n" + row:         `use --map 'user_id=user'"'"'s id'`,
		"Report\nuser,workspace_id,percentage,source\n" + row:      "use --skip-lines 1 --map user_id=user",
		"Report\nuser_id,workspace_id,percentage\nU1,W1,60\n":      "use --skip-lines 1 --source NAME",
		"user,workspace_id,percentage,source\n" + header + row:     "use --skip-lines 1",
		"user_id,workspace_id,percentage\nU1,W1,60\n":              "--source NAME gives all rows one source, --map source=HEADER names the column",
		"User name,User no,workspace_id,percentage,source\n" + row: "add the column, or name the one that holds it: --map user_id=HEADER",
		row + row:                                   "add the column, or name the one that holds it: --map user_id=HEADER",
		"USER-1,WORKSPACE-1,60%,source-1\n":         "add the column, or name the one that holds it: --map user_id=HEADER",
		"Benutz\xe4r,Arb\xe9it,Pr\xf6zent,source\n": "its bytes are no UTF-8: name the encoding it was written in, such as --encoding windows-1252",
		"User ID,user_id,workspace_id,percentage,source\nU1,,W1,60,SAP\n":      "say which one is meant: --map 'user_id=User ID' or --map user_id=user_id",
		"user_id,workspace_id,percentage,source,USER_ID\nU1,W1,60,SAP,U1\n":    "rename or remove the column that is there twice",
		strings.Repeat("title\n", 150) + header:                                "export all columns; --skip-lines N passes over lines above the header",
		"<Export of 2026>\n" + header + row:                                    "use --skip-lines 1",
		"user\u200b_id,workspace_id,percentage,source\n" + row:                 "add the column, or name the one that holds it: --map user_id=HEADER",
		"\"Title, with a comma\",,,\n,,,\n" + header + row:                     "use --skip-lines 2",
		"_user_id,workspace_id,percentage,source\n" + row:                      "add the column, or name the one that holds it: --map user_id=HEADER",
		"\"Titel\"\r\r\nuser_id;workspace_id;percentage;source\r\r\nA;B;5;SAP": "use --skip-lines 1",
	} {
		refused := mustRefuse(t, options(), text)
		if refused.Hint != want {
			t.Errorf("%q: %v\nhint %s\nwant %s", text, refused, refused.Hint, want)
			continue
		}
		flags, found := strings.CutPrefix(refused.Hint, "use ")
		if !found {
			continue
		}
		opts := options()
		apply(t, &opts, flags)
		if g := readString(text, opts); g.err != nil {
			t.Errorf("%q with %s: %v", text, flags, g.err)
		}
	}
}

// apply sets the options that flags name.
func apply(t *testing.T, opts *Options, flags string) {
	t.Helper()
	opts.Map = map[string]string{}
	for _, flag := range strings.Split(flags, "--")[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(flag), " ")
		value = strings.ReplaceAll(value, `'"'"'`, "\x00")
		value = strings.ReplaceAll(strings.ReplaceAll(value, "'", ""), "\x00", "'")
		switch name {
		case "skip-lines":
			if _, err := fmt.Sscan(value, &opts.SkipLines); err != nil {
				t.Fatal(err)
			}
		case "map":
			column, header, _ := strings.Cut(value, "=")
			opts.Map[column] = header
		case "source":
			opts.Source = "SAP"
		case "delimiter":
			opts.Delimiter = value
		default:
			t.Fatalf("unknown flag %s", name)
		}
	}
}

func TestRemediesOfOptions(t *testing.T) {
	opts := options()
	opts.SkipLines = 2
	equal(t, "use --skip-lines 0", mustRefuse(t, opts, header+"U1,W1,60,SAP\nU2,W1,60,SAP\n").Hint)
	opts = options()
	opts.Delimiter = "semicolon"
	equal(t, "use --delimiter comma", mustRefuse(t, opts, header).Hint)
	opts = options()
	equal(t, "use --delimiter comma", mustRefuse(t, opts, "sep=;\n"+header).Hint)
	opts.Map = map[string]string{"user_id": "Mitarbeiter"}
	refused := mustRefuse(t, opts, header)
	equal(t, `the header lacks Mitarbeiter; found "user_id", "workspace_id", "percentage", "source"; expected Mitarbeiter, workspace_id, percentage, source`, strings.TrimPrefix(refused.Error(), "a.csv:1: "))
	equal(t, "use --map user_id=user_id", refused.Hint)
	opts = options()
	opts.SkipLines = 1
	equal(t, "a.csv: its lines end with CR alone", mustRefuse(t, opts, strings.ReplaceAll(header+"U1,W1,60,SAP\n", "\n", "\r")).Error())
}

func TestCountOfFields(t *testing.T) {
	const note = "user_id,workspace_id,percentage,source,_note,_more\n"
	filled := options()
	filled.Source = "SAP"
	for name, c := range map[string]struct {
		head, text string
		opts       Options
		want       []string
	}{
		"lacks ignored columns":                {note, "U,W,5,SAP\nV,W,5,SAP,x\n", options(), []string{"2 U", "3 V"}},
		"lacks one that is needed":             {note, "U,W,5\n", options(), []string{"2 U! 3 fields where the header has 6"}},
		"lacks the source":                     {header, "U,W,5\nV,W\n", filled, []string{"2 U", "3 V! 2 fields where the header has 4"}},
		"lacks the source and ignored ones":    {note, "U,W,5\n", filled, []string{"2 U"}},
		"lacks a percentage behind the source": {"user_id,workspace_id,source,percentage\n", "U,W\n", filled, []string{"2 U! 2 fields where the header has 4"}},
		"may be cut":                           {note, "U,W,5,SAP,x", options(), []string{"2 U! 5 fields where the header has 6; the file ends without a line end and may be cut"}},
		"may be cut before the source":         {header, "U,W,5", filled, []string{"2 U! 3 fields where the header has 4; the file ends without a line end and may be cut"}},
		"whole without a line end":             {note, "U,W,5,SAP,,", options(), []string{"2 U"}},
		"surplus blank ones":                   {header, "U,W,5,SAP,, ,\"\t\",\nV,W,5,SAP,,x,\n", options(), []string{"2 U", "3 V! 7 fields where the header has 4"}},
		"surplus blank ones at the end":        {header, "U,W,5,SAP,,", options(), []string{"2 U"}},
		"surplus quoted quote":                 {header, "U,W,5,SAP,\"\"\"\"\n", options(), []string{"2 U! 5 fields where the header has 4"}},
		"surplus over two lines":               {header, "U,W,5,SAP,\"\n\"\n", options(), []string{"2 ! broken record: 5 fields over 2 lines where the header has 4", "3 ! broken record: a quote is never closed or stands within an unquoted field"}},
		"user not told":                        {"workspace_id,percentage,source,user_id\n", "W,5,SAP\n", options(), []string{"2 ! 3 fields where the header has 4"}},
		"blank cells":                          {note, " \n,,\n\"\",\" \",\t,,,,,,\nU,W,5,SAP\n,,,,x,\n,", options(), []string{"5 U", "6 ! user_id is blank"}},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, c.want, brief(mustRead(t, c.head+c.text, c.opts).rows))
		})
	}
}

func TestBlankRecordsAreCounted(t *testing.T) {
	g := mustRead(t, " ,\n"+header+"\n,,,\nU,W,5,SAP\n \t\n", options())
	equal(t, []string{"2 records of blank cells alone, not counted as rows; the first is at in.csv:4"}, g.warnings)
	equal(t, int64(1), g.inputs[0].Rows)
}

func TestPercentageUnits(t *testing.T) {
	rows := func(cells ...string) string {
		text := header
		for _, cell := range cells {
			text += "U,W,\"" + cell + "\",SAP\n"
		}
		return text
	}
	refused := mustRefuse(t, options(), rows("1", "0", "0.5", "0.25"), rows("1"))
	equal(t, `a.csv:4: percentage "0.5": no percentage of the input is above 1; they look like fractions`, refused.Error())
	equal(t, "say which is meant: --percentage-unit fraction reads 0.5 as 50 %, --percentage-unit percent as 0.5 %", refused.Hint)
	mustRefuse(t, options(), rows("0.5", "60x", "50%x", "200"))
	mustRefuse(t, options(), rows("0.5"), rows("60")[:len(header)])
	comma := options()
	comma.DecimalComma = true
	mustRefuse(t, comma, rows("0,5"))
	for _, texts := range [][]string{
		{rows("0", "1")}, {rows("0.5", "1.0001")}, {rows("0.5"), rows("60")}, {rows("0.5", "0.25 %")}, {rows("0x5")}, {header},
		{rows("0.5"), "user_id,workspace_id,percentage,source,_status,_reason,_file,_line\n"},
	} {
		var files []File
		for _, text := range texts {
			files = append(files, memory("in.csv", []byte(text)))
		}
		if g := readFiles(options(), files...); g.err != nil {
			t.Errorf("%q: %v", texts, g.err)
		}
	}
	for unit, want := range map[string]pipeline.Percent{"percent": 5000, "fraction": 500_000} {
		opts := options()
		opts.Unit = unit
		equal(t, want, mustRead(t, rows("0.5"), opts).rows[0].Percent)
	}
}

func TestFractions(t *testing.T) {
	opts := options()
	opts.Unit = "fraction"
	const accepted = "; accepted is 0 to 1 with up to six decimals, such as 0.333333"
	for cell, want := range map[string]string{
		"0": "", "1": "", "1.000000": "", "0.333333": "", "0.3333330000": "", "00.5": "",
		"0.3333333": "has more decimals than are accepted", "1.000001": "is over 1", "50": "is over 1", "-0.5": "is no plain decimal number",
		"0.5%": "is no plain decimal number", ".5": "is no plain decimal number",
		"0,5": "has a decimal comma, which only --decimal-comma accepts",
	} {
		row := mustRead(t, header+`U,W,"`+cell+`",SAP`, opts).rows[0]
		if want != "" {
			want = fmt.Sprintf("percentage %q %s%s", cell, want, accepted)
		}
		equal(t, want, row.Problem)
	}
	row := mustRead(t, header+"U,W,0.333333,SAP", opts).rows[0]
	equal(t, pipeline.Percent(333_333), row.Percent)
}

func TestWarningsOfFiles(t *testing.T) {
	const text = header + "U,W,5,SAP\n"
	noted := func(name string) string { return strings.Replace(text, "source", "source,"+name, 1) }
	opts := options()
	opts.SkipLines = 0
	g := readFiles(opts, memory("a.csv", []byte(text)), memory("b.csv", nil), memory("c.csv", []byte(header)), memory("d.csv", []byte(text)),
		memory("e.csv", []byte(noted("x"))), memory("f.csv", []byte(noted("x,y"))), memory("g.csv", nil))
	equal(t, []string{
		`e.csv, f.csv: ignored columns: "x", "y"`,
		"3 files without rows: b.csv has no header, c.csv has a header alone, g.csv has no header",
		"the same bytes were given twice: d.csv is a.csv",
	}, g.warnings)
	equal(t, 7, len(g.inputs))
	opts.SkipLines = 4
	g = readFiles(opts, memory("a.csv", []byte("\n\n\n\n"+text)), memory("b.csv", []byte(text)))
	equal(t, []string{"1 file without rows: b.csv has no header"}, g.warnings)
	equal(t, []string(nil), mustRead(t, header, options()).warnings)
}

func TestManyWarnings(t *testing.T) {
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	text := strings.TrimSpace(header) + "," + strings.Join(names, ",") + "\n" + strings.Repeat("1E5,W,5,SAP\n", 5000) + strings.Repeat(",W,5,SAP\n", 5000)
	g := mustRead(t, text, options())
	equal(t, 3, len(g.warnings))
	if !strings.HasSuffix(g.warnings[0], `"n19", and 10 more`) {
		t.Error(g.warnings[0])
	}
	equal(t, []string{
		`5000 ids in the form of a number that a spreadsheet has shortened; the first is user_id "1E5" at in.csv:2`,
		"5000 records without a known user; the first is at in.csv:5002: users may be sent in part",
	}, g.warnings[1:])
}

func TestDetach(t *testing.T) {
	opts := options()
	opts.Detach = true
	g := mustRead(t, "user_id,workspace_id,source,percentage,confirmed_at\nU,W,SAP,none,\"x\ny\"\n,W,SAP\n", opts)
	equal(t, []string{"2 U", "4 ! user_id is blank"}, brief(g.rows))
	equal(t, pipeline.Cells{User: "U", Workspace: "W", Source: "SAP"}, g.rows[0].Cells)
	equal(t, []string(nil), g.warnings)
	equal(t, 1, g.nobodys)
	refused := mustRefuse(t, opts, "user_id,workspace_id,percentage\n")
	equal(t, `the header lacks source; found "user_id", "workspace_id", "percentage"; expected user_id, workspace_id, source`, strings.TrimPrefix(refused.Error(), "a.csv:1: "))
}

// A failed.csv that is imported again keeps the raw line of what is not fixed yet.
func TestFailedCSV(t *testing.T) {
	const text = "user_id,workspace_id,percentage,source,_status,_reason,_file,_line,_raw\n" +
		"U,,,,invalid,broken,in.csv,2,\"U,\"\"W\"\nU,W,0.5,SAP,invalid,broken,in.csv,3,\"U,\"\"W\"\n,,,,invalid,broken,in.csv,4,x\n"
	g := mustRead(t, text, options())
	equal(t, []string{"2 U! workspace_id is blank", "3 U", "4 ! user_id is blank"}, brief(g.rows))
	equal(t, []string{`U,"W`, "", "x"}, []string{g.rows[0].Raw, g.rows[1].Raw, g.rows[2].Raw})
	if !g.inputs[0].Part {
		t.Error("it is no part")
	}
	g = mustRead(t, strings.Replace(text, "_line", "_row", 1), Options{Sources: pipeline.Sources(), Unit: "percent"})
	if g.inputs[0].Part || g.rows[0].Raw != "" {
		t.Errorf("%+v", g.rows[0])
	}
}

// Nothing reaches a row's cells but through gocsv: when it finds no column, no
// row has a cell.
func TestEveryRecordGoesThroughGocsv(t *testing.T) {
	const text = noted + "A,W,5,SAP,x\n\"B\",\"W\"\"\",5,SAP,\"a\nb\"\nC,W,5,SAP\nD,W,5,SAP,,,\nE,W\nF,W,5x,ACME,\r\r\nG,W,5,SAP,x"
	whole := mustRead(t, text, options()).rows
	calls := 0
	gocsv.SetHeaderNormalizer(func(string) string { calls++; return fmt.Sprint(calls) }) // no name is that of another
	defer gocsv.SetHeaderNormalizer(gocsv.DefaultNameNormalizer())
	blind := mustRead(t, text, options()).rows
	equal(t, 7, len(whole))
	equal(t, 7, len(blind))
	for i := range whole {
		if (whole[i].Cells == pipeline.Cells{}) != (whole[i].Raw != "") || whole[i].User == "" {
			t.Errorf("%+v", whole[i])
		}
		if (blind[i].Cells != pipeline.Cells{}) || blind[i].User != "" {
			t.Errorf("%+v has not come through gocsv", blind[i])
		}
	}
}
