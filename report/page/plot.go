package page

import (
	"time"

	"corattach/report"
)

const (
	barsDrawn = 240 // more are not told apart
	longPause = 24  // empty bars; page.js draws a longer pause no wider
)

// plot is how fast attempts left, and what came of them. page.js draws it.
type plot struct {
	Width                       time.Duration // of a bar
	Bars                        [][4]int64    // those that are not empty: begin divided by Width, answered, throttled, failed
	Answered, Throttled, Failed int64
}

// newPlot adds the seconds up to bars, as wide as it takes to draw all of them. It
// returns nil when nothing was sent.
func newPlot(seconds []report.Second) *plot {
	if len(seconds) == 0 {
		return nil
	}
	var p *plot
	for _, width := range []int64{1, 2, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 4 * 3600, 24 * 3600} {
		p = &plot{Width: time.Duration(width) * time.Second}
		drawn, last := int64(0), seconds[0].Unix/width-1
		for _, s := range seconds {
			if at := s.Unix / width; at != last {
				p.Bars = append(p.Bars, [4]int64{at})
				drawn += min(at-last, longPause)
				last = at
			}
			bar := &p.Bars[len(p.Bars)-1]
			bar[1] += int64(s.Attempts - s.Throttled - s.Failed)
			bar[2] += int64(s.Throttled)
			bar[3] += int64(s.Failed)
		}
		if drawn <= barsDrawn {
			break
		}
	}
	for _, bar := range p.Bars {
		p.Answered += bar[1]
		p.Throttled += bar[2]
		p.Failed += bar[3]
	}
	return p
}
