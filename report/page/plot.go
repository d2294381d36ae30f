package page

import "time"

const (
	barsDrawn = 240 // more are not told apart
	longPause = 24  // empty bars; page.js draws a longer pause no wider
)

// plot is how fast attempts left, and what came of them. page.js draws it.
type plot struct {
	Width                       int64      // of a bar, in seconds
	Bars                        [][4]int64 // those that are not empty: begin divided by Width, answered, throttled, failed
	Answered, Throttled, Failed int64
}

// Bar is for how long a bar stands.
func (p *plot) Bar() time.Duration { return time.Duration(p.Width) * time.Second }

// newPlot adds the seconds up to bars, as wide as it takes to draw all of them. It
// returns nil when nothing was sent.
func newPlot(seconds []Second) *plot {
	if len(seconds) == 0 {
		return nil
	}
	var p *plot
	for _, width := range []int64{1, 2, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 4 * 3600, 24 * 3600} {
		p = &plot{Width: width}
		drawn := int64(0)
		for _, s := range seconds {
			drawn += p.add(s)
		}
		if drawn <= barsDrawn {
			break
		}
	}
	return p
}

// add returns by how many bars the picture grows.
func (p *plot) add(s Second) (bars int64) {
	at, last := s.Unix/p.Width, len(p.Bars)-1
	if last < 0 || p.Bars[last][0] != at {
		bars = 1
		if last >= 0 {
			bars = min(at-p.Bars[last][0], longPause)
		}
		p.Bars = append(p.Bars, [4]int64{at})
		last++
	}
	answered, throttled, failed := int64(s.Attempts-s.Throttled-s.Failed), int64(s.Throttled), int64(s.Failed)
	p.Answered += answered
	p.Throttled += throttled
	p.Failed += failed
	p.Bars[last][1] += answered
	p.Bars[last][2] += throttled
	p.Bars[last][3] += failed
	return bars
}
