package reader

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// layout is a header under one delimiter.
type layout struct {
	frame
	next    int // where the first record begins, in bytes after the header's first
	delim   byte
	names   []string // as they stand in the file; none when the header is broken
	columns []string // per name: the column that it is, "" for none
}

// readHeader passes over what stands before the header and takes the header. It
// returns nil when there is no text at all. Afterwards f stands at the first
// record and knows the header's form. start is what the file begins with.
func readHeader(f *framer, rules *rules, start []byte) (*layout, error) {
	if refused := refuseFirstLine(start); refused != nil {
		return nil, refused
	}
	for skipped := 0; skipped < rules.SkipLines && f.err != io.EOF; skipped++ {
		if err := f.skipLine(); err != nil {
			return nil, err
		}
	}
	line, err := firstText(f)
	if line == nil || err != nil {
		return nil, err
	}
	candidates := delimiters
	if delim := sepLine(line); delim != "" {
		candidates = delim
		if err = f.skipLine(); err == nil {
			line, err = firstText(f)
		}
		if line == nil || err != nil {
			return nil, err
		}
	}
	if rules.Delimiter != 0 {
		candidates = string(rules.Delimiter)
	}
	head, err := bestLayout(f, candidates, rules)
	if err != nil {
		return nil, err
	}
	if refused := head.refuse(rules); refused != nil {
		refused.Line = head.line
		if flags := rules.remedy(start, head); flags != "" {
			refused.Hint = "use " + flags
		}
		return nil, refused
	}
	f.advance(head.next, head.lines)
	f.delim, f.columns = head.delim, head.columns
	return head, nil
}

// firstText passes over lines without text and returns the line with text, or
// the first recordLimit bytes of it; nil when there is none.
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
		if len(bytes.Trim(line, delimiters+"\" \r")) > 0 {
			return line, nil
		}
		f.advance(at.next, 1)
	}
}

// sepLine returns the delimiter that a line such as sep=; names, by which
// spreadsheets tell it; "" for any other line.
func sepLine(line []byte) string {
	const name = "sep="
	text := bytes.Trim(line, `" `)
	if len(text) != len(name)+1 || !bytes.EqualFold(text[:len(name)], []byte(name)) || !bytes.ContainsAny(text[len(name):], delimiters) {
		return ""
	}
	return string(text[len(name):])
}

// bestLayout returns the header at f under the candidate that lacks fewest columns,
// or else shows most fields. Its error is the input's.
func bestLayout(f *framer, candidates string, rules *rules) (*layout, error) {
	var best *layout
	for _, delim := range []byte(candidates) {
		l, err := layoutAt(f, delim, rules)
		if err != nil {
			return nil, err
		}
		if best == nil || cmp.Or(len(l.missing(rules))-len(best.missing(rules)), best.fields-l.fields) < 0 {
			best = l
		}
	}
	return best, nil
}

// layoutAt reads the header at f under delim. Its error is the input's.
func layoutAt(f *framer, delim byte, rules *rules) (*layout, error) {
	f.delim, f.columns = delim, nil
	l := &layout{delim: delim}
	var err error
	if l.frame, l.next, err = f.scan(); err != nil || l.broken != "" {
		return l, err
	}
	c := csv.NewReader(bytes.NewReader(l.text))
	c.Comma = rune(delim)
	if l.names, err = c.Read(); err != nil {
		l.broken = err.Error()
		return l, nil
	}
	for _, name := range l.names {
		l.columns = append(l.columns, rules.columnOf(name))
	}
	return l, nil
}

// missing returns the columns that the header must have and has not.
func (l *layout) missing(rules *rules) []string {
	return slices.DeleteFunc(slices.Clone(rules.required), func(column string) bool { return slices.Contains(l.columns, column) })
}

// repeated returns the first column that is there more than once, "" for none.
func (l *layout) repeated() string {
	for i, column := range l.columns {
		if column != "" && slices.Index(l.columns, column) < i {
			return column
		}
	}
	return ""
}

// ignored returns the names of the columns that are none of those to read, and
// that neither say by a leading _ that they are meant for others nor stand in
// the vanished.csv that a detach is given.
func (l *layout) ignored(rules *rules) []string {
	var names []string
	for i, name := range l.names {
		expected := isForOthers(name) || rules.Detach && (isColumn(name, percentageColumn) || isColumn(name, "confirmed_at"))
		if l.columns[i] == "" && !expected {
			names = append(names, name)
		}
	}
	return names
}

// part reports whether the header is that of a failed.csv.
func (l *layout) part() bool {
	return !slices.ContainsFunc([]string{"_status", "_reason", "_file", "_line"}, func(name string) bool {
		return !slices.ContainsFunc(l.names, func(found string) bool { return sameName(found, name) })
	})
}

// mapped returns per field the name by which gocsv knows it, "" for what is not
// read.
func (l *layout) mapped() []string {
	names := slices.Clone(l.columns)
	for i, name := range l.names {
		if names[i] == "" && sameName(name, rawColumn) && l.part() {
			names[i] = rawColumn
		}
	}
	return names
}

// refuse says why the header is not accepted and what to do about it where the
// flags that would read the file can't be told; nil when it is accepted.
func (l *layout) refuse(rules *rules) *RefusedError {
	missing, repeated := l.missing(rules), l.repeated()
	switch {
	case l.broken != "":
		return refuse("the header is malformed CSV: "+l.broken, "fix the header; is it a CSV?")
	case len(l.names) == 1 && !strings.ContainsAny(l.names[0], delimiters):
		return refuse(fmt.Sprintf("has one column only, %s; no comma, semicolon, tab or pipe in its header", quote(l.names[0])),
			"export all columns; --skip-lines N passes over lines above the header")
	case len(missing) > 0:
		return refuse(l.compare("lacks", missing, rules), l.hintMissing(missing))
	case repeated != "":
		return refuse(l.compare("repeats", []string{repeated}, rules), l.hintRepeated(repeated))
	}
	return nil
}

// compare says what is wrong with columns, what was found and what was expected.
func (l *layout) compare(fault string, columns []string, rules *rules) string {
	var wrong, found, expected list
	for _, column := range columns {
		wrong.add(rules.header(column))
	}
	for _, name := range l.names {
		found.add(quote(name))
	}
	for _, column := range rules.required {
		expected.add(rules.header(column))
	}
	return fmt.Sprintf("the header %s %s; found %s; expected %s", fault, wrong.join(), found.join(), expected.join())
}

func (l *layout) hintMissing(missing []string) string {
	switch {
	case slices.ContainsFunc(l.names, func(name string) bool { return !utf8.ValidString(name) }):
		return "its bytes are no UTF-8: name the encoding it was written in, such as --encoding windows-1252"
	case len(missing) == 1 && missing[0] == sourceColumn:
		return anySource + " gives all rows one source, --map source=HEADER names the column"
	}
	return fmt.Sprintf("add the column, or name the one that holds it: --map %s=HEADER", missing[0])
}
