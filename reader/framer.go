package reader

import (
	"bufio"
	"bytes"
	"io"
)

const (
	recordLimit = 64 << 10 // bytes of a record, its last line end not counted
	frameWindow = 256 << 10
	lookAhead   = recordLimit + len("\r\r\n") // what is looked at of a record
)

// framer cuts text into records for encoding/csv, but never looks further than
// recordLimit: of a broken record only the first physical line is given up, and the
// next line begins a new record. A line ends with LF and any number of CR before it.
//
// A well-formed record ends with the first line behind which its quotes are even in
// number. So an open record goes on only over lines with an even number of them, up
// to the next odd line; each of those even lines, read again after the record proved
// broken, is a record of one line. No line is looked at more than three times: as
// a later part of one record, alone as an inner line, and as a first line.
type framer struct {
	in   *bufio.Reader // its buffer holds frameWindow
	line int64         // the physical line that comes next, from 1
}

// frame is one record. Its bytes are valid until the next call.
type frame struct {
	line   int64  // physical line of its first byte
	lines  int    // how many physical lines it has
	first  []byte // its first line without the line end, or lookAhead bytes of it
	text   []byte // without its line end
	size   int    // bytes up to the next record
	ended  bool   // it has a line end
	broken string // why it is no record, as far as the framer can tell; "" otherwise
}

// next returns the next record, which pass or skipLine is to pass over, or the error
// that ended the input; io.EOF at its end. Empty lines are passed over.
func (f *framer) next() (frame, error) {
	for {
		text, err := f.in.Peek(lookAhead)
		if err != nil && (err != io.EOF || len(text) == 0) {
			return frame{}, err
		}
		r, quotes := frame{line: f.line}, 0
		for r.broken == "" && (r.lines == 0 || quotes%2 > 0) {
			end, next, ok := lineAt(text, r.size)
			if r.lines == 0 {
				r.first = text[:end]
			}
			switch {
			case !ok:
				r.broken = "longer than 65,536 bytes"
			case r.size == len(text):
				r.broken = "a quote is never closed or stands within an unquoted field"
			default:
				quotes += bytes.Count(text[r.size:end], []byte{'"'})
				r.text, r.size, r.ended = text[:end], next, text[next-1] == '\n'
				r.lines++
			}
		}
		if len(r.text) > 0 || r.broken != "" {
			return r, nil
		}
		f.pass(r)
	}
}

// lineAt returns where the physical line that begins at from ends, without its line
// end, and where the next one begins. It is false when the text of a record that
// has the line would be too long.
func lineAt(text []byte, from int) (end, next int, ok bool) {
	next, ok = from+bytes.IndexByte(text[from:], '\n')+1, true
	if next == from { // the last line of the input, or one that goes on
		next, ok = len(text), len(text) < lookAhead
	}
	end = next
	for end > from && (text[end-1] == '\n' || text[end-1] == '\r') {
		end--
	}
	return end, next, ok && end <= recordLimit
}

// pass passes over a record.
func (f *framer) pass(r frame) {
	_, _ = f.in.Discard(r.size) // next has peeked at it
	f.line += int64(r.lines)
}

// skipLine passes over a line, however long. Its error is io.EOF when the input ends
// with it.
func (f *framer) skipLine() error {
	err := bufio.ErrBufferFull
	for err == bufio.ErrBufferFull {
		_, err = f.in.ReadSlice('\n')
	}
	f.line++
	return err
}
