package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	recordLimit = 64 << 10 // bytes of a record, its last line end not counted
	frameWindow = 256 << 10
)

var errLong = errors.New("longer than 65,536 bytes")

// framer cuts text into records by the strict rules of encoding/csv, but never
// looks further than recordLimit: of a broken record only the first physical
// line is given up, and the next line begins a new record. It holds
// frameWindow bytes, whatever the input.
//
// Its work is linear. Whether a line ends within quotes is decided by where it
// began and by whether it holds an odd number of quotes. So an open record goes
// on only over lines with an even number of them, up to the next odd line; each
// of those even lines, read again after the record proved broken, is a record
// of one line or broken at once. No line is scanned more than three times: as
// a later part of one record, alone as an inner line, and as a first line.
type framer struct {
	in      io.Reader
	delim   byte
	fields  int      // how many the header has
	columns []string // per field of the header: which of the four columns it is, "" for none

	buf   []byte // what is held; a frame's text lies in it
	pos   int    // where the next record begins in buf
	line  int64  // the physical line at pos, from 1
	quote int    // no quote stands in buf between pos and here
	first []byte // the first line of a broken record
	err   error  // why in gives no more
}

// frame is one record. Its text is valid until the next call.
type frame struct {
	line   int64  // physical line of its first byte
	text   []byte // without its line end; of a broken record its first line, cut at recordLimit
	broken string // why it is no record; "" when it is well-formed
}

// span is a physical line, in bytes after framer.pos.
type span struct {
	end  int // of its text, without LF or CRLF
	next int // where the next line begins
}

func newFramer(in io.Reader) *framer {
	return &framer{in: in, buf: make([]byte, 0, frameWindow), line: 1}
}

// next returns the next record, or the error that ended the input; io.EOF at
// its end. Empty lines are passed over.
func (f *framer) next() (frame, error) {
	for {
		at, err := f.lineAt(0)
		switch {
		case err == errLong:
			return f.giveUp(errLong.Error())
		case err != nil:
			return frame{}, err
		case at.end == 0:
			f.advance(at, 1)
			continue
		case f.hasQuote(at.end):
			return f.quoted()
		}
		r := frame{line: f.line, text: f.buf[f.pos : f.pos+at.end]}
		f.advance(at, 1)
		return r, nil
	}
}

// quoted returns the record at pos, which has a quote in its first line.
func (f *framer) quoted() (frame, error) {
	r, err := f.scan()
	if err != nil {
		return frame{}, err
	}
	switch {
	case r.fault != "":
		return f.giveUp(r.fault)
	case r.lines > 1 && r.fields != f.fields:
		return f.giveUp(fmt.Sprintf("%s over %d lines where the header has %d", count(r.fields, "field"), r.lines, f.fields))
	case r.lines > 2:
		if inner := f.innerRecord(r); inner > 0 {
			return f.giveUp(fmt.Sprintf("its quotes enclose line %d, a whole record of its own", inner))
		}
	}
	whole := frame{line: f.line, text: f.buf[f.pos : f.pos+r.end]}
	f.advance(r.span, r.lines)
	return whole, nil
}

// extent is a record that scan has found at pos.
type extent struct {
	span
	lines  int
	fields int
	fault  string // why it is broken
}

// scan finds the record at pos, line by line.
func (f *framer) scan() (extent, error) {
	r := extent{}
	s := scanner{delim: f.delim}
	for {
		start := r.next
		at, err := f.lineAt(start)
		switch {
		case err == errLong:
			r.fault = errLong.Error()
			return r, nil
		case err == io.EOF:
			r.fault = "a quote is never closed"
			return r, nil
		case err != nil:
			return r, err
		}
		r.span = at
		r.lines++
		done := s.scan(f.buf[f.pos+start : f.pos+at.end])
		r.fields, r.fault = s.fields, s.fault
		if done || r.fault != "" {
			return r, nil
		}
		if s.fields < len(f.columns) && f.columns[s.fields] != "" {
			r.fault = "a quote in " + f.columns[s.fields] + " is open at the end of the line"
			return r, nil
		}
	}
}

