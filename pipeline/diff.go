package pipeline

import (
	"slices"
	"strings"
)

// Reported is a row as the report of a run has it, with the verdict on it.
type Reported struct {
	File, User, Workspace, Source string // of a record without cells, User is its raw line and the next two are ""
	Line                          int64
	Percentage                    string // as Percent has it, or the cell when it is none
	Pivot                         string // the percentage COR returned; "" when it returned none
	Status                        Status
}

// PairSide is what one run says of a pair.
type PairSide struct {
	File       string // of the row that speaks for the pair
	Line       int64
	Percentage string // what the pair's rows ask for: "60", or "60 / 70" when they contradict each other
	Pivot      string
	Status     Status
}

// Change is a pair of which two runs say something different.
type Change struct {
	User, Workspace, Source string
	A, B                    *PairSide // nil when the run has no row of the pair
	Kind                    ChangeKind
	What                    []string // which of added, removed, percentage, validity, status and pivot
}

// ChangeKind says where a change comes from. The list is closed.
type ChangeKind uint8

// The kinds of Change.
const (
	InputChanged ChangeKind = iota + 1 // the rows ask for something else
	CORChanged                         // the rows are the same, COR returned something else
	BothChanged
)

// String returns the word that stands for the kind in every format.
func (k ChangeKind) String() string {
	switch k {
	case InputChanged:
		return "input"
	case CORChanged:
		return "cor"
	case BothChanged:
		return "both"
	}
	return "none"
}

// DiffCounts are the sums of a Diff, in pairs.
type DiffCounts struct {
	Pairs     int // that either run has
	Unchanged int
	ByKind    [BothChanged + 1]int
	Added     int // of those where the input changed
	Removed   int
	Unasked   int // pairs of both runs about which COR was asked in one of them alone: only their input was compared
}

// Changed returns how many pairs have a Change.
func (c *DiffCounts) Changed() int { return c.Pairs - c.Unchanged }

// sideOf is what rows of one pair come to, nil without rows. Duplicates collapse
// into the row that they repeat. The first row that is not invalid speaks for the
// pair, or else the first.
func sideOf(rows []Reported) *PairSide {
	var speaker *Reported
	var asked []string
	for i := range rows {
		r := &rows[i]
		if r.Status == Duplicate {
			continue
		}
		if speaker == nil || speaker.Status == Invalid && r.Status != Invalid {
			speaker = r
		}
		if !slices.Contains(asked, r.Percentage) {
			asked = append(asked, r.Percentage)
		}
	}
	if speaker == nil {
		if len(rows) == 0 {
			return nil
		}
		speaker, asked = &rows[0], []string{rows[0].Percentage}
	}
	slices.Sort(asked)
	return &PairSide{
		File: speaker.File, Line: speaker.Line, Percentage: strings.Join(asked, " / "), Pivot: speaker.Pivot, Status: speaker.Status,
	}
}

// compareSides says what differs, in what is asked for and in what COR returned,
// and false when COR was asked in one run alone, so that nothing can be said of
// it.
func compareSides(a, b *PairSide) (input, cor []string, told bool) {
	switch {
	case a == nil:
		return []string{"added"}, nil, true
	case b == nil:
		return []string{"removed"}, nil, true
	}
	if a.Percentage != b.Percentage {
		input = append(input, "percentage")
	}
	if a.validity() != b.validity() {
		input = append(input, "validity")
	}
	if !a.asked() || !b.asked() {
		return input, nil, a.asked() == b.asked()
	}
	if a.confirmed() != b.confirmed() {
		cor = append(cor, "status")
	}
	if !sameReturned(a.returned(), b.returned()) {
		cor = append(cor, "pivot")
	}
	return input, cor, true
}

// validity is Invalid or Held for a pair whose rows can't be sent, else Planned.
func (s *PairSide) validity() Status {
	if s.Status == Invalid || s.Status == Held {
		return s.Status
	}
	return Planned
}

// asked reports whether COR was asked about the pair, in this run or, for an
// unchanged one, in an earlier one.
func (s *PairSide) asked() bool {
	switch s.Status {
	case Matched, Mismatched, Missing, Failed, Unknown, Unchanged:
		return true
	}
	return false
}

// confirmed is the status as COR's word: what is unchanged was matched.
func (s *PairSide) confirmed() Status {
	if s.Status == Unchanged {
		return Matched
	}
	return s.Status
}

// returned is the percentage COR returned, of an unchanged pair before.
func (s *PairSide) returned() string {
	if s.Status == Unchanged && s.Pivot == "" {
		return s.Percentage
	}
	return s.Pivot
}
