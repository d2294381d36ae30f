package report

import (
	"math/rand"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

func attemptAt(at time.Time, fault *pipeline.Fault) *pipeline.Exchange {
	e := &pipeline.Exchange{Attempt: pipeline.Attempt{At: at}, Fault: fault}
	if fault == nil {
		e.Answer = &pipeline.Answer{}
	}
	return e
}

// Whatever the attempts, in whatever order: none is lost, the bars are bounded
// and all of them can be drawn.
func TestTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)
		var all []*pipeline.Exchange
		number := rapid.SampledFrom([]int{1, 5, 100, 1000}).Draw(t, "attempts")
		apart := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "apart")
		random := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		for range number {
			at = at.Add(time.Duration(random.Int63n(int64(2*apart))) - apart/10)
			if random.Intn(200) == 0 {
				at = at.Add(1000 * apart)
			}
			var fault *pipeline.Fault
			if kind := pipeline.FaultKind(random.Intn(int(pipeline.NotConnected) + 1)); kind != 0 {
				fault = &pipeline.Fault{Kind: kind}
			}
			all = append(all, attemptAt(at, fault))
		}
		var one, other timeline
		for _, e := range all {
			one.add(e)
			if len(one.bars) > barsHeld {
				t.Fatalf("%d bars", len(one.bars))
			}
		}
		for _, i := range rand.New(rand.NewSource(int64(len(all)))).Perm(len(all)) {
			other.add(all[i])
		}
		if diff := cmp.Diff(one, other, cmp.AllowUnexported(timeline{}, bar{})); diff != "" {
			t.Fatalf("the order of the attempts makes a difference:\n%s", diff)
		}
		columns, seconds := one.columns()
		drawn, gaps := [fates]int64{}, 0
		for i, c := range columns {
			for f, n := range c.count {
				drawn[f] += n
			}
			if c.gap > 0 {
				gaps++
			} else if i > 0 && columns[i-1].gap == 0 && c.at != columns[i-1].at+1 {
				t.Fatalf("column %d stands for %d after %d", i, c.at, columns[i-1].at)
			}
		}
		if drawn != one.total || len(columns) > barsHeld || gaps > gapsDrawn {
			t.Fatalf("%d columns with %d gaps have %v of %v attempts", len(columns), gaps, drawn, one.total)
		}
		checkPlot(t, draw(columns, seconds, wideWidth))
		checkPlot(t, draw(columns, seconds, phoneWidth))
	})
}

// checkPlot holds a picture to its frame.
func checkPlot(t *rapid.T, p plot) {
	if n := len(p.Grid); n < 2 || n > 5 {
		t.Fatalf("%d lines: %v", n, p.Grid)
	}
	for _, c := range p.Columns {
		for _, part := range c.Parts {
			x, wide, y, high := number(t, part.X), number(t, part.Width), number(t, part.Y), number(t, part.Height)
			if x < plotLeft || x+wide > float64(p.Width) || y < plotTop-0.01 || y+high > plotBottom+0.02 || wide <= 0 || high < 0 {
				t.Fatalf("%+v does not fit into %d", part, p.Width)
			}
		}
	}
	for _, tick := range p.Ticks {
		if number(t, tick.X)+float64(len(tick.Label)*charWidth) > float64(p.Width) {
			t.Fatalf("%+v does not fit into %d", tick, p.Width)
		}
	}
}

func number(t rapid.TB, text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	must(t, err)
	return v
}

// Work, a night without any, and work again is drawn with one gap, and the bars
// stay narrow.
func TestTimelineGap(t *testing.T) {
	var line timeline
	begin := time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)
	for i := range 60 {
		line.add(attemptAt(begin.Add(time.Duration(i)*time.Second), nil))
		line.add(attemptAt(begin.Add(6*time.Hour+time.Duration(i)*time.Second), nil))
	}
	columns, seconds := line.columns()
	if seconds != 1 || len(columns) != 121 || paused(columns) != 6*time.Hour-60*time.Second {
		t.Errorf("%d columns of %d s, %v paused", len(columns), seconds, paused(columns))
	}
	p := draw(columns, seconds, wideWidth)
	if len(p.Gaps) != 1 || p.Gaps[0].Label != "5 h 59 min" {
		t.Errorf("gaps %+v", p.Gaps)
	}
	var v view
	v.plot(&line)
	if want := "120 attempts in 1 min 59 s, 1.0 per second on average."; v.Rate.Text != want {
		t.Errorf("text %q, want %q", v.Rate.Text, want)
	}
}

// What never came to a sending is no attempt, and a few attempts make no
// picture.
func TestTimelineOfLittle(t *testing.T) {
	var line timeline
	var v view
	begin := time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)
	line.add(attemptAt(begin, &pipeline.Fault{Kind: pipeline.NoToken}))
	v.plot(&line)
	if v.Rate != nil {
		t.Errorf("nothing was sent: %+v", v.Rate)
	}
	line.add(attemptAt(begin, &pipeline.Fault{Kind: pipeline.Throttled}))
	v.plot(&line)
	if v.Rate.Text != "1 attempt. COR throttled once, at 03:15:00 UTC." || v.Rate.Plots != nil {
		t.Errorf("%+v", v.Rate)
	}
}

func TestRateScale(t *testing.T) {
	for most, want := range map[float64]string{
		0.0003: "0.0003 0.0001", 0.7: "0.8 0.2", 1: "1 0.5", 5: "6 2", 30: "30 10", 41: "60 20", 4400: "6000 2000",
	} {
		top, line := rateScale(most)
		got := strconv.FormatFloat(top, 'g', 6, 64) + " " + strconv.FormatFloat(line, 'g', 6, 64)
		if got != want {
			t.Errorf("rateScale(%v) = %s, want %s", most, got, want)
		}
	}
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 1234 * time.Millisecond: "1.23 s", 59*time.Second + 600*time.Millisecond: "1 min", 61 * time.Second: "1 min 1 s",
		time.Hour + time.Second: "1 h", 26*time.Hour + 59*time.Second: "1 d 2 h", 9999 * time.Millisecond: "10 s",
	} {
		if got := spell(d); got != want {
			t.Errorf("spell(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTexts(t *testing.T) {
	for number, want := range map[string]string{
		"1": "1", "1234": "1,234", "-1234567.5000": "-1,234,567.5000", "999": "999", "1e9": "1e9", "": "", "12345678": "12,345,678",
	} {
		if got := groupDigits(number); got != want {
			t.Errorf("groupDigits(%q) = %q, want %q", number, got, want)
		}
	}
	for text, want := range map[string]string{
		"plain": "plain", "é\u00a0x": `é\u00a0x`, "a\x00\xff": `a\x00\xff`, "0123456789": "0123456789", "01234567890": "0123456…",
		"ééééééé": "ééé…", "\u202e\u202e\u202e": `\u202e…`, strings.Repeat("\xff", 4): `\xff…`,
	} {
		if got := visible(text, 10); got != want || len(got) > 10 {
			t.Errorf("visible(%q) = %q, want %q", text, got, want)
		}
	}
	for _, c := range []struct {
		n, all int64
		want   string
	}{{0, 5, "0 %"}, {5, 5, "100 %"}, {1, 100_000, "under 0.1 %"}, {99_999, 100_000, "over 99.9 %"}, {1, 3, "33.3 %"}, {0, 0, ""}} {
		if got := percentOf(c.n, c.all); got != c.want {
			t.Errorf("percentOf(%d, %d) = %q, want %q", c.n, c.all, got, c.want)
		}
	}
}