// innerRecord returns the first line strictly between the first and the last of
// r that, read alone, is a record like the header; 0 when there is none.
func (f *framer) innerRecord(r extent) int64 {
	text := f.buf[f.pos : f.pos+r.end]
	for n := range r.lines - 1 {
		i := bytes.IndexByte(text, '\n')
		line := bytes.TrimSuffix(text[:i], []byte{'\r'})
		s := scanner{delim: f.delim}
		if n > 0 && len(line) > 0 && s.scan(line) && s.fields == f.fields {
			return f.line + int64(n)
		}
		text = text[i+1:]
	}
	return 0
}

// giveUp takes the first line of the record at pos as broken.
func (f *framer) giveUp(why string) (frame, error) {
	r := frame{line: f.line, broken: why}
	at, err := f.lineAt(0)
	switch {
	case err == nil:
		f.first = append(f.first[:0], f.buf[f.pos:f.pos+at.end]...)
		f.advance(at, 1)
	case err == errLong:
		f.first = append(f.first[:0], cutRune(f.buf[f.pos:f.pos+recordLimit])...)
		if err := f.discardLine(); err != nil {
			return frame{}, err
		}
	default:
		return frame{}, err
	}
	r.text = f.first
	return r, nil
}

// discardLine passes over the rest of the line at pos, however long.
func (f *framer) discardLine() error {
	for {
		if i := bytes.IndexByte(f.buf[f.pos:], '\n'); i >= 0 {
			f.advance(span{next: i + 1}, 1)
			return nil
		}
		f.pos = len(f.buf)
		if f.err == io.EOF {
			return nil
		}
		if f.err != nil {
			return f.err
		}
		f.fill()
	}
}

// lineAt finds the physical line that begins off bytes after pos. It fails with
// errLong when the line ends more than recordLimit bytes after pos, with io.EOF
// when there is no such line, and with the input's error when it was cut.
func (f *framer) lineAt(off int) (span, error) {
	for from := off; ; f.fill() {
		text := f.buf[f.pos:]
		if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
			return lineSpan(text, off, from+i, from+i+1)
		}
		from = len(text)
		switch {
		case f.err == io.EOF && from > off:
			return lineSpan(text, off, from, from)
		case f.err != nil:
			return span{}, f.err
		case from > recordLimit+len("\r"):
			return span{}, errLong
		}
	}
}

// lineSpan drops the CR before a line end; encoding/csv drops it before the end
// of the input too.
func lineSpan(text []byte, off, end, next int) (span, error) {
	if end > off && text[end-1] == '\r' {
		end--
	}
	if end > recordLimit {
		return span{}, errLong
	}
	return span{end, next}, nil
}

func (f *framer) advance(at span, lines int) {
	f.pos += at.next
	f.line += int64(lines)
}

// hasQuote reports whether the n bytes at pos hold a quote.
func (f *framer) hasQuote(n int) bool {
	end := f.pos + n
	if f.quote < f.pos {
		f.quote = f.pos
	}
	if f.quote < end {
		i := bytes.IndexByte(f.buf[f.quote:], '"')
		if i < 0 {
			i = len(f.buf) - f.quote
		}
		f.quote += i
	}
	return f.quote < end
}

// fill reads once more. What is before pos is given up when there is no room.
func (f *framer) fill() {
	if len(f.buf) == cap(f.buf) {
		f.quote = max(f.quote-f.pos, 0)
		f.buf = f.buf[:copy(f.buf, f.buf[f.pos:])]
		f.pos = 0
	}
	n, err := f.in.Read(f.buf[len(f.buf):cap(f.buf)])
	f.buf, f.err = f.buf[:len(f.buf)+n], err
}
