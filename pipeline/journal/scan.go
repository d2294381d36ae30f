package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// scan reads a journal line by line and checks that every record is whole and
// can stand where it does. Its path is set before, its other fields hold after
// the loop over lines has come to its end without an error.
type scan struct {
	path  string
	whole int64 // bytes of whole records
	torn  int64 // bytes after them, which are the trace of a crash
	last  int64 // the highest number of an attempt

	open map[int64]bool // attempts of this session without an end
}

// lines returns the file's records, each valid until the next, as far as the file
// goes when it is opened: a run that is active goes on writing. An error ends
// them.
func (s *scan) lines() iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		file, err := os.Open(s.path)
		if err != nil {
			yield(line{}, err)
			return
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			yield(line{}, err)
			return
		}
		if err := s.read(bufio.NewReaderSize(io.LimitReader(file, info.Size()), 256<<10), yield); err != nil {
			yield(line{}, err)
		}
	}
}

// read yields the records of a file until one is damaged, the file ends or
// yield returns false.
func (s *scan) read(in *bufio.Reader, yield func(line, error) bool) error {
	s.open = make(map[int64]bool)
	for {
		text, err := readLine(in)
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		if len(text) == 0 {
			return nil
		}
		if reason := checksum(text); reason != "" {
			return s.cutShort(in, text, reason)
		}
		l := line{path: s.path, offset: s.whole, text: text}
		if !l.readHead() {
			return l.damaged(otherForm)
		}
		if reason := s.place(&l); reason != "" {
			return l.damaged(reason)
		}
		s.whole += int64(len(text))
		if !yield(l, nil) {
			return nil
		}
	}
}

// place takes note of a record and says why it can't stand where it does, ""
// when it can.
func (s *scan) place(l *line) string {
	if (l.kind == typeHeader) != (s.whole == 0) {
		return "the header is not the first record"
	}
	switch l.kind {
	case typeSession:
		clear(s.open)
	case typeBegin:
		if l.number != s.last+1 {
			return fmt.Sprintf("attempt %d stands where %d is due", l.number, s.last+1)
		}
		s.last = l.number
		s.open[l.number] = true
	case typeWithdrawn, typeEnd:
		if !s.open[l.number] {
			return fmt.Sprintf("the end of attempt %d, which is not open", l.number)
		}
		delete(s.open, l.number)
	}
	return ""
}

// cutShort tells a torn tail from damage: after a crash no whole record follows
// the one that is not, and what there is of a header is its beginning.
func (s *scan) cutShort(in *bufio.Reader, line []byte, reason string) error {
	size := int64(len(line))
	if n := min(len(line), len(headerStart)); s.whole == 0 && (line[size-1] == '\n' || string(line[:n]) != headerStart[:n]) {
		return &DamagedError{s.path, 0, reason}
	}
	for len(line) > 0 {
		if endsWhole(line) {
			return &DamagedError{s.path, s.whole, reason}
		}
		var err error
		if line, err = readLine(in); err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		size += int64(len(line))
	}
	s.torn = size
	return nil
}

// How the bytes of a record and of a header begin.
const (
	recordStart = `{"type":"`
	headerStart = recordStart + typeHeader + `"`
)

// endsWhole reports whether a line is a record or, because a line break is
// gone, ends in one. No record holds the bytes that one begins with elsewhere.
func endsWhole(line []byte) bool {
	if checksum(line) == "" {
		return true
	}
	at := bytes.LastIndex(line, []byte(recordStart))
	return at >= 0 && checksum(line[at:]) == ""
}

var errTooLong = errors.New("a line is too long for a journal")

// readLine returns the next line with its line break, which only the last one
// may lack. It is valid until the next call, and empty at the end of the file.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if line == nil && err == nil {
			return part, nil
		}
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
		if len(line) > maxLine {
			return nil, errTooLong
		}
	}
}
