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
		var traffic report.Traffic
		traffic.Seconds = map[int64]report.Outcomes{}
		for range number {
			at += 1 + random.Int63n(apart)
			if random.Intn(200) == 0 {
				at += 1000 * apart
			}
			s := report.Outcomes{Answered: random.Int63n(5), Throttled: random.Int63n(2), Failed: random.Int63n(2)}
			sum = [3]int64{sum[0] + s.Answered, sum[1] + s.Throttled, sum[2] + s.Failed}
			traffic.All = report.Outcomes{Answered: sum[0], Throttled: sum[1], Failed: sum[2]}
			traffic.Seconds[at] = s
		}
		p := newPlot(&traffic)
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
	seconds := map[int64]report.Outcomes{}
	for i := range int64(100) {
		seconds[i] = report.Outcomes{Answered: 1}
		seconds[36_000+i] = report.Outcomes{Answered: 1}
	}
	if p := newPlot(&report.Traffic{Seconds: seconds}); p.Width != time.Second || len(p.Bars) != 200 {
		t.Errorf("%d bars of %v", len(p.Bars), p.Width)
	}
	if p := newPlot(&report.Traffic{Seconds: map[int64]report.Outcomes{0: {Answered: 1, Throttled: 1, Failed: 1}, 400: {Answered: 1}}}); !cmp.Equal(p.Bars, [][4]int64{{0, 1, 1, 1}, {400, 1, 0, 0}}) {
		t.Errorf("%+v", p)
	}
	if newPlot(&report.Traffic{}) != nil {
		t.Error("nothing was sent, and there is a plot")
	}
}
