package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// store is the unnamed file in which spools wait once they are long. The zero
// value with a directory is empty and ready; the file is made when it is needed.
// Its methods may be called from several goroutines.
type store struct {
	dir  string
	mu   sync.Mutex
	file *os.File
	end  int64
}

// piece is where some records of a spool lie in the store.
type piece struct {
	at   int64
	size int
}

// put adds bytes at the end.
func (s *store) put(b []byte) (piece, error) {
	file, at, err := s.room(len(b))
	if err == nil {
		_, err = file.WriteAt(b, at)
	}
	if err != nil {
		return piece{}, fmt.Errorf("what does not fit in memory can't be kept on disk: %w", err)
	}
	return piece{at, len(b)}, nil
}

func (s *store) room(size int) (*os.File, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, ".spool-*")
		if err != nil {
			return nil, 0, err
		}
		s.file = file
		// Where an open file can be unlinked, a kill leaves nothing behind;
		// elsewhere close removes it.
		_ = os.Remove(file.Name())
	}
	at := s.end
	s.end += int64(size)
	return s.file, at, nil
}

// get reads a piece into b, which is as long.
func (s *store) get(p piece, b []byte) error {
	n, err := s.file.ReadAt(b, p.at)
	if n == len(b) {
		return nil
	}
	return fmt.Errorf("what does not fit in memory can't be kept on disk: %w", err)
}

func (s *store) close() error {
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

// spool is a sequence of records, or of single bytes, that waits in memory while
// it is short and in its store beyond. It is written first and read afterwards,
// any number of times. It is not for use from several goroutines. The zero value
// with a store and a limit is empty and ready.
type spool struct {
	store  *store
	limit  int // bytes that are held in memory, and read back at once
	buf    []byte
	pieces []piece
	count  int // records
}

// append adds one record. An error means that the store can't be written, and
// that the spool must not be used any more.
func (s *spool) append(record []byte) error {
	s.buf = binary.AppendUvarint(s.buf, uint64(len(record)))
	s.count++
	return s.bytes(record)
}

// bytes adds bytes that nothing holds together. A spool has either records or
// bytes.
func (s *spool) bytes(b []byte) error {
	s.buf = append(s.buf, b...)
	if len(s.buf) <= s.limit {
		return nil
	}
	p, err := s.store.put(s.buf)
	s.pieces = append(s.pieces, p)
	s.buf = s.buf[:0]
	return err
}

// text returns all records, each behind its length as cursor.text reads it.
func (s *spool) text() (string, error) {
	size := len(s.buf)
	for _, p := range s.pieces {
		size += p.size
	}
	var b strings.Builder
	b.Grow(size)
	for r := s.reader(); r.more(); {
		if r.err != nil {
			return "", r.err
		}
		b.Write(r.rest)
		r.rest = nil
	}
	return b.String(), nil
}

// reader starts reading at the first record. Readers of one spool are
// independent of each other.
func (s *spool) reader() *spoolReader {
	return &spoolReader{spool: s}
}

// spoolReader reads a spool from its first record, or byte, to its last. An
// error stays.
type spoolReader struct {
	spool *spool
	piece int    // the next one
	rest  []byte // of the piece in hand, which holds whole records
	buf   []byte
	err   error
}

// more reports whether there is something to read, or an error to return. It
// makes sure that rest has it.
func (r *spoolReader) more() bool {
	if len(r.rest) > 0 || r.err != nil {
		return true
	}
	switch pieces := r.spool.pieces; {
	case r.piece < len(pieces):
		p := pieces[r.piece]
		if cap(r.buf) < p.size {
			r.buf = make([]byte, p.size)
		}
		r.rest = r.buf[:p.size]
		r.err = r.spool.store.get(p, r.rest)
	case r.piece == len(pieces):
		r.rest = r.spool.buf
	}
	r.piece++
	return len(r.rest) > 0 || r.err != nil
}

// next returns the next record, valid until the next call, and io.EOF after the
// last one.
func (r *spoolReader) next() ([]byte, error) {
	if !r.more() {
		return nil, io.EOF
	}
	if r.err != nil {
		return nil, r.err
	}
	size, n := binary.Uvarint(r.rest)
	record := r.rest[n : n+int(size)]
	r.rest = r.rest[n+int(size):]
	return record, nil
}

// byte returns the next byte, and io.EOF after the last one.
func (r *spoolReader) byte() (byte, error) {
	if len(r.rest) == 0 {
		if !r.more() {
			return 0, io.EOF
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, nil
}
