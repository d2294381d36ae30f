package report

import (
	"fmt"
	"strings"

	"corattach/pipeline"
)

// Rows are the counts of a run's rows.
type Rows struct {
	Total      int64 `json:"total"`
	Matched    int64 `json:"matched"`
	Mismatched int64 `json:"mismatched"`
	Missing    int64 `json:"missing"`
	Failed     int64 `json:"failed"`
	Unknown    int64 `json:"unknown"`
	Invalid    int64 `json:"invalid"`
	Held       int64 `json:"held"`
	Duplicate  int64 `json:"duplicate"`
	Unchanged  int64 `json:"unchanged"`
	NotSent    int64 `json:"not_sent"`
	Planned    int64 `json:"planned"`
}

// ByStatus returns the rows of each status.
func (r *Rows) ByStatus() [pipeline.Planned + 1]int64 {
	return [...]int64{
		pipeline.Matched: r.Matched, pipeline.Mismatched: r.Mismatched, pipeline.Missing: r.Missing, pipeline.Failed: r.Failed,
		pipeline.Unknown: r.Unknown, pipeline.Invalid: r.Invalid, pipeline.Held: r.Held, pipeline.Duplicate: r.Duplicate,
		pipeline.Unchanged: r.Unchanged, pipeline.NotSent: r.NotSent, pipeline.Planned: r.Planned,
	}
}

// Tally is what a Set has counted while it was written.
type Tally struct {
	inputs   []string
	total    int64
	byStatus [pipeline.Planned + 1]int64
	byFile   []int64        // rows of each input
	last     pipeline.Place // of the latest row; the zero Place before the first
	disorder string         // the first row out of order; "" when none is
	causes   causes

	users, overAllocated, extras int64
	gone                         Vanished
	goneUser                     pipeline.UserID // of the latest vanished pair
}

// Vanished are the counts of the job's pairs that the input has no more.
type Vanished struct {
	Total         int64 `json:"total"`
	Users         int64 `json:"users"`
	Listed        int64 `json:"listed"`
	Planned       int64 `json:"planned"`
	Detached      int64 `json:"detached"`
	StillAttached int64 `json:"still_attached"`
	Failed        int64 `json:"failed"`
	Unknown       int64 `json:"unknown"`
	NotSent       int64 `json:"not_sent"`
}

// Undone returns the number of pairs that were to be detached and are not.
func (v *Vanished) Undone() int64 { return v.StillAttached + v.Failed + v.Unknown + v.NotSent }

// vanished counts a pair. Those of one user come together.
func (t *Tally) vanished(v *pipeline.Vanished) {
	if t.gone.Total++; t.gone.Total == 1 || v.User != t.goneUser {
		t.gone.Users++
		t.goneUser = v.User
	}
	switch v.Result {
	case pipeline.Listed:
		t.gone.Listed++
	case pipeline.DetachPlanned:
		t.gone.Planned++
	case pipeline.Detached:
		t.gone.Detached++
	case pipeline.StillAttached:
		t.gone.StillAttached++
	case pipeline.DetachFailed:
		t.gone.Failed++
	case pipeline.DetachUnknown:
		t.gone.Unknown++
	case pipeline.DetachNotSent:
		t.gone.NotSent++
	}
}

func newTally(inputs []string) *Tally {
	return &Tally{inputs: inputs, byFile: make([]int64, len(inputs)), causes: newCauses()}
}

// check reports a row that stands in no input of the run or has no status of the
// list. It may be called from several goroutines.
func (t *Tally) check(l *pipeline.Line) error {
	if l.File < 0 || l.File >= len(t.inputs) {
		return fmt.Errorf("line %d of input file %d, of which the run has %d", l.Line, l.File+1, len(t.inputs))
	}
	if int(l.Status) >= len(t.byStatus) {
		return fmt.Errorf("%s: no such status: %d", placeText(t.inputs, l.Place), uint8(l.Status))
	}
	return nil
}

// line counts a row that check has let through.
func (t *Tally) line(l *pipeline.Line) {
	if l.File < t.last.File || l.File == t.last.File && l.Line <= t.last.Line {
		t.disordered(l.Place)
	}
	t.last = l.Place
	t.total++
	t.byFile[l.File]++
	t.byStatus[l.Status]++
	if !l.Status.Settled() {
		t.causes.add(l)
	}
}

func (t *Tally) disordered(p pipeline.Place) {
	switch {
	case t.disorder != "":
	case p == t.last:
		t.disorder = placeText(t.inputs, p) + " stands twice"
	default:
		t.disorder = placeText(t.inputs, p) + " comes after " + placeText(t.inputs, t.last)
	}
}

func (t *Tally) user(u *pipeline.UserLine) {
	t.users++
	t.extras += int64(len(u.Extras))
	if u.OverAllocated {
		t.overAllocated++
	}
}

// Rows returns how many rows have been written, in all and of each status.
func (t *Tally) Rows() Rows {
	of := &t.byStatus
	return Rows{
		Total:      t.total,
		Matched:    of[pipeline.Matched],
		Mismatched: of[pipeline.Mismatched],
		Missing:    of[pipeline.Missing],
		Failed:     of[pipeline.Failed],
		Unknown:    of[pipeline.Unknown],
		Invalid:    of[pipeline.Invalid],
		Held:       of[pipeline.Held],
		Duplicate:  of[pipeline.Duplicate],
		Unchanged:  of[pipeline.Unchanged],
		NotSent:    of[pipeline.NotSent],
		Planned:    of[pipeline.Planned],
	}
}

// Imbalance says in what the accounting identity does not hold: every row read
// stands in the report exactly once, in input order, and the statuses add up to
// the rows read. It returns "" when it holds. read is the number of rows read
// from each input, as the reader counted them.
func (t *Tally) Imbalance(read []int64) string {
	var off []string
	sum, all := int64(0), int64(0)
	for _, n := range t.byStatus {
		sum += n
	}
	for _, n := range read {
		all += n
	}
	if sum != t.total || t.total != all {
		off = append(off, fmt.Sprintf("%d rows read, %d reported, statuses of %d", all, t.total, sum))
	}
	if len(read) != len(t.byFile) {
		off = append(off, fmt.Sprintf("%d files read, %d reported", len(read), len(t.byFile)))
	} else {
		for i, n := range t.byFile {
			if n != read[i] {
				off = append(off, fmt.Sprintf("%s: %d rows read, %d reported", Show(t.inputs[i]), read[i], n))
			}
		}
	}
	if t.disorder != "" {
		off = append(off, t.disorder)
	}
	return strings.Join(off, "; ")
}

// Fill sets in s what the tally knows: the counts of rows, users,
// over-allocated users and extras, the causes, and Balanced, by the rows of
// s.Inputs. It leaves every other field alone.
func (t *Tally) Fill(s *Summary) {
	read := make([]int64, len(s.Inputs))
	for i, in := range s.Inputs {
		read[i] = in.Rows
	}
	s.Rows = t.Rows()
	s.Balanced = t.Imbalance(read) == ""
	s.Users, s.OverAllocatedUsers, s.Extras, s.Vanished = t.users, t.overAllocated, t.extras, t.gone
	s.Causes, s.CausesTotal = t.causes.top(t.inputs), len(t.causes.groups)
}
