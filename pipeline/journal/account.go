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
	log, err := read(path, func(r *record) {
		switch r.Type {
		case typeSession:
			a.Ends = append(a.Ends, nil)
		case typeFinish:
			if n := len(a.Ends); n > 0 {
				a.Ends[n-1] = r.End
			}
		case typeBegin:
			if r.Attempt.User == string(user) {
				open[r.Number] = len(a.Attempts)
				a.Attempts = append(a.Attempts, pipeline.Entry{
					Exchange: pipeline.Exchange{Attempt: r.Attempt.attempt()}, Number: r.Number, Session: len(a.Ends) - 1,
				})
			}
		case typeUnchanged:
			if r.Unchanged.User == string(user) {
				a.Attempts = append(a.Attempts, pipeline.Entry{Exchange: r.Unchanged.exchange(), Session: -1})
			}
		case typeVanished:
			if r.Vanished.User == string(user) {
				a.Vanished = append(a.Vanished, r.Vanished.vanished())
			}
		case typeWithdrawn:
			if at, found := open[r.Number]; found {
				a.Attempts[at].Withdrawn = true
			}
		case typeEnd:
			if at, found := open[r.Number]; found {
				e := &a.Attempts[at]
				e.Answer, e.Fault, e.Ended = r.Answer.answer(), r.Fault.fault(), r.At
			}
		}
	})
	if err != nil {
		return nil, err
	}
	a.Log = log
	return a, nil
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
