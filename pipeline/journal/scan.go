package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// ErrUnbegun says that a journal ends before its header does: the process died
// before anything was sent.
var ErrUnbegun = errors.New("the journal has no header: the run was interrupted before anything was sent")

// DamagedError says that a journal holds something that was not written there.
type DamagedError struct {
	Path   string
	Offset int64 // of the first damaged record, in bytes
	Reason string
}

// Error names the file, the offset and the damage.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.Path, e.Offset, e.Reason)
}

// FormatError says that a journal was written by a version of the program whose
// journals this one can't read.
type FormatError struct {
	Path    string
	Format  int    // of the journal
	Version string // of the program that wrote it
}

// Error names the file, and the version that can read it.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s was written by version %s, in format %d; this version reads format %d", e.Path, e.Version, e.Format, Format)
}

// scan reads a journal line by line.
type scan struct {
	path  string
	order order
	whole int64 // bytes of whole records
	torn  int64 // bytes after them, which are the trace of a crash
}

// next returns the next record, io.EOF behind the last.
func (s *scan) next(in *bufio.Reader) (record, error) {
	line, err := s.line(in)
	if err != nil {
		return record{}, err
	}
	if len(line) == 0 {
		return record{}, io.EOF
	}
	h, data, why := unseal(line)
	if why != "" && why != otherForm {
		return record{}, cmp.Or(s.cutShort(in, line, why), io.EOF)
	}
	if why == "" {
		why = s.order.follow(h.Type, h.Number)
	}
	if why != "" {
		return record{}, s.damaged(why)
	}
	at := span{s.whole, s.whole + int64(len(line))}
	s.whole = at.to
	return record{h, at, data}, nil
}

// line returns the next line with its line break, which only the last one may lack;
// nothing at the end of the file.
func (s *scan) line(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return line, nil
}

func (s *scan) damaged(why string) error { return &DamagedError{s.path, s.whole, why} }

// cutShort tells a torn tail from damage: after a crash no whole record follows
// the one that is not, and what there is of a header is its beginning.
func (s *scan) cutShort(in *bufio.Reader, line []byte, why string) (err error) {
	start := []byte(headerStart)
	start = start[:min(len(line), len(start))]
	if s.whole == 0 && (bytes.HasSuffix(line, []byte("\n")) || !bytes.HasPrefix(line, start)) {
		return s.damaged(why)
	}
	for len(line) > 0 {
		s.torn += int64(len(line))
		if endsWhole(line) {
			return s.damaged(why)
		}
		if line, err = s.line(in); err != nil {
			return err
		}
	}
	return nil
}

const (
	recordStart = `{"type":"`
	headerStart = recordStart + string(headerRecord) + `"`
)

// endsWhole reports whether a line is a record or, because a line break is gone,
// ends in one.
func endsWhole(line []byte) bool {
	_, _, why := unseal(line[max(0, bytes.LastIndex(line, []byte(recordStart))):])
	return why == ""
}
