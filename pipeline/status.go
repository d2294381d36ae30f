package pipeline

import (
	"fmt"
	"slices"
)

// Statuses returns all statuses, in the order the report lists them.
func Statuses() []Status {
	all := make([]Status, statusCount)
	for i := range all {
		all[i] = Status(i)
	}
	return all
}

// String returns the word that stands for the status in every file and log;
// scripts depend on these words.
func (s Status) String() string {
	switch s {
	case Matched:
		return "matched"
	case Mismatched:
		return "mismatched"
	case Missing:
		return "missing"
	case Failed:
		return "failed"
	case Unknown:
		return "unknown"
	case Invalid:
		return "invalid"
	case Held:
		return "held"
	case Duplicate:
		return "duplicate"
	case Unchanged:
		return "unchanged"
	case NotSent:
		return "not_sent"
	case Planned:
		return "planned"
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// MarshalText returns String; a value outside the list is an error.
func (s Status) MarshalText() ([]byte, error) {
	if s >= statusCount {
		return nil, fmt.Errorf("no status: %d", uint8(s))
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what String returns; another word is an error and leaves
// s as it was.
func (s *Status) UnmarshalText(text []byte) error {
	for _, known := range Statuses() {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("no status: %q", text)
}

// Settled reports whether a row with this status asks for nothing more: it does
// not stand in failed.csv.
func (s Status) Settled() bool {
	switch s {
	case Matched, Unchanged, Duplicate, Planned:
		return true
	}
	return false
}

// Worse reports whether s calls for attention before than does: what went wrong
// comes before what COR answered differently, and that before what is as it
// should be.
func (s Status) Worse(than Status) bool {
	return s.severity() < than.severity()
}

func (s Status) severity() int {
	return slices.Index([]Status{
		Failed, Unknown, Invalid, Held, NotSent, Missing, Mismatched, Planned, Matched, Unchanged, Duplicate,
	}, s)
}
