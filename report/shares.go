package report

import (
	"cmp"
	"slices"

	"corattach/pipeline"
)

const (
	differencesHeld  = 1000
	differencesShown = 10
)

// shares adds up what the rows that were sent ask for, and what COR returned.
type shares struct {
	sent  [pipeline.Unknown + 1]shareSum // by status, from matched to unknown
	index map[difference]int
	list  []differentRows // in order of first appearance
	rest  int64           // rows with a difference beyond differencesHeld
}

// shareSum is the sum over the rows of one status. A row for which COR returned
// something that is no decimal of at most four places stands in neither sum.
type shareSum struct {
	rows, odd int64 // all of them; those that are in no sum
	asked     pipeline.Percent
	returned  pipeline.Percent // of matched and mismatched rows
}

// difference is a percentage that was asked for, and the other one that COR
// returned.
type difference struct {
	asked    pipeline.Percent
	returned string
}

type differentRows struct {
	difference
	rows int64
}

func newShares() shares {
	return shares{index: map[difference]int{}}
}

func (s *shares) add(l *pipeline.Line) {
	if int(l.Status) >= len(s.sent) {
		return
	}
	sum := &s.sent[l.Status]
	sum.rows++
	if l.Status != pipeline.Matched && l.Status != pipeline.Mismatched || l.Pivot == nil {
		sum.asked += l.Percent
		return
	}
	returned, ok := pipeline.ParseDecimal(l.Pivot.Percentage, '.')
	switch {
	case !ok:
		sum.odd++
	case l.Status == pipeline.Matched: // the same was asked for; the cell of a settled row is not looked at again
		sum.asked += returned
		sum.returned += returned
	default:
		sum.asked += l.Percent
		sum.returned += returned
	}
	if l.Status == pipeline.Mismatched {
		s.differ(difference{l.Percent, visible(l.Pivot.Percentage, numberShown)})
	}
}

func (s *shares) differ(d difference) {
	at, found := s.index[d]
	if !found {
		if len(s.list) >= differencesHeld {
			s.rest++
			return
		}
		at = len(s.list)
		s.index[d] = at
		s.list = append(s.list, differentRows{difference: d})
	}
	s.list[at].rows++
}

// differences returns those with the most rows, of equal ones the first to
// appear, and how many rows have another one.
func (s *shares) differences() (top []differentRows, others int64) {
	sorted := slices.Clone(s.list)
	slices.SortStableFunc(sorted, func(a, b differentRows) int { return cmp.Compare(b.rows, a.rows) })
	shown := min(len(sorted), differencesShown)
	others = s.rest
	for _, d := range sorted[shown:] {
		others += d.rows
	}
	return sorted[:shown], others
}

// sentView sets what was asked for against what COR returned.
type sentView struct {
	Steps []stepView
	Sums  []sumView
	Odd   int64
}

type stepView struct {
	Name, Class string
	Rows        int64
	Width       string // of the first step, with its %
	Share       string
}

type sumView struct {
	Status                  *statusView // nil for the total
	Rows                    int64
	Asked, Returned, Differ string
}

type differenceView struct {
	Asked, Returned string
	Rows            int64
}

// compare sets what was asked for against what COR returned.
func (v *view) compare(s *shares) {
	var sum shareSum
	sent := &sentView{}
	for status := range s.sent {
		one := s.sent[status]
		if one.rows == 0 {
			continue
		}
		sum.rows += one.rows
		sum.asked += one.asked
		sum.returned += one.returned
		sent.Odd += one.odd
		shown := showStatus(pipeline.Status(status))
		sent.Sums = append(sent.Sums, sumOf(&shown, one, status <= int(pipeline.Mismatched)))
	}
	if sum.rows == 0 {
		return
	}
	if len(sent.Sums) > 1 {
		sent.Sums = append(sent.Sums, sumOf(nil, sum, true))
	}
	matched := s.sent[pipeline.Matched].rows
	returned := matched + s.sent[pipeline.Mismatched].rows
	for _, step := range []stepView{
		{Name: "Rows sent", Class: "asked", Rows: sum.rows},
		{Name: "Returned by COR", Class: "returned", Rows: returned},
		{Name: "With exactly the percentage asked for", Class: "matched", Rows: matched},
	} {
		step.Width, step.Share = widthOf(step.Rows, sum.rows), percentOf(step.Rows, sum.rows)
		sent.Steps = append(sent.Steps, step)
	}
	v.Sent = sent
	top, others := s.differences()
	for _, d := range top {
		v.Differences = append(v.Differences, differenceView{d.asked.String(), d.returned, d.rows})
	}
	v.Others = others
}

func sumOf(status *statusView, sum shareSum, comparable bool) sumView {
	v := sumView{Status: status, Rows: sum.rows, Asked: groupDigits(sum.asked.String()), Returned: "–", Differ: "–"}
	if !comparable {
		return v
	}
	v.Returned = groupDigits(sum.returned.String())
	switch differ := sum.returned - sum.asked; {
	case differ > 0:
		v.Differ = "+" + groupDigits(differ.String())
	case differ < 0:
		v.Differ = "−" + groupDigits((-differ).String())
	default:
		v.Differ = "0"
	}
	return v
}
