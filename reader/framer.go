package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"corattach/pipeline"
)

const (
	recordLimit = 64 << 10 // bytes of a record, its last line end not counted
	frameWindow = 256 << 10
)

var errLong = errors.New("longer than 65,536 bytes")

// framer cuts text into records by the strict rules of encoding/csv, but never
// looks further than recordLimit: of a broken record only the first physical
// line is given up, and the next line begins a new record. A line ends with LF
// and any number of CR before it. It holds frameWindow bytes, whatever the
// input.
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
	columns []string // per field of the header: the column that it is, "" for none; nil for the header itself

	buf  []byte // what is held; a frame's text lies in it
	pos  int    // where the next record begins in buf
	line int64  // the physical line at pos, from 1
	err  error  // why in gives no more
}

// frame is one record. Its text is valid until the next call.
type frame struct {
	line   int64  // physical line of its first byte
	lines  int    // how many physical lines it has
	text   []byte // without its line end; of a broken record its first line, cut at recordLimit
	fields int    // how many there are
	ended  bool   // it has a line end
	broken string // why it is no record; "" when it is well-formed
}

// span is a physical line, in bytes after framer.pos.
type span struct {
	end  int // of its text, without LF and each CR before it
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
			f.advance(at.next, 1)
			continue
		}
		text := f.buf[f.pos : f.pos+at.end]
		if bytes.IndexByte(text, '"') >= 0 {
			return f.quoted()
		}
		r := frame{line: f.line, lines: 1, text: text, fields: bytes.Count(text, []byte{f.delim}) + 1, ended: f.endsLine(at)}
		f.advance(at.next, 1)
		return r, nil
	}
}

// quoted returns the record at pos, which has a quote in its first line.
func (f *framer) quoted() (frame, error) {
	r, next, err := f.scan()
	switch {
	case err != nil:
		return frame{}, err
	case r.broken != "":
		return f.giveUp(r.broken)
	case r.lines > 1 && r.fields != len(f.columns):
		return f.giveUp(fmt.Sprintf("%s over %d lines where the header has %d", pipeline.Count(r.fields, "field"), r.lines, len(f.columns)))
	}
	if inner := f.innerRecord(r); inner > 0 {
		return f.giveUp(fmt.Sprintf("its quotes enclose line %d, a whole record of its own", inner))
	}
	f.advance(next, r.lines)
	return r, nil
}

// scan finds the record at pos, line by line, and where the next one begins.
func (f *framer) scan() (r frame, next int, err error) {
	r.line = f.line
	for s := (scanner{delim: f.delim}); ; {
		at, err := f.lineAt(next)
		switch {
		case err == errLong:
			r.broken = errLong.Error()
			return r, 0, nil
		case err == io.EOF:
			r.broken = "a quote is never closed"
			return r, 0, nil
		case err != nil:
			return r, 0, err
		}
		done := s.scan(f.buf[f.pos+next : f.pos+at.end])
		next = at.next
		r.lines++
		r.text, r.fields, r.ended, r.broken = f.buf[f.pos:f.pos+at.end], s.fields, f.endsLine(at), s.fault
		if done || r.broken != "" {
			return r, next, nil
		}
		if s.fields < len(f.columns) && f.columns[s.fields] != "" {
			r.broken = "a quote in " + f.columns[s.fields] + " is open at the end of the line"
			return r, 0, nil
		}
	}
}

// innerRecord returns the first line strictly between the first and the last of
// r that, read alone, is a record like the header; 0 when there is none.
func (f *framer) innerRecord(r frame) int64 {
	text := r.text
	for n := range r.lines - 1 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		s := scanner{delim: f.delim}
		if n > 0 && len(line) > 0 && s.scan(line) && s.fields == len(f.columns) {
			return r.line + int64(n)
		}
		text = rest
	}
	return 0
}

// giveUp takes the first line of the record at pos as broken.
func (f *framer) giveUp(why string) (frame, error) {
	r := frame{line: f.line, broken: why}
	at, err := f.lineAt(0)
	switch {
	case err == errLong:
		r.text = bytes.Clone(cut(f.buf[f.pos:], recordLimit))
		return r, f.skipLine()
	case err == nil:
		r.text = f.buf[f.pos : f.pos+at.end]
		f.advance(at.next, 1)
	}
	return r, err
}

// cut returns the first n bytes of a longer text, without a character that they
// end within.
func cut[T string | []byte](text T, n int) T {
	for end := n; end > n-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return text[:end]
		}
	}
	return text[:n]
}

// skipLine passes over the line at pos, however long. At the end of the input it
// does nothing.
func (f *framer) skipLine() error {
	for {
		if i := bytes.IndexByte(f.buf[f.pos:], '\n'); i >= 0 {
			f.advance(i+1, 1)
			return nil
		}
		f.pos = len(f.buf)
		switch {
		case f.err == io.EOF:
			return nil
		case f.err != nil:
			return f.err
		}
		f.fill()
	}
}

// lineAt finds the physical line that begins off bytes after pos. It fails with
// errLong when the line ends more than recordLimit bytes after pos, with io.EOF
// when there is no such line, and with the input's error when it was cut.
func (f *framer) lineAt(off int) (at span, err error) {
	for from := off; at.next == 0; {
		i := bytes.IndexByte(f.buf[f.pos+from:], '\n')
		held := len(f.buf) - f.pos
		switch {
		case i >= 0:
			at.next = from + i + 1
		case f.err == io.EOF && held > off:
			at.next = held
		case f.err != nil:
			return at, f.err
		case held > recordLimit+len("\r\r"):
			return at, errLong
		default:
			from = held
			f.fill()
		}
	}
	line := bytes.TrimSuffix(f.buf[f.pos+off:f.pos+at.next], []byte("\n"))
	at.end = off + len(bytes.TrimRight(line, "\r"))
	if at.end > recordLimit {
		return span{}, errLong
	}
	return at, nil
}

// endsLine reports whether a line has a line end.
func (f *framer) endsLine(at span) bool { return f.buf[f.pos+at.next-1] == '\n' }

func (f *framer) advance(next, lines int) {
	f.pos += next
	f.line += int64(lines)
}

// fill reads once more. What is before pos is given up when there is no room.
func (f *framer) fill() {
	if len(f.buf) == cap(f.buf) {
		f.buf = f.buf[:copy(f.buf, f.buf[f.pos:])]
		f.pos = 0
	}
	n, err := f.in.Read(f.buf[len(f.buf):cap(f.buf)])
	f.buf, f.err = f.buf[:len(f.buf)+n], err
}
