package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"corattach/pipeline"
)

// Log is a journal that was read, up to where it ended then. It holds the run's
// own records, and of users only where their records stand: Exchanges and
// Decisions read those from the file, which stays open until Close. Several
// goroutines may use a Log at once.
type Log struct {
	Header
	Plan     *Plan     // nil: the plan was not completed, and nothing was sent
	Sessions []Session // with their ends
	Size     int64     // bytes of whole records
	Torn     int64     // bytes after them, which are the trace of a crash
	LastAt   time.Time // when the last session or attempt began; else that of the header

	path      string
	file      *os.File
	decisions []span
	attempts  []attempt // by number, from 1
	byUser    []int32   // places in attempts: by the bytes of the user, then by number; nil once it is closed
	order     order
}

// attempt is where the two records of an attempt stand.
type attempt struct {
	begin, end span
	user       pipeline.UserID
	session    int32
}

// Read reads a journal once, from its first record to its last, and checks that
// every one is whole and can stand where it does. What attempts ask for and what
// came of them is left to Exchanges. ErrUnbegun means that nothing was sent; a journal
// that can't be relied on, or is of another version's format, is a *pipeline.Failure.
func Read(path string) (_ *Log, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	info, err := file.Stat() // a run that is active goes on writing
	if err != nil {
		return nil, err
	}
	l := &Log{path: path, file: file, byUser: []int32{}}
	s := scan{Log: l, in: bufio.NewReaderSize(io.NewSectionReader(file, 0, info.Size()), 256<<10)}
	for err == nil {
		err = s.next()
	}
	if err != io.EOF {
		return nil, err
	}
	slices.SortFunc(l.byUser, func(a, b int32) int {
		return cmp.Or(cmp.Compare(l.attempts[a].user, l.attempts[b].user), cmp.Compare(a, b))
	})
	if n := len(l.attempts); n > 0 && int(l.attempts[n-1].session) == len(l.Sessions)-1 {
		a, err := at[pipeline.Attempt](l, l.attempts[n-1].begin)
		l.LastAt = a.At
		return l, err
	}
	return l, nil
}

// Close closes the file, and forgets the attempts.
func (l *Log) Close() error {
	l.attempts, l.byUser = nil, nil
	return l.file.Close()
}

// Users returns the users that have attempts, sorted by bytes.
func (l *Log) Users() (all []pipeline.UserID) {
	for _, at := range l.byUser {
		if n := len(all); n == 0 || all[n-1] != l.attempts[at].user {
			all = append(all, l.attempts[at].user)
		}
	}
	return all
}

// Exchanges returns the attempts of a user and what came of them, in the order
// they were begun. One without an end has neither an answer nor a fault.
func (l *Log) Exchanges(user pipeline.UserID) (all []pipeline.Exchange, err error) {
	if l.byUser == nil {
		return nil, os.ErrClosed
	}
	compare := func(place int32, sought pipeline.UserID) int { return cmp.Compare(l.attempts[place].user, sought) }
	first, _ := slices.BinarySearchFunc(l.byUser, user, compare)
	for _, place := range l.byUser[first:] {
		is := l.attempts[place]
		if is.user != user {
			break
		}
		begun, err := at[pipeline.Attempt](l, is.begin)
		came, broken := at[outcome](l, is.end)
		if err = cmp.Or(err, broken); err != nil {
			return nil, err
		}
		all = append(all, pipeline.Exchange{
			Attempt: begun, Number: int64(place) + 1, Session: int(is.session), Answer: came.Answer, Fault: came.Fault, Ended: came.Ended,
		})
	}
	return all, nil
}

// Decisions returns what planning decided, for one user after another, in the order
// in which it was written; nothing when the plan was not completed.
func (l *Log) Decisions() iter.Seq2[*Decisions, error] {
	return func(yield func(*Decisions, error) bool) {
		if l.Plan == nil {
			return
		}
		for _, is := range l.decisions {
			if d, err := at[*Decisions](l, is); !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// at reads the data of a record again: the file may have been changed since. No
// record, no data.
func at[T any](l *Log, is span) (v T, err error) {
	if is == (span{}) {
		return v, nil
	}
	line := make([]byte, is.to-is.from)
	if _, err := l.file.ReadAt(line, is.from); err != nil {
		return v, fmt.Errorf("%s: %w", l.path, err)
	}
	var r record[T]
	if why := r.read(line); why != "" {
		return v, damaged(l.path, is.from, why)
	}
	return r.Data, nil
}

// Continue goes on with a journal that has a plan. What a crash has cut short is
// taken off its end. wrap is that of Create. The log itself stays as it was read.
func (l *Log) Continue(wrap func(File) File) (*Journal, error) {
	j, err := open(l.path, 0, wrap)
	if err != nil {
		return nil, err
	}
	j.order = l.order
	if l.Torn > 0 {
		if err := j.file.Truncate(l.Size); err != nil {
			return nil, errors.Join(err, j.file.Close())
		}
	}
	return j, nil
}

// ReadHeader reads the first record of a journal and nothing else. Its errors are
// those of Read.
func ReadHeader(path string) (Header, error) {
	file, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer file.Close()
	s := scan{Log: &Log{path: path}, in: bufio.NewReader(file)}
	err = s.next()
	return s.Header, err
}

// tailSize is how many bytes of a journal's end LastEnd looks at. An end is much
// shorter.
const tailSize = 64 << 10

// LastEnd returns the end of a journal's last session without reading what stands
// before it. It is nil when the last record is no whole end, as the run is active or was
// killed, and when the file can't be read.
func LastEnd(path string) *End {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	size, _ := file.Seek(0, io.SeekEnd)
	tail, _ := io.ReadAll(io.NewSectionReader(file, max(0, size-tailSize), tailSize))
	last := tail[bytes.LastIndexByte(tail[:max(0, len(tail)-1)], '\n')+1:]
	var r record[*End]
	if r.read(last) != "" || r.Type != finishRecord {
		return nil
	}
	return r.Data
}
