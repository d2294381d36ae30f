package page

import (
	"fmt"
	"html/template"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"corattach/pipeline"
)

const (
	overShown = 20 // over-allocated users
	goneShown = 50 // vanished pairs
)

// view is the page as its template sees it.
type view struct {
	*Data
	Policy string
	Style  template.CSS
	Script template.JS

	Outcome, Tone string
	Tiles         []tile              // the statuses that rows have
	Over          []pipeline.UserLine // the first users above the allocation limit
	Gone          []pipeline.Vanished // the first vanished pairs
	Plot          *plot               // nil when nothing was sent

	Attention int64 // rows
	List      []row
	Present   []tile // the statuses of List
	Left      []tile // rows of each status that need attention and that List leaves out

	names []string // of the inputs, short
	shown map[pipeline.Place]bool
}

// tile is a number of rows of one status.
type tile struct {
	Status pipeline.Status
	Rows   int64
}

func newView(d *Data) *view {
	v := &view{
		Data: d, Over: overAllocated(d), Gone: d.Vanished[:min(len(d.Vanished), goneShown)], Plot: newPlot(d.Seconds),
		names: shortNames(d.Inputs), shown: map[pipeline.Place]bool{},
	}
	v.Outcome, v.Tone = outcome(d)
	for s, n := range d.Rows {
		if !s.Settled() {
			v.Attention += n
		}
	}
	if v.Attention > 0 {
		v.List = troubled(d.Lines, d.Rows, v.Attention)
	} else {
		v.List = sample(d.Lines)
	}
	v.count()
	return v
}

// count says how many rows of each status there are, in all and in the list.
func (v *view) count() {
	listed := map[pipeline.Status]int64{}
	for i := range v.List {
		listed[v.List[i].Status]++
		v.shown[v.List[i].Place] = true
	}
	for _, s := range pipeline.Statuses() {
		n := v.Data.Rows[s]
		if n > 0 {
			v.Tiles = append(v.Tiles, tile{s, n})
		}
		if listed[s] > 0 {
			v.Present = append(v.Present, tile{s, listed[s]})
		}
		if left := n - listed[s]; left > 0 && !s.Settled() {
			v.Left = append(v.Left, tile{s, left})
		}
	}
}

// Subject names the input in a few words.
func (v *view) Subject() string {
	switch n := len(v.names); n {
	case 0:
		return "no input"
	case 1:
		return v.names[0]
	case 2:
		return v.names[0] + " and " + v.names[1]
	default:
		return fmt.Sprintf("%s and %d other files", v.names[0], n-1)
	}
}

// Place names a row's place in the input: by its line alone where there is one
// file.
func (v *view) Place(p pipeline.Place) string {
	if len(v.names) < 2 {
		return fmt.Sprint(p.Line)
	}
	return fmt.Sprintf("%s:%d", v.names[p.File], p.Line)
}

// Shown reports whether the page has the row.
func (v *view) Shown(p pipeline.Place) bool { return v.shown[p] }

// PerSecond is how many attempts left in a second of work; "" when that is too
// little to tell.
func (v *view) PerSecond() string {
	if v.Worked < time.Second {
		return ""
	}
	return strconv.FormatFloat(float64(v.Attempts)/v.Worked.Seconds(), 'f', 1, 64)
}

// shortNames are the names of the inputs without their directories, unless that
// would make two of them the same.
func shortNames(inputs []pipeline.Input) []string {
	short, full := make([]string, len(inputs)), make([]string, len(inputs))
	for i, input := range inputs {
		short[i], full[i] = filepath.Base(input.File), input.File
		if input.File == "-" {
			short[i] = "standard input"
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(short)))) < len(inputs) {
		return full
	}
	return short
}

// overAllocated returns the first users above the allocation limit.
func overAllocated(d *Data) (first []pipeline.UserLine) {
	left := min(d.OverAllocated, overShown)
	if left == 0 {
		return nil
	}
	for u := range d.UserLines {
		if !u.OverAllocated {
			continue
		}
		first = append(first, *u)
		if left--; left == 0 {
			break
		}
	}
	return first
}
