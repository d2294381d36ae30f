package journal

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
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

	path     string
	file     *os.File
	users    map[pipeline.UserID]mark
	attempts []attempt // by number, from 1
	settled  int64     // bytes up to the last record that is no decision
	order    order     // at the end
}

// mark is where the records of one user stand.
type mark struct {
	decisions span
	last      int32 // number of the last attempt; 0 when there is none
}

// attempt is where the two records of an attempt stand.
type attempt struct {
	begin, end span
	session    int32
	previous   int32 // number of the user's attempt before this; 0 for the first
}

// Read reads a journal once, from its first record to its last, and checks that
// every one is whole and can stand where it does. What attempts ask for and what
// came of them is left to Exchanges. A *DamagedError means that the file can't be
// relied on, ErrUnbegun that nothing was sent. A *FormatError is about the version
// of the program.
func Read(path string) (*Log, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &Log{path: path, file: file, users: make(map[pipeline.UserID]mark)}
	if err := l.read(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// read reads as far as the file goes now: a run that is active goes on writing.
func (l *Log) read() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	s := scan{path: l.path}
	in := bufio.NewReaderSize(io.NewSectionReader(l.file, 0, info.Size()), 256<<10)
	for {
		r, err := s.next(in)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = l.note(&r)
		}
		if err != nil {
			return err
		}
	}
	if s.whole == 0 {
		return fmt.Errorf("%s: %w", l.path, ErrUnbegun)
	}
	l.Size, l.Torn, l.order = s.whole, s.torn, s.order
	if n := len(l.attempts); n > 0 && int(l.attempts[n-1].session) == len(l.Sessions)-1 {
		a, err := at[pipeline.Attempt](l, l.attempts[n-1].begin)
		l.LastAt = a.At
		return err
	}
	return nil
}

// note takes note of one record.
func (l *Log) note(r *record) (err error) {
	is := l.users[r.User]
	switch r.Type {
	case decisionsRecord:
		is.decisions = r.span
		l.users[r.User] = is
		return nil
	case beginRecord:
		l.attempts = append(l.attempts, attempt{begin: r.span, session: int32(len(l.Sessions) - 1), previous: is.last})
		is.last = int32(r.Number)
		l.users[r.User] = is
	case endRecord:
		l.attempts[r.Number-1].end = r.span
	case headerRecord:
		l.Header, err = decodeHeader(l.path, r)
		l.LastAt = l.At
	default:
		err = l.noteRun(r)
	}
	l.settled = r.to
	return err
}

// noteRun takes note of a record about the whole run. A session that begins or
// ends before the plan is complete has given up the decisions before it.
func (l *Log) noteRun(r *record) (err error) {
	switch r.Type {
	case planRecord:
		l.Plan, err = unmarshal[*Plan](l.path, r)
	case sessionRecord:
		s, failed := unmarshal[Session](l.path, r)
		l.Sessions, l.LastAt, err = append(l.Sessions, s), s.At, failed
	case finishRecord:
		l.Sessions[len(l.Sessions)-1].End, err = unmarshal[*End](l.path, r)
	}
	if l.Plan == nil {
		clear(l.users)
	}
	return err
}

// Users returns the users that have attempts, sorted by bytes.
func (l *Log) Users() []pipeline.UserID {
	users := make([]pipeline.UserID, 0, len(l.users))
	for user, is := range l.users {
		if is.last > 0 {
			users = append(users, user)
		}
	}
	slices.Sort(users)
	return users
}

// Exchanges returns the attempts of a user and what came of them, in the order
// they were begun. One without an end has neither an answer nor a fault.
func (l *Log) Exchanges(user pipeline.UserID) ([]pipeline.Exchange, error) {
	var all []pipeline.Exchange
	for number := l.users[user].last; number > 0; {
		is := l.attempts[number-1]
		e := pipeline.Exchange{Number: int64(number), Session: int(is.session)}
		var err error
		if e.Attempt, err = at[pipeline.Attempt](l, is.begin); err != nil {
			return nil, err
		}
		if is.end != (span{}) {
			came, err := at[outcome](l, is.end)
			if err != nil {
				return nil, err
			}
			e.Answer, e.Fault, e.Ended = came.Answer, came.Fault, came.Ended
		}
		all = append(all, e)
		number = is.previous
	}
	slices.Reverse(all)
	return all, nil
}

// Decisions returns what planning decided for a user, nil when it decided nothing
// or the plan was not completed.
func (l *Log) Decisions(user pipeline.UserID) (*Decisions, error) {
	is := l.users[user].decisions
	if is == (span{}) || l.Plan == nil {
		return nil, nil
	}
	return at[*Decisions](l, is)
}

// EachDecision returns the decisions for all users, in the order they were
// written; none when the plan was not completed.
func (l *Log) EachDecision() iter.Seq2[*Decisions, error] {
	return func(yield func(*Decisions, error) bool) {
		if l.Plan == nil {
			return
		}
		var spans []span
		for _, is := range l.users {
			if is.decisions != (span{}) {
				spans = append(spans, is.decisions)
			}
		}
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		for _, is := range spans {
			if d, err := at[*Decisions](l, is); !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// at reads the data of a record again: the file may have been changed since.
func at[T any](l *Log, is span) (v T, err error) {
	line := make([]byte, is.to-is.from)
	if _, err := l.file.ReadAt(line, is.from); err != nil {
		return v, fmt.Errorf("%s: %w", l.path, err)
	}
	h, data, why := unseal(line)
	if why != "" {
		return v, &DamagedError{l.path, is.from, why}
	}
	return unmarshal[T](l.path, &record{h, is, data})
}

// Continue goes on with the journal. What a crash has cut short is taken off its
// end; so are decisions without a plan, which are to be taken again. wrap is that
// of Create. The log itself stays as it was read.
func (l *Log) Continue(wrap func(File) File) (*Journal, error) {
	j, err := open(l.path, 0, wrap)
	if err != nil {
		return nil, err
	}
	keep := l.Size
	if l.Plan == nil {
		keep = l.settled
	}
	if keep < l.Size+l.Torn {
		if err := j.file.Truncate(keep); err != nil {
			return nil, errors.Join(err, j.file.Close())
		}
	}
	j.order = l.order
	j.order.open = maps.Clone(l.order.open)
	return j, nil
}
