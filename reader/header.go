package reader

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"corattach/pipeline"
)

// layout is a header under one delimiter.
type layout struct {
	frame
	delim    byte
	names    []string // as they stand in the file; those that can be read of a broken header
	columns  []string // per name: what columnOf says of it
	missing  []string // columns that it must have and has not
	repeated string   // a column that is there more than once, "" for none
}

// header passes over what stands before the header and takes the header. Afterwards
// f stands at the first record. start is what the file begins with. The error is
// io.EOF when there is no text at all.
func (r *reading) header(f *framer, start []byte) (*layout, error) {
	first, _, _ := bytes.Cut(bytes.TrimLeft(start, " \t\r\n"), []byte("\n"))
	switch {
	case bytes.IndexByte(first, 0) >= 0:
		return nil, r.refuse(0, "has NUL bytes in its first line: no text, or text in another encoding, such as UTF-16",
			"if it is UTF-16 without a byte order mark, name that: --encoding utf-16le or utf-16be")
	case bytes.IndexByte(bytes.TrimRight(first, "\r"), '\r') >= 0:
		return nil, r.refuse(0, "its lines end with CR alone", "save it with LF or CRLF line ends")
	}
	for range r.SkipLines {
		if err := f.skipLine(); err != nil {
			return nil, err
		}
	}
	sep := regexp.MustCompile(`(?i)^[" ]*sep=([` + delimiters + `])[" ]*$`) // by which spreadsheets tell the delimiter
	candidates := delimiters
	var record frame
	for {
		var err error
		if record, err = f.next(); err != nil {
			return nil, err
		}
		found := sep.FindSubmatch(record.first)
		if record.lines > 0 && found != nil && candidates == delimiters {
			candidates = string(found[1])
		} else if record.lines == 0 || len(bytes.Trim(record.first, delimiters+"\" \r")) > 0 {
			break
		}
		if err := f.skipLine(); err != nil {
			return nil, err
		}
	}
	if i := slices.Index(delimiterNames(), r.Delimiter); i >= 0 {
		candidates = delimiters[i : i+1]
	}
	head := r.bestLayout(record, candidates)
	if refused := r.refuseHeader(head); refused != nil {
		if flags := r.remedy(start, head); flags != "" && flags != anySource { // its plain hint says more
			refused.Hint = "use " + flags
		}
		return nil, refused
	}
	f.pass(record)
	return head, nil
}

// bestLayout returns the layout of a header under the candidate that lacks fewest
// columns, or else shows most fields.
func (r *reading) bestLayout(line frame, candidates string) *layout {
	var best *layout
	for _, delim := range []byte(candidates) {
		h := &layout{frame: line, delim: delim}
		if h.broken == "" {
			h.names, h.broken = newParser(delim).cells(line.text)
		}
		for _, name := range h.names {
			column := r.columnOf(name)
			if slices.Contains(columnNames(), column) && slices.Contains(h.columns, column) {
				h.repeated = cmp.Or(h.repeated, column)
			}
			h.columns = append(h.columns, column)
		}
		h.missing = slices.DeleteFunc(r.required(), func(column string) bool { return slices.Contains(h.columns, column) })
		if best == nil || cmp.Or(len(h.missing)-len(best.missing), len(best.names)-len(h.names)) < 0 {
			best = h
		}
	}
	return best
}

// index returns where the header first has a name, -1 when it has not.
func (h *layout) index(name string) int {
	return slices.IndexFunc(h.names, func(found string) bool { return sameName(found, name) })
}

// refuseHeader says why the header is not accepted and what to do about it where the
// flags that would read the file can't be told; nil when it is accepted.
func (r *reading) refuseHeader(h *layout) *pipeline.Failure {
	fault, columns, hint := "lacks", h.missing, ""
	switch {
	case h.broken != "":
		return r.refuse(h.line, "the header is malformed CSV: "+h.broken, "fix the header; is it a CSV?")
	case len(h.names) == 1 && !strings.ContainsAny(h.names[0], delimiters):
		return r.refuse(h.line, fmt.Sprintf("has one column only, %s; no comma, semicolon, tab or pipe in its header", quote(h.names[0])),
			"export all columns; --skip-lines N passes over lines above the header")
	case len(h.missing) > 0 && slices.ContainsFunc(h.names, func(name string) bool { return !utf8.ValidString(name) }):
		hint = "its bytes are no UTF-8: name the encoding it was written in, such as --encoding windows-1252"
	case len(h.missing) == 1 && h.missing[0] == sourceColumn:
		hint = anySource + " gives all rows one source, --map source=HEADER names the column"
	case len(h.missing) > 0:
		hint = fmt.Sprintf("add the column, or name the one that holds it: --map %s=HEADER", h.missing[0])
	case h.repeated != "":
		fault, columns, hint = "repeats", []string{h.repeated}, h.hintRepeated()
	default:
		return nil
	}
	listing := func(names []string, shown func(string) string) *list {
		l := new(list)
		for _, name := range names {
			l.add(shown(name))
		}
		return l
	}
	return r.refuse(h.line, fmt.Sprintf("the header %s %s; found %s; expected %s",
		fault, listing(columns, r.nameOf), listing(h.names, quote), listing(r.required(), r.nameOf)), hint)
}
