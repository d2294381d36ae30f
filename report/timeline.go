package report

import (
	"slices"
	"time"

	"corattach/pipeline"
)

const (
	// barsHeld is how many bars of the timeline are held, and drawn.
	barsHeld = 160
	// longPause is how many empty bars are drawn as they are; a longer pause is
	// drawn as a gap.
	longPause = 24
	// gapsDrawn is how many such gaps the plot has.
	gapsDrawn = 3
)

// barWidths returns how many seconds a bar may stand for. Each is a multiple of
// the one before; beyond the last one they double.
func barWidths() []int64 {
	return []int64{1, 5, 15, 30, 60, 300, 900, 1800, 3600}
}

// fate is what came of an attempt, as the timeline draws it.
type fate int

const (
	answered  fate = iota // a readable 2xx
	refused               // COR said no
	throttled             // 429 or 503
	lost                  // no readable answer, or a 5xx
	fates
)

func fateOf(e *pipeline.Exchange) fate {
	if e.Answer != nil {
		return answered
	}
	if e.Fault == nil {
		return lost
	}
	switch e.Fault.Kind {
	case pipeline.Throttled:
		return throttled
	case pipeline.Refused, pipeline.Attached, pipeline.Unauthorized, pipeline.Forbidden:
		return refused
	}
	return lost
}

// bar is the attempts that were begun in one stretch of time.
type bar struct {
	at    int64 // Unix seconds divided by the width
	count [fates]int64
}

func (b *bar) attempts() int64 {
	n := int64(0)
	for _, c := range b.count {
		n += c
	}
	return n
}

// timeline counts attempts over time in a bounded number of bars, which grow
// wider as the run grows longer. Times without attempts cost nothing. The order
// of the attempts makes no difference. The zero value is empty.
type timeline struct {
	width int64 // seconds; 0 before the first attempt
	bars  []bar // in order of time, none of them empty
	total [fates]int64

	first, last                   time.Time // of all attempts
	firstThrottled, lastThrottled time.Time // of those throttled
}

func (t *timeline) add(e *pipeline.Exchange) {
	if !e.Sent() || e.At.IsZero() {
		return
	}
	if t.width == 0 {
		t.width, t.first, t.last = barWidths()[0], e.At, e.At
	}
	if e.At.Before(t.first) {
		t.first = e.At
	}
	if e.At.After(t.last) {
		t.last = e.At
	}
	f := fateOf(e)
	t.total[f]++
	if f == throttled {
		if t.firstThrottled.IsZero() || e.At.Before(t.firstThrottled) {
			t.firstThrottled = e.At
		}
		if e.At.After(t.lastThrottled) {
			t.lastThrottled = e.At
		}
	}
	t.barAt(e.At.Unix()).count[f]++
	for len(t.bars) > barsHeld {
		t.widen()
	}
}

// barAt returns the bar of a time. Most attempts fall into the last one.
func (t *timeline) barAt(unix int64) *bar {
	at := floorDiv(unix, t.width)
	i := len(t.bars)
	for i > 0 && t.bars[i-1].at > at {
		i--
	}
	if i > 0 && t.bars[i-1].at == at {
		return &t.bars[i-1]
	}
	t.bars = slices.Insert(t.bars, i, bar{at: at})
	return &t.bars[i]
}

// widen gives the bars their next width.
func (t *timeline) widen() {
	next := t.width * 2
	for _, w := range barWidths() {
		if w > t.width {
			next = w
			break
		}
	}
	times := next / t.width
	t.width = next
	merged := t.bars[:0]
	for _, b := range t.bars {
		b.at = floorDiv(b.at, times)
		if n := len(merged); n > 0 && merged[n-1].at == b.at {
			for f, c := range b.count {
				merged[n-1].count[f] += c
			}
			continue
		}
		merged = append(merged, b)
	}
	t.bars = merged
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// column is a bar as it is drawn, or a pause.
type column struct {
	bar
	gap time.Duration // of a pause too long to draw; 0 for a bar
}

// columns returns what is drawn, and the width of a bar in seconds: wide enough
// that all of it fits.
func (t *timeline) columns() ([]column, int64) {
	fit := *t
	fit.bars = slices.Clone(t.bars)
	for {
		columns, gaps := fit.layout()
		if len(columns) <= barsHeld && gaps <= gapsDrawn || len(fit.bars) < 2 {
			return columns, fit.width
		}
		fit.widen()
	}
}

// layout sets the bars side by side, with the empty ones between them.
func (t *timeline) layout() (columns []column, gaps int) {
	for i, b := range t.bars {
		if i > 0 {
			empty := b.at - t.bars[i-1].at - 1
			if empty > longPause {
				gaps++
				columns = append(columns, column{gap: time.Duration(empty*t.width) * time.Second})
				empty = 0
			}
			for j := empty; j > 0; j-- {
				columns = append(columns, column{bar: bar{at: b.at - j}})
			}
		}
		columns = append(columns, column{bar: b})
	}
	return columns, gaps
}

// paused is how long the gaps take.
func paused(columns []column) time.Duration {
	sum := time.Duration(0)
	for _, c := range columns {
		sum += c.gap
	}
	return sum
}
