package page

import (
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/report"
)

// Whatever the attempts: none is lost, and the bars are in order and can be drawn.
func TestPlot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.SampledFrom([]int{1, 5, 300, 10_000}).Draw(t, "seconds")
		apart := rapid.SampledFrom([]int64{1, 10, 600}).Draw(t, "apart")
		random := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		at, sum := start.Unix(), [3]int64{}
		var seconds []report.Second
		for range number {
			at += 1 + random.Int63n(apart)
			if random.Intn(200) == 0 {
				at += 1000 * apart
			}
			s := report.Second{Unix: at, Throttled: random.Intn(2), Failed: random.Intn(2)}
			s.Attempts = s.Throttled + s.Failed + random.Intn(5)
			sum[0] += int64(s.Attempts - s.Throttled - s.Failed)
			sum[1] += int64(s.Throttled)
			sum[2] += int64(s.Failed)
			seconds = append(seconds, s)
		}
		p := newPlot(seconds)
		drawn, last := [3]int64{}, int64(-1)
		for _, b := range p.Bars {
			if b[0] <= last {
				t.Fatalf("%d after %d", b[0], last)
			}
			last = b[0]
			for i := range drawn {
				drawn[i] += b[i+1]
			}
		}
		if drawn != sum || (drawn != [3]int64{p.Answered, p.Throttled, p.Failed}) || len(p.Bars) > barsDrawn {
			t.Fatalf("%d bars with %v of %v attempts", len(p.Bars), drawn, sum)
		}
	})
}

// A night without work makes no bar wider.
func TestPlotPause(t *testing.T) {
	var seconds []report.Second
	for i := range int64(100) {
		seconds = append(seconds, report.Second{Unix: i, Attempts: 1})
	}
	for i := range int64(100) {
		seconds = append(seconds, report.Second{Unix: 36_000 + i, Attempts: 1})
	}
	if p := newPlot(seconds); p.Width != time.Second || len(p.Bars) != 200 {
		t.Errorf("%d bars of %v", len(p.Bars), p.Width)
	}
	if p := newPlot([]report.Second{{Unix: 0, Attempts: 3, Throttled: 1, Failed: 1}, {Unix: 400, Attempts: 1}}); !cmp.Equal(p.Bars, [][4]int64{{0, 1, 1, 1}, {400, 1, 0, 0}}) {
		t.Errorf("%+v", p)
	}
	if newPlot(nil) != nil {
		t.Error("nothing was sent, and there is a plot")
	}
}
