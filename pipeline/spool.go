package pipeline

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// spool is a sequence of records that waits in memory while it is short and in
// an unnamed file of dir once it holds more than limit bytes. It is written
// first and read afterwards, any number of times. It is not for use from
// several goroutines. The zero value with a dir and a limit is empty and ready.
type spool struct {
	dir   string
	limit int
	buf   []byte
	file  *os.File
	size  int64 // bytes in file
	count int   // records
}

// append adds one record. An error means that the file can't be written, and
// that the spool must not be used any more.
func (s *spool) append(record []byte) error {
	s.buf = binary.AppendUvarint(s.buf, uint64(len(record)))
	s.buf = append(s.buf, record...)
	s.count++
	if len(s.buf) <= s.limit {
		return nil
	}
	return s.flush()
}

func (s *spool) flush() error {
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, ".spool-*")
		if err != nil {
			return fmt.Errorf("the rows can't be kept on disk: %w", err)
		}
		s.file = file
		// Where an open file can be unlinked, a kill leaves nothing behind;
		// elsewhere close removes it.
		_ = os.Remove(file.Name())
	}
	n, err := s.file.Write(s.buf)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("the rows can't be kept on disk: %w", err)
	}
	s.buf = s.buf[:0]
	return nil
}

// text returns all records, each behind its length as cursor.text reads it.
func (s *spool) text() (string, error) {
	var b strings.Builder
	b.Grow(int(s.size) + len(s.buf))
	if s.file != nil {
		if _, err := io.Copy(&b, io.NewSectionReader(s.file, 0, s.size)); err != nil {
			return "", fmt.Errorf("the rows can't be kept on disk: %w", err)
		}
	}
	b.Write(s.buf)
	return b.String(), nil
}

// reader starts reading at the first record. Readers of one spool are
// independent of each other.
func (s *spool) reader() *spoolReader {
	r := &spoolReader{rest: s.buf}
	if s.file != nil {
		r.file = bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), min(s.limit, 64<<10)+1)
	}
	return r
}

func (s *spool) close() error {
	s.buf = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if removed := os.Remove(s.file.Name()); !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	s.file = nil
	return err
}

// spoolReader reads a spool from its first record to its last.
type spoolReader struct {
	file *bufio.Reader // nil when everything is in rest
	rest []byte
	buf  []byte
}

// next returns the next record, valid until the next call, and io.EOF after the
// last one.
func (r *spoolReader) next() ([]byte, error) {
	if r.file != nil {
		size, err := binary.ReadUvarint(r.file)
		if err == nil {
			if uint64(cap(r.buf)) < size {
				r.buf = make([]byte, size)
			}
			r.buf = r.buf[:size]
			_, err = io.ReadFull(r.file, r.buf)
		}
		if err == nil {
			return r.buf, nil
		}
		if err != io.EOF {
			return nil, fmt.Errorf("the rows can't be kept on disk: %w", err)
		}
		r.file = nil
	}
	if len(r.rest) == 0 {
		return nil, io.EOF
	}
	size, n := binary.Uvarint(r.rest)
	record := r.rest[n : n+int(size)]
	r.rest = r.rest[n+int(size):]
	return record, nil
}
