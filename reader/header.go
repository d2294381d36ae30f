package reader

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The four columns, as the spec names them.
const (
	userColumn       = "user_id"
	workspaceColumn  = "workspace_id"
	percentageColumn = "percentage"
	sourceColumn     = "source"
)

const (
	delimiters = ",;\t|"
	namesShown = 20
)

func columnNames() []string {
	return []string{userColumn, workspaceColumn, percentageColumn, sourceColumn}
}

// layout is a header under one delimiter.
type layout struct {
	delim    byte
	names    []string // as they stand in the file
	fields   int      // how many there are, or were before the fault
	columns  []string // per name: which of the four columns it is, "" for none
	found    int      // how many of the four stand there at least once
	repeated string   // one of the four that stands there more than once
	span     span
	lines    int
	fault    string // how the header is malformed under this delimiter
}

// readHeader passes over what stands before the header and takes the header. It
// returns nil when there is no text at all. Afterwards f stands at the first
// record and knows the header's form.
func readHeader(f *framer, rules *rules) (*layout, error) {
	head, err := firstText(f)
	if head == nil || err != nil {
		return nil, err
	}
	if refused := refuseMarkup(f.buf[f.pos:]); refused != nil {
		return nil, refused
	}
	candidates := delimiters
	if delim, at, ok := sepLine(f, head); ok {
		candidates = string(delim)
		f.advance(at, 1)
		if head, err = firstText(f); head == nil || err != nil {
			return nil, err
		}
	}
	if rules.opts.Delimiter != 0 {
		candidates = string(rules.opts.Delimiter)
	}
	cr := loneCR(head)
	best := layout{found: -1, fields: -1}
	for _, delim := range []byte(candidates) {
		l, err := layoutAt(f, delim, rules)
		if err != nil {
			return nil, err
		}
		if l.found > best.found || l.found == best.found && l.fields > best.fields {
			best = l
		}
	}
	if refused := best.refuse(rules, cr); refused != nil {
		refused.Line = f.line
		return nil, refused
	}
	f.advance(best.span, best.lines)
	f.delim, f.fields, f.columns = best.delim, len(best.names), best.columns
	return &best, nil
}

// firstText passes over lines without text and returns the first bytes of the
// line with text; nil when there is none.
func firstText(f *framer) ([]byte, error) {
	for {
		at, err := f.lineAt(0)
		switch {
		case err == errLong:
			return f.buf[f.pos : f.pos+recordLimit], nil
		case err == io.EOF:
			return nil, nil
		case err != nil:
			return nil, err
		}
		line := f.buf[f.pos : f.pos+at.end]
		if len(bytes.Trim(line, delimiters+" \r")) > 0 {
			return line, nil
		}
		f.advance(at, 1)
	}
}

// sepLine recognises the line by which spreadsheets name the delimiter.
func sepLine(f *framer, line []byte) (delim byte, at span, ok bool) {
	at, err := f.lineAt(0)
	text := strings.TrimRight(string(line[:min(len(line), 64)]), " ")
	if bare, quoted := strings.CutPrefix(text, `"`); quoted {
		text = strings.TrimSuffix(bare, `"`)
	}
	const name = "sep="
	if err != nil || len(text) != len(name)+1 || !strings.EqualFold(text[:len(name)], name) {
		return 0, span{}, false
	}
	delim = text[len(name)]
	return delim, at, strings.IndexByte(delimiters, delim) >= 0
}

// layoutAt reads the header at f under delim. Its error is the input's.
func layoutAt(f *framer, delim byte, rules *rules) (layout, error) {
	l := layout{delim: delim, found: -1}
	f.delim, f.columns = delim, nil
	r, err := f.scan()
	l.fields = r.fields
	if err != nil || r.fault != "" {
		l.fault = r.fault
		return l, err
	}
	c := csv.NewReader(bytes.NewReader(f.buf[f.pos : f.pos+r.next]))
	c.Comma = rune(delim)
	names, err := c.Read()
	if err != nil {
		l.fault = err.Error()
		return l, nil
	}
	l.names, l.span, l.lines, l.found = names, r.span, r.lines, 0
	seen := map[string]bool{}
	for _, name := range names {
		column := rules.columnOf(name)
		l.columns = append(l.columns, column)
		switch {
		case column == "":
		case seen[column]:
			l.repeated = column
		default:
			seen[column] = true
			l.found++
		}
	}
	return l, nil
}

// refuse says why the header is not accepted; nil when it is. cr tells that its
// line has a CR alone.
func (l *layout) refuse(rules *rules, cr bool) *RefusedError {
	if cr {
		return refuse("its lines end with CR alone", "save it with LF or CRLF line ends")
	}
	if l.fault == errLong.Error() {
		return refuse("the header is "+l.fault+"; is it a CSV?", noText)
	}
	if l.fault != "" {
		return refuse("the header is malformed CSV: "+l.fault, "repair the quotes of the header")
	}
	if len(l.names) == 1 && !strings.ContainsAny(l.names[0], delimiters) {
		return refuse(fmt.Sprintf("has one column only, %s; no comma, semicolon, tab or pipe in its header", quote(l.names[0])),
			"export all columns, import the CSV file itself, or remove a title above the header")
	}
	var missing []string
	for _, column := range rules.required() {
		if !slices.Contains(l.columns, column) {
			missing = append(missing, rules.header(column))
		}
	}
	problem := ""
	switch {
	case len(missing) > 0:
		problem = "the header lacks " + strings.Join(missing, ", ")
	case l.repeated != "":
		problem = "the header repeats " + rules.header(l.repeated)
	default:
		return nil
	}
	var expected []string
	for _, column := range rules.required() {
		expected = append(expected, rules.header(column))
	}
	return refuse(fmt.Sprintf("%s; found %s; expected %s", problem, quoteList(l.names), strings.Join(expected, ", ")), l.hint(rules, missing))
}

func (l *layout) hint(rules *rules, missing []string) string {
	switch {
	case len(missing) == 0:
		return "rename or remove the column that is there twice"
	case rules.opts.Delimiter != 0 && len(l.names) == 1:
		return "is the delimiter another one? without --delimiter it is detected"
	case len(missing) == 1 && missing[0] == sourceColumn:
		return "--source NAME gives all rows one source, --map source=HEADER names the column"
	}
	return fmt.Sprintf("add the column, or name the one that holds it: --map %s=HEADER", rules.columnCalled(missing[0]))
}

// ignored returns the names of columns that are none of the four and don't say
// by a leading _ that they are meant for others.
func (l *layout) ignored() []string {
	var names []string
	for i, name := range l.names {
		if l.columns[i] == "" && !strings.HasPrefix(strings.TrimSpace(name), "_") {
			names = append(names, name)
		}
	}
	return names
}

// part reports whether the header is that of a failed.csv.
func (l *layout) part() bool {
	for _, name := range []string{"_status", "_reason", "_file", "_line"} {
		if !slices.Contains(l.names, name) {
			return false
		}
	}
	return true
}

// loneCR reports a CR outside quotes in a line given without its line end.
func loneCR(line []byte) bool {
	open := false
	for _, c := range line {
		switch {
		case c == '"':
			open = !open
		case c == '\r' && !open:
			return true
		}
	}
	return false
}

func quoteList(names []string) string {
	var quoted []string
	for _, name := range names[:min(len(names), namesShown)] {
		quoted = append(quoted, quote(name))
	}
	if more := len(names) - namesShown; more > 0 {
		quoted = append(quoted, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(quoted, ", ")
}
