package reader

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

const header = "user_id,workspace_id,percentage,source\n"

// got is what a reading brought.
type got struct {
	rows     []pipeline.Row
	warnings []string
	inputs   []pipeline.Input
	nobodys  int
	err      error
}

func memory(name string, content []byte) File {
	return File{Name: name, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

func options() Options { return Options{Sources: pipeline.Sources()} }

func readFiles(opts Options, files ...File) got {
	var g got
	reading, err := Read(context.Background(), files, opts, func(row *pipeline.Row) error {
		g.rows = append(g.rows, *row)
		return nil
	})
	if g.err = err; err == nil {
		g.inputs, g.warnings, g.nobodys = reading.Inputs, reading.Warnings, reading.Nobodys
	}
	return g
}

func readString(text string, opts Options) got {
	return readFiles(opts, memory("in.csv", []byte(text)))
}

// mustRead fails when the file is refused.
func mustRead(t *testing.T, text string, opts Options) got {
	t.Helper()
	g := readString(text, opts)
	if g.err != nil {
		t.Fatalf("refused: %v", g.err)
	}
	return g
}

// good is a row without a Problem as a test writes it down.
func good(line int64, user, workspace, percentage, source string) pipeline.Row {
	percent, _ := pipeline.ParseDecimal(strings.TrimRight(strings.Trim(percentage, " \t"), " %"), '.')
	return pipeline.Row{
		Place: pipeline.Place{Line: line}, User: pipeline.UserID(strings.Trim(user, " \t")),
		Workspace: pipeline.WorkspaceID(strings.Trim(workspace, " \t")), Percent: percent,
		Source: pipeline.Source(strings.ToUpper(strings.Trim(source, " \t"))),
		Cells:  pipeline.Cells{User: user, Workspace: workspace, Percentage: percentage, Source: source},
	}
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHeaderForms(t *testing.T) {
	one := []pipeline.Row{good(2, "U1", "W1", "60", "SAP")}
	three := []pipeline.Row{good(3, "U1", "W1", "60", "SAP")}
	for name, c := range map[string]struct {
		text string
		opts func(*Options)
		rows []pipeline.Row
		warn []string
	}{
		"plain":             {text: header + "U1,W1,60,SAP\n", rows: one},
		"any order":         {text: "source,percentage,workspace_id,user_id\nSAP,60,W1,U1", rows: one},
		"case and spaces":   {text: " User_ID ,WORKSPACE_id\t,Percentage,\"source \"\nU1,W1,60,SAP\n", rows: one},
		"semicolon":         {text: "user_id;workspace_id;percentage;source\nU1;W1;60;SAP\n", rows: one},
		"tab":               {text: "user_id\tworkspace_id\tpercentage\tsource\nU1\tW1\t60\tSAP\n", rows: one},
		"pipe":              {text: "user_id|workspace_id|percentage|source\nU1|W1|60|SAP\n", rows: one},
		"mixed header":      {text: "user_id;workspace_id;percentage;source;a,b,c,d,e\nU1;W1;60;SAP;x\n", rows: one, warn: []string{`in.csv: ignored columns: "a,b,c,d,e"`}},
		"quoted header":     {text: "\"user_id\",\"workspace_id\",\"percentage\",\"source\"\n\"U1\",\"W1\",\"60\",\"SAP\"\n", rows: one},
		"CRLF":              {text: "user_id,workspace_id,percentage,source\r\nU1,W1,60,SAP\r\n", rows: one},
		"CR before the end": {text: header + "U1,W1,60,SAP\r", rows: one},
		"UTF-8 BOM":         {text: "\ufeff\"user_id\",workspace_id,percentage,source\nU1,W1,60,SAP\n", rows: one},
		"sep line":          {text: "sep=;\r\nuser_id;workspace_id;percentage;source\r\nU1;W1;60;SAP\r\n", rows: three},
		"SEP line quoted":   {text: "\"SEP=|\"\nuser_id|workspace_id|percentage|source\nU1|W1|60|SAP\n", rows: three},
		"sep line tab":      {text: "sep=\t\nuser_id\tworkspace_id\tpercentage\tsource\nU1\tW1\t60\tSAP\n", rows: three},
		"sep line overruled": {text: "sep=;\n" + header + "U1,W1,60,SAP\n", rows: three,
			opts: func(o *Options) { o.Delimiter = "comma" }},
		"blank cells before":     {text: "\"\";\" \"\n" + header + "U1,W1,60,SAP\n", rows: three},
		"names without blanks":   {text: "User ID,Work-Space_Id,PERCEN TAGE,sour\u00a0ce\nU1,W1,60,SAP\n", rows: one},
		"names with a leading _": {text: "_user_id,user_id,workspace_id,percentage,source, _source\nx,U1,W1,60,SAP,x\n", rows: one},
		"CRCRLF":                 {text: "user_id,workspace_id,percentage,source\r\r\n\"U1\",W1,60,\"SAP\"\r\r\n\r\r\n", rows: one},
		"mapped in another Unicode form": {text: "Gr\u00fc\u00dfe,workspace_id,percentage,source\nU1,W1,60,SAP\n", rows: one,
			opts: func(o *Options) { o.Map = map[string]string{"user_id": "gru\u0308\u00dfe"} }},
		"skipped lines": {text: "Report \"Q3\nuser_id,x\n" + header + "U1,W1,60,SAP\n", rows: []pipeline.Row{good(4, "U1", "W1", "60", "SAP")},
			opts: func(o *Options) { o.SkipLines = 2 }},
		"sep behind skipped lines": {text: "Report\nsep=;\nuser_id;workspace_id;percentage;source\nU1;W1;60;SAP\n", rows: []pipeline.Row{good(4, "U1", "W1", "60", "SAP")},
			opts: func(o *Options) { o.SkipLines = 1 }},
		"more skipped than there is": {text: header + "U1,W1,60,SAP\n", opts: func(o *Options) { o.SkipLines = 1 << 40 }},
		"blank lines before":         {text: " ;;\t,\n" + header + "U1,W1,60,SAP\n", rows: three},
		"ignored columns": {text: "note,user_id,workspace_id,_reason,percentage,source,\nn,U1,W1,r,60,SAP,\n", rows: one,
			warn: []string{`in.csv: ignored columns: "note", ""`}},
		"line break in an ignored column": {text: "user_id,workspace_id,percentage,source,_note\nU1,W1,60,SAP,\"a\r\nb,\"\"c\"\"\"\nU1,W1,60,SAP,\n",
			rows: []pipeline.Row{good(2, "U1", "W1", "60", "SAP"), good(4, "U1", "W1", "60", "SAP")}},
		"mapped": {text: "user_id,Mitarbeiter ID,workspace_id,percentage,source\nold,U1,W1,60,SAP\n", rows: one,
			opts: func(o *Options) { o.Map = map[string]string{"user_id": " mitarbeiter id"} },
			warn: []string{`in.csv: ignored columns: "user_id"`}},
		"mapped across": {text: "source,user_id,percentage,kind\nU1,W1,60,SAP\n", rows: one,
			opts: func(o *Options) {
				o.Map = map[string]string{"user_id": "source", "workspace_id": "user_id", "source": "kind"}
			}},
		"empty lines":       {text: header + "\n\r\nU1,W1,60,SAP\n\n", rows: []pipeline.Row{good(4, "U1", "W1", "60", "SAP")}},
		"outer blanks":      {text: header + " U1\t, W1 ,\" 60 \",\tsap\n", rows: []pipeline.Row{good(2, " U1\t", " W1 ", " 60 ", "\tsap")}},
		"no text":           {text: ""},
		"blank lines only":  {text: "\n  \r\n,,,\n\r\r"},
		"header only":       {text: header},
		"BOM only":          {text: "\ufeff"},
		"inner plain space": {text: header + "U 1,W\u00e9,60,SAP\n", rows: []pipeline.Row{good(2, "U 1", "W\u00e9", "60", "SAP")}},
		"spreadsheet damage": {text: header + "1E+05,1.23e11,60,SAP\n", rows: []pipeline.Row{good(2, "1E+05", "1.23e11", "60", "SAP")},
			warn: []string{`2 ids in the form of a number that a spreadsheet has shortened; the first is user_id "1E+05" at in.csv:2`}},
	} {
		t.Run(name, func(t *testing.T) {
			opts := options()
			if c.opts != nil {
				c.opts(&opts)
			}
			g := mustRead(t, c.text, opts)
			equal(t, c.rows, g.rows)
			equal(t, c.warn, g.warnings)
			if len(g.inputs) != 1 || g.inputs[0].Rows != int64(len(c.rows)) {
				t.Errorf("inputs %v", g.inputs)
			}
		})
	}
}

func TestSourceFilled(t *testing.T) {
	opts := options()
	opts.Source = "OKTA"
	opts.Sources = append(opts.Sources, "ACME")
	g := mustRead(t, "user_id,workspace_id,percentage\nU1,W1,60\n", opts)
	if len(g.rows) != 1 || g.rows[0].Source != "OKTA" || g.rows[0].Problem != "" {
		t.Errorf("absent: %+v", g.rows)
	}
	g = mustRead(t, header+"U1,W1,60, \nU1,W2,60,acme\n", opts)
	if g.rows[0].Source != "OKTA" || g.rows[0].Cells.Source != " " || g.rows[1].Source != "ACME" {
		t.Errorf("blank: %+v", g.rows)
	}
}

func TestSeveralFiles(t *testing.T) {
	const textA = header + "U1,W1,60,SAP\n"
	const textB = "source;percentage;user_id;workspace_id\nSAP;5;U2;W2\nSAP;6;U3;W3"
	g := readFiles(options(), memory("a.csv", []byte(textA)), memory("-", []byte(textB)))
	var places []pipeline.Place
	for _, row := range g.rows {
		places = append(places, row.Place)
	}
	equal(t, []pipeline.Place{{File: 0, Line: 2}, {File: 1, Line: 2}, {File: 1, Line: 3}}, places)
	equal(t, []pipeline.Input{{File: "a.csv", SHA256: sum(textA), Rows: 1}, {File: "-", SHA256: sum(textB), Rows: 2}}, g.inputs)
}

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// endless gives rows for ever.
type endless struct {
	left   []byte
	closed bool
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.left) == 0 {
		e.left = []byte(strings.Repeat("U1,W1,60,SAP\n", 100))
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

func (e *endless) Close() error {
	e.closed = true
	return nil
}

// An error of row ends the reading and comes back as it is.
func TestLeavingEarly(t *testing.T) {
	e, why := &endless{left: []byte(header)}, errors.New("enough")
	open := func() (io.ReadCloser, error) { return e, nil }
	if _, err := Read(t.Context(), []File{{Name: "e", Open: open}}, options(), func(*pipeline.Row) error { return why }); err != why || !e.closed {
		t.Errorf("closed %v, %v", e.closed, err)
	}
}

func TestCancelled(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	e := &endless{left: []byte(header)}
	open := func() (io.ReadCloser, error) { return e, nil }
	rows := 0
	_, err := Read(ctx, []File{{Name: "e", Open: open}}, options(), func(*pipeline.Row) error {
		if rows++; rows == 1000 {
			cancel(why)
		}
		return nil
	})
	if err != why || rows < 1000 || !e.closed {
		t.Errorf("%d rows, %v, closed %v", rows, err, e.closed)
	}
}

func TestOpenAndReadErrors(t *testing.T) {
	g := readFiles(options(), File{Name: "-", Open: func() (io.ReadCloser, error) { return nil, errors.New("gone") }})
	if open := new(pipeline.Failure); !errors.As(g.err, &open) || open.Error() != "can't open standard input: gone" {
		t.Errorf("%v", g.err)
	}
	broken := io.MultiReader(strings.NewReader(header+"U1,W1,60,SAP\n"), failing{})
	g = readFiles(options(), File{Name: "x.csv", Open: func() (io.ReadCloser, error) { return io.NopCloser(broken), nil }})
	if open := new(pipeline.Failure); !errors.As(g.err, &open) || open.Error() != "can't read x.csv: device gone" {
		t.Errorf("%v", g.err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("device gone") }

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(*Options){
		`--encoding: unknown encoding "klingon"`:                                                   func(o *Options) { o.Encoding = "klingon" },
		`--map: unknown column "user" to map: there are user_id, workspace_id, percentage, source`: func(o *Options) { o.Map = map[string]string{"user": "x"} },
		`--map: columns source and user_id are both mapped to "x"`:                                 func(o *Options) { o.Map = map[string]string{"user_id": "x", "source": "X"} },
		`--map: column source is mapped to a blank name`:                                           func(o *Options) { o.Map = map[string]string{"source": " "} },
	} {
		opts := options()
		change(&opts)
		if err := opts.Check(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, name := range []string{"", "auto", "utf-8", "UTF8", "latin1", "iso-8859-1", "windows-1252", "utf-16le", "shift_jis", "cp850"} {
		if err := (&Options{Encoding: name}).Check(); err != nil {
			t.Error(err)
		}
	}
}
