package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Story is one user's part of a run: its rows with their verdicts, and its
// requests with all that was sent for them.
type Story struct {
	Line     UserLine  // the zero UserLine when no row is good enough to name the user
	Lines    []Line    // in input order
	Requests []Request // in the order they are sent; Past has every exchange
	Entries  []Entry   // in the order they were begun
	Vanished []Vanished
}

// Entry is all that a journal holds of one attempt, or of a request that was not
// sent because COR had confirmed it before.
type Entry struct {
	Exchange        // with neither an answer nor a fault when no end is written down
	Number    int64 // of the attempt in its journal, from 1; 0 for what is no attempt
	Session   int   // in which time of work on the run it was begun, from 0; -1 before the first
	Withdrawn bool  // it was not sent after all
}

// Tell plans and judges the rows of one user by themselves. Every rule is about
// the rows of one user, so the verdicts are those that the whole run gives when
// it ends in the same way. rows are all rows that name the user, in input order;
// rows without a User may be among them. entries are all attempts of the user, in
// the order they were begun, and vanished its vanished pairs as they were decided
// on. An error says that they are of another input.
func Tell(ctx context.Context, rows []Row, entries []Entry, vanished []Vanished, rules Rules, end Ending) (_ *Story, err error) {
	plan, err := NewPlan(ctx, one(rows), Before{Vanished: each(vanished)}, rules, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := plan.Judge(sent(entries), end); err != nil {
		return nil, err
	}
	story := &Story{Entries: entries}
	for line, err := range plan.Lines(one(rows)) {
		if err != nil {
			return nil, err
		}
		story.Lines = append(story.Lines, *line)
	}
	for line, err := range plan.UserLines() {
		if err != nil {
			return nil, err
		}
		story.Line = line
	}
	for user, err := range plan.Send() {
		if err != nil {
			return nil, err
		}
		story.Requests = append(story.Requests, user.Requests...)
	}
	for v, err := range plan.Vanished() {
		if err != nil {
			return nil, err
		}
		story.Vanished = append(story.Vanished, v)
	}
	return story, story.remember()
}

// remember gives each request the exchanges that were made for it.
func (s *Story) remember() error {
	past := make(map[Key]History)
	for e := range sent(s.Entries) {
		past[e.Key] = append(past[e.Key], e)
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		r.Past = past[r.Key()]
		delete(past, r.Key())
		if err := r.fits(); err != nil {
			return err
		}
	}
	for key := range past {
		return fmt.Errorf("the journal has a request of user %q under %s that the input does not ask for", key.User, key.Source)
	}
	return nil
}

// each returns values one by one.
func each[T any](values []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// one returns rows as a single batch, no rows as none.
func one(rows []Row) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		if len(rows) > 0 {
			yield(Rows(rows), nil)
		}
	}
}

// sent returns the exchanges of the attempts that were not withdrawn.
func sent(entries []Entry) iter.Seq2[Exchange, error] {
	return func(yield func(Exchange, error) bool) {
		for i := range entries {
			if !entries[i].Withdrawn && !yield(entries[i].Exchange, nil) {
				return
			}
		}
	}
}

// String names the kind in a word.
func (k StopKind) String() string {
	switch k {
	case RanToEnd:
		return "ran to its end"
	case Interrupted:
		return "signal"
	case Credentials:
		return "credentials"
	case Unavailable:
		return "unavailable"
	case Guarded:
		return "guard"
	case CanaryFailed:
		return "canary"
	case InputRefused:
		return "input refused"
	case TooMuchGone:
		return "--max-drop"
	}
	return fmt.Sprintf("stop(%d)", uint8(k))
}
