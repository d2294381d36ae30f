package pipeline

import "slices"

// Status is the verdict on one row: the word that stands for it in every file
// and log. The list is closed; scripts depend on the words.
type Status string

// The statuses.
const (
	Matched       Status = "matched"
	Mismatched    Status = "mismatched"
	Missing       Status = "missing"
	Failed        Status = "failed"
	Unknown       Status = "unknown"
	Invalid       Status = "invalid"
	Held          Status = "held"
	Duplicate     Status = "duplicate"
	Unchanged     Status = "unchanged"
	NotSent       Status = "not_sent"
	Planned       Status = "planned"
	Detached      Status = "detached"
	StillAttached Status = "still_attached"
	Protected     Status = "protected"
)

// Statuses returns all statuses, in the order the report lists them.
func Statuses() []Status {
	return []Status{
		Matched, Mismatched, Missing, Failed, Unknown, Invalid, Held, Duplicate, Unchanged, NotSent, Planned,
		Detached, StillAttached, Protected,
	}
}

// Settled reports whether a row with this status asks for nothing more: it does
// not stand in failed.csv.
func (s Status) Settled() bool {
	return slices.Contains([]Status{Matched, Unchanged, Duplicate, Planned, Detached}, s)
}

// BySeverity returns all statuses, the worst first: what went wrong, then what COR
// answered differently, then what is as it should be.
func BySeverity() []Status {
	return []Status{
		Failed, Unknown, Invalid, Held, Protected, NotSent, Missing, StillAttached, Mismatched,
		Planned, Matched, Detached, Unchanged, Duplicate,
	}
}

// Compare orders statuses by severity, the worst first.
func (s Status) Compare(other Status) int {
	all := BySeverity()
	return slices.Index(all, s) - slices.Index(all, other)
}
