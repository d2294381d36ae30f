package journal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"corattach/pipeline"
)

// Account is what a journal tells of one user, beside what it tells of the run.
type Account struct {
	*Log
	Ends     []*End           // of each of the Sessions; nil for one that was killed or is active
	Attempts []pipeline.Entry // of the user, in the order they were begun; requests that were not sent among them
	Vanished []pipeline.Vanished
}

// ReadUser reads a journal as Read does and gathers what it holds of one user,
// in one pass. It takes no lock: of a run that is active it tells what was
// written down before the call.
func ReadUser(path string, user pipeline.UserID) (*Account, error) {
	a := &Account{}
	open := make(map[int64]int) // the user's attempts without an end
	log, err := read(&Log{path: path}, func(l *line) error { return a.note(l, user, open) })
	if err != nil {
		return nil, err
	}
	a.Log = log
	return a, nil
}

// note takes note of a record as far as it is about the user.
func (a *Account) note(l *line, user pipeline.UserID, open map[int64]int) error {
	switch l.kind {
	case typeSession:
		a.Ends = append(a.Ends, nil)
	case typeBegin:
		attempt, err := l.attempt()
		if err != nil || attempt.User != user {
			return err
		}
		open[l.number] = len(a.Attempts)
		a.Attempts = append(a.Attempts, pipeline.Entry{
			Exchange: pipeline.Exchange{Attempt: attempt}, Number: l.number, Session: len(a.Ends) - 1,
		})
	case typeWithdrawn:
		if at, found := open[l.number]; found {
			a.Attempts[at].Withdrawn = true
		}
	case typeEnd:
		if at, found := open[l.number]; found {
			return l.outcome(&a.Attempts[at].Exchange)
		}
	case typeFinish, typeUnchanged, typeVanished:
		r, err := l.record()
		if err != nil {
			return err
		}
		a.noteDecision(&r, user)
	}
	return nil
}

func (a *Account) noteDecision(r *record, user pipeline.UserID) {
	switch n := len(a.Ends); {
	case r.Type == typeFinish && n > 0:
		a.Ends[n-1] = r.End
	case r.Type == typeUnchanged && r.Unchanged.User == string(user):
		a.Attempts = append(a.Attempts, pipeline.Entry{Exchange: r.Unchanged.exchange(), Session: -1})
	case r.Type == typeVanished && r.Vanished.User == string(user):
		a.Vanished = append(a.Vanished, r.Vanished.vanished())
	}
}

// tailSize is how many bytes of a journal's end ReadLast and LastEnd look at
// first.
const tailSize = 64 << 10

// ReadLast returns when a run ended, as Log.End has it, or for a run without an
// end Log.LastAt. It reads the end of the file alone and does not check what
// stands before.
func ReadLast(path string) (time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return time.Time{}, err
	}
	for size := int64(tailSize); ; size *= 2 {
		size = min(size, info.Size())
		tail := make([]byte, size)
		if _, err := io.ReadFull(io.NewSectionReader(file, info.Size()-size, size), tail); err != nil {
			return time.Time{}, fmt.Errorf("%s: %w", path, err)
		}
		if at := lastMoment(tail); !at.IsZero() {
			return at, nil
		}
		if size == info.Size() {
			return time.Time{}, fmt.Errorf("%s: %w", path, ErrUnbegun)
		}
	}
}

// lastMoment returns the time of the last record that Log.End or Log.LastAt
// would be taken from; zero when tail holds none.
func lastMoment(tail []byte) time.Time {
	for len(tail) > 0 {
		start := bytes.LastIndexByte(tail[:len(tail)-1], '\n') + 1
		r, _ := parse(tail[start:])
		tail = tail[:start]
		switch r.Type {
		case typeFinish:
			return r.End.At
		case typeSession:
			return r.Session.At
		case typeBegin:
			return r.Attempt.At
		case typeHeader:
			return r.Header.At
		}
	}
	return time.Time{}
}
