package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"time"

	"corattach/pipeline"
)

// maxLine bounds a record. An answer is read to 8 MiB, and its record is not
// much longer.
const maxLine = 64 << 20

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

// Log is a journal that was read.
type Log struct {
	Header   Header
	Sessions []Session
	End      *End      // of the last session; nil when it was killed
	LastAt   time.Time // of the last session or attempt
	Last     int64     // the highest number of an attempt
	Whole    int64     // bytes up to the end of the last whole record
	Torn     int64     // bytes after it, which are the trace of a crash
	path     string
}

// Read reads a journal from its first record to its last and checks every one.
// An error that is a *DamagedError means that the file can't be relied on.
func Read(path string) (*Log, error) {
	log := &Log{path: path}
	for r, err := range log.records() {
		if err != nil {
			return nil, err
		}
		switch r.Type {
		case typeHeader:
			log.Header, log.LastAt = *r.Header, r.Header.At
		case typeSession:
			log.Sessions = append(log.Sessions, *r.Session)
			log.End, log.LastAt = nil, r.Session.At
		case typeFinish:
			log.End = r.End
		case typeBegin:
			log.Last, log.LastAt = max(log.Last, r.Number), r.Attempt.At
		}
	}
	if log.Header.Format != FormatVersion {
		return nil, fmt.Errorf("%s: format %d, and this program reads format %d", path, log.Header.Format, FormatVersion)
	}
	return log, nil
}

// Open opens the file for another session. What a crash cut short is taken off
// the end.
func (l *Log) Open() (*os.File, error) {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if l.Torn > 0 {
		if err := file.Truncate(l.Whole); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}

// Continue returns a journal that goes on in file, which Open has opened.
func (l *Log) Continue(file File) *Journal {
	return &Journal{file: file, next: l.Last + 1}
}

// Exchanges reads the journal again and returns every attempt that was not
// withdrawn, with what came of it; those of one request in the order they were
// begun. An attempt without an end comes when its session is over, with neither
// an answer nor a fault.
func (l *Log) Exchanges() iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		open := make(map[int64]pipeline.Attempt)
		for r, err := range l.records() {
			if err != nil {
				yield(pipeline.Exchange{}, err)
				return
			}
			switch r.Type {
			case typeSession:
				if !abandon(open, yield) {
					return
				}
			case typeBegin:
				open[r.Number], err = r.Attempt.attempt()
			case typeWithdrawn:
				delete(open, r.Number)
			case typeEnd:
				e := pipeline.Exchange{Attempt: open[r.Number], Answer: r.Answer.answer()}
				e.Fault, err = r.Fault.fault()
				delete(open, r.Number)
				if err == nil && !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(pipeline.Exchange{}, fmt.Errorf("%s: %w", l.path, err))
				return
			}
		}
		abandon(open, yield)
	}
}

// abandon yields the attempts that have no end, and forgets them.
func abandon(open map[int64]pipeline.Attempt, yield func(pipeline.Exchange, error) bool) bool {
	var numbers []int64
	for n := range open {
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, cmp.Compare)
	for _, n := range numbers {
		if !yield(pipeline.Exchange{Attempt: open[n]}, nil) {
			return false
		}
		delete(open, n)
	}
	return true
}

// records reads the file's lines and checks their CRCs. A torn tail ends the
// reading without an error and is noted in Torn.
func (l *Log) records() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		file, err := os.Open(l.path)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer file.Close()
		reader := bufio.NewReaderSize(file, 256<<10)
		for offset := int64(0); ; {
			line, err := readLine(reader)
			if err == io.EOF && len(line) == 0 {
				l.Whole, l.Torn = offset, 0
				return
			}
			r, reason := open(line)
			if reason == "" {
				offset += int64(len(line))
				if !yield(r, nil) {
					return
				}
				continue
			}
			if torn, size := tornFrom(reader, line); torn && offset > 0 {
				l.Whole, l.Torn = offset, size
				return
			}
			yield(record{}, &DamagedError{l.path, offset, reason})
			return
		}
	}
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line == nil && err == nil {
			return part, nil
		}
		line = append(line, part...)
		if err != bufio.ErrBufferFull || len(line) > maxLine {
			return line, err
		}
	}
}

// open takes a line apart; the reason says why it is no record, "" when it is.
func open(line []byte) (record, string) {
	body, found := bytes.CutSuffix(line, []byte("\"}\n"))
	at := len(body) - len(crcKey) - 8
	if !found || at < 0 || !bytes.HasPrefix(body[at:], []byte(crcKey)) {
		return record{}, "a record without a checksum"
	}
	sum, err := strconv.ParseUint(string(body[at+len(crcKey):]), 16, 32)
	if err != nil || uint32(sum) != castagnoli(body[:at]) {
		return record{}, "a record whose checksum is wrong"
	}
	var r record
	if err := json.Unmarshal(line, &r); err != nil || !r.whole() {
		return record{}, "a record of another form"
	}
	return r, ""
}

// whole reports whether a record has what its type needs.
func (r *record) whole() bool {
	switch r.Type {
	case typeHeader:
		return r.Header != nil
	case typeSession:
		return r.Session != nil
	case typeBegin:
		return r.Attempt != nil
	case typeWithdrawn:
		return true
	case typeEnd:
		return r.Answer != nil || r.Fault != nil
	case typeFinish:
		return r.End != nil
	}
	return false
}

// tornFrom reports whether no whole record follows a damaged line, and how many
// bytes there are from that line on.
func tornFrom(r *bufio.Reader, line []byte) (bool, int64) {
	size := int64(len(line))
	for {
		next, err := readLine(r)
		size += int64(len(next))
		if _, reason := open(next); reason == "" {
			return false, size
		}
		if err != nil {
			return true, size
		}
	}
}
