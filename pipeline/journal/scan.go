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
// records has come to its end without an error.
type scan struct {
	path  string
	whole int64 // bytes of whole records
	torn  int64 // bytes after them, which are the trace of a crash
	last  int64 // the highest number of an attempt

	open map[int64]bool // attempts of this session without an end
}

// records returns the file's records, as far as it goes when it is opened: a run
// that is active goes on writing. An error ends them.
func (s *scan) records() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		file, err := os.Open(s.path)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			yield(record{}, err)
			return
		}
		if err := s.read(bufio.NewReaderSize(io.LimitReader(file, info.Size()), 64<<10), yield); err != nil {
			yield(record{}, err)
		}
	}
}

// read yields the records of a file until one is damaged, the file ends or
// yield returns false.
func (s *scan) read(in *bufio.Reader, yield func(record, error) bool) error {
	s.open = make(map[int64]bool)
	for {
		line, err := readLine(in)
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		if len(line) == 0 {
			return nil
		}
		r, reason := parse(line)
		if reason != "" {
			return s.cutShort(in, line, reason)
		}
		if reason := s.place(&r); reason != "" {
			return &DamagedError{s.path, s.whole, reason}
		}
		s.whole += int64(len(line))
		if !yield(r, nil) {
			return nil
		}
	}
}

// place takes note of a record and says why it can't stand where it does, ""
// when it can.
func (s *scan) place(r *record) string {
	if (r.Type == typeHeader) != (s.whole == 0) {
		return "the header is not the first record"
	}
	switch r.Type {
	case typeSession:
		clear(s.open)
	case typeBegin:
		if r.Number != s.last+1 {
			return fmt.Sprintf("attempt %d stands where %d is due", r.Number, s.last+1)
		}
		s.last = r.Number
		s.open[r.Number] = true
	case typeWithdrawn, typeEnd:
		if !s.open[r.Number] {
			return fmt.Sprintf("the end of attempt %d, which is not open", r.Number)
		}
		delete(s.open, r.Number)
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
	if _, reason := parse(line); reason == "" {
		return true
	}
	at := bytes.LastIndex(line, []byte(recordStart))
	if at < 0 {
		return false
	}
	_, reason := parse(line[at:])
	return reason == ""
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
