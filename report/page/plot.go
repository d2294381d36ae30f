package page

import (
	"maps"
	"slices"
	"time"

	"corattach/report"
)

const (
	barsDrawn = 240 // more are not told apart
	longPause = 24  // empty bars; page.js draws a longer pause no wider
)

// plot is how fast attempts left, and what came of them. page.js draws it.
type plot struct {
	report.Outcomes
	Width time.Duration // of a bar
	Bars  [][4]int64    // those that are not empty: begin divided by Width, answered, throttled, failed
}

// newPlot adds the seconds up to bars, as wide as it takes to draw all of them. It
// returns nil when nothing was sent.
func newPlot(t *report.Traffic) *plot {
	if len(t.Seconds) == 0 {
		return nil
	}
	p := &plot{Outcomes: t.All}
	seconds := slices.Sorted(maps.Keys(t.Seconds))
	for _, width := range []int64{1, 2, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 4 * 3600, 24 * 3600} {
		p.Width, p.Bars = time.Duration(width)*time.Second, nil
		drawn, last := int64(0), seconds[0]/width-1
		for _, second := range seconds {
			if at := second / width; at != last {
				p.Bars = append(p.Bars, [4]int64{at})
				drawn += min(at-last, longPause)
				last = at
			}
			o, bar := t.Seconds[second], &p.Bars[len(p.Bars)-1]
			bar[1] += o.Answered
			bar[2] += o.Throttled
			bar[3] += o.Failed
		}
		if drawn <= barsDrawn {
			break
		}
	}
	return p
}
