package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Measures of the plot in the units of its view box. It is drawn twice, for a
// desk and for a phone, as text in a picture that shrinks can't be read.
const (
	plotHeight = 220
	plotLeft   = 44 // of the bars; before it the labels of the rates
	plotTop    = 22 // above the bars; in it the marks of throttling
	plotBottom = 192
	plotRight  = 8
	wideWidth  = 1100
	phoneWidth = 340
	gapColumns = 3  // the width of a gap
	charWidth  = 7  // of a label
	tallest    = 48 // the most that a column is wide
)

// plot is the timeline as a picture.
type plot struct {
	Class         string
	Width, Height int
	Left, Right   string
	Bottom        string
	Grid          []gridLine
	Columns       []plotColumn
	Gaps          []plotGap
	Ticks         []plotTick
}

type gridLine struct{ Y, TextY, Label string }

type plotColumn struct {
	Title string
	Parts []plotPart
	Mark  string // points of the mark of throttling; "" for none
}

type plotPart struct{ Class, X, Y, Width, Height string }

type plotGap struct{ X, Label string }

type plotTick struct{ X, Label string }

// draw lays the columns out in a picture of this width. seconds is the width of
// a bar.
func draw(columns []column, seconds int64, width int) plot {
	p := plot{
		Class: "wide", Width: width, Height: plotHeight,
		Left: px(plotLeft), Right: px(float64(width - plotRight)), Bottom: px(plotBottom),
	}
	if width == phoneWidth {
		p.Class = "narrow"
	}
	units, most := 0, int64(0)
	for _, c := range columns {
		units += c.units()
		most = max(most, c.attempts())
	}
	step := min(float64(width-plotLeft-plotRight)/float64(max(units, 1)), tallest)
	top, line := rateScale(float64(most) / float64(seconds))
	for r := line; r <= top+line/2; r += line {
		y := plotBottom - (plotBottom-plotTop)*r/top
		p.Grid = append(p.Grid, gridLine{px(y), px(y + 4), strconv.FormatFloat(r, 'g', 6, 64)})
	}
	x, free := float64(plotLeft), float64(plotLeft)
	layout := tickLayout(columns, seconds)
	for _, c := range columns {
		next := x + step*float64(c.units())
		if c.gap > 0 {
			p.Gaps = append(p.Gaps, plotGap{px((x + next) / 2), spell(c.gap)})
			free = max(free, next) // the bar after a pause has its time below it
		} else {
			if c.attempts() > 0 {
				p.Columns = append(p.Columns, drawColumn(c.bar, seconds, x, step, top))
			}
			label := time.Unix(c.at*seconds, 0).UTC().Format(layout)
			long := float64(len(label) * charWidth)
			if x >= free && x+long <= float64(width) {
				p.Ticks = append(p.Ticks, plotTick{px(x), label})
				free = x + long*1.8
			}
		}
		x = next
	}
	return p
}

func (c *column) units() int {
	if c.gap > 0 {
		return gapColumns
	}
	return 1
}

// drawColumn stacks what came of the attempts of one bar.
func drawColumn(b bar, seconds int64, x, step, top float64) plotColumn {
	wide := step
	if step > 4 {
		wide = step - 1
	}
	from := time.Unix(b.at*seconds, 0).UTC()
	column := plotColumn{Title: fmt.Sprintf("%s to %s: %s", from.Format("15:04:05"),
		from.Add(time.Duration(seconds)*time.Second).Format("15:04:05"), fateText(b.count))}
	y := float64(plotBottom)
	for f, n := range b.count {
		if n == 0 {
			continue
		}
		height := (plotBottom - plotTop) * float64(n) / float64(seconds) / top
		y -= height
		column.Parts = append(column.Parts, plotPart{fateClass(fate(f)), px(x), px(y), px(wide), px(height)})
	}
	if b.count[throttled] > 0 {
		mid, half := x+wide/2, max(min(wide/2, 5), 2.5)
		column.Mark = px(mid-half) + ",6 " + px(mid+half) + ",6 " + px(mid) + ",14"
	}
	return column
}

// px is a length in the picture.
func px(v float64) string {
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// rateScale returns the top of the scale for a highest rate, and the distance of
// its lines: 1, 2 or 5 times a power of ten, two to five of them.
func rateScale(most float64) (top, line float64) {
	line = 1e-6
	for i := 0; most > 4*line; i++ {
		line *= []float64{2, 2.5, 2}[i%3]
	}
	for top = line; top < most; {
		top += line
	}
	return top, line
}

// aDay is how long a run takes whose times are written with their day.
const aDay = 20 * time.Hour

// tickLayout is how the times below the plot are written.
func tickLayout(columns []column, seconds int64) string {
	if n := len(columns); n > 0 && time.Duration((columns[n-1].at-columns[0].at)*seconds)*time.Second >= aDay {
		return "Jan 2 15:04"
	}
	if seconds >= 60 {
		return "15:04"
	}
	return "15:04:05"
}

func fateClass(f fate) string {
	return [fates]string{"answered", "refused", "throttled", "lost"}[f]
}

// fateName says in the legend what came of attempts.
func fateName(f fate) string {
	return [fates]string{"answered", "refused", "throttled", "without a readable answer, or 5xx"}[f]
}

// fateText counts attempts, as in "5 attempts, 2 throttled".
func fateText(count [fates]int64) string {
	b := bar{count: count}
	text := attemptsText(b.attempts())
	for f, n := range count {
		if n > 0 && fate(f) != answered {
			text += ", " + groupInt(n) + " " + fateName(fate(f))
		}
	}
	return text
}

func attemptsText(n int64) string {
	if n == 1 {
		return "1 attempt"
	}
	return groupInt(n) + " attempts"
}

// spell writes a duration for people, to two units.
func spell(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Round(10*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	}
	seconds := int64(d.Round(time.Second) / time.Second)
	var parts []string
	for _, unit := range []struct {
		size int64
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}} {
		n := seconds / unit.size
		seconds %= unit.size
		if n > 0 {
			parts = append(parts, strconv.FormatInt(n, 10)+" "+unit.name)
		} else if len(parts) > 0 {
			break
		}
		if len(parts) == 2 {
			break
		}
	}
	return strings.Join(parts, " ")
}

func groupInt(n int64) string {
	return groupDigits(strconv.FormatInt(n, 10))
}

// rateView is the timeline: a legend, a text that says what the picture shows,
// and the picture in two widths.
type rateView struct {
	Legend []legendView
	Text   string
	Bar    string // how long one stands for
	Plots  []plot // none when there is too little to see
}

type legendView struct {
	Class, Name string
	Attempts    int64
}

// fewColumns is how many make no picture.
const fewColumns = 4

// plot says how fast attempts left, and what came of them.
func (v *view) plot(t *timeline) {
	all := bar{count: t.total}
	if all.attempts() == 0 {
		return
	}
	columns, seconds := t.columns()
	r := &rateView{Bar: spell(time.Duration(seconds) * time.Second)}
	for f, n := range t.total {
		if n > 0 {
			r.Legend = append(r.Legend, legendView{fateClass(fate(f)), fateName(fate(f)), n})
		}
	}
	active := t.last.Sub(t.first) - paused(columns)
	r.Text = attemptsText(all.attempts())
	if active >= time.Second && all.attempts() > 1 {
		r.Text += fmt.Sprintf(" in %s, %s per second on average", spell(active),
			strconv.FormatFloat(float64(all.attempts()-1)/active.Seconds(), 'f', 1, 64))
	}
	r.Text += "."
	if n := t.total[throttled]; n > 0 {
		layout := "15:04:05"
		if t.last.Sub(t.first) >= aDay {
			layout = "Jan 2 15:04:05"
		}
		first, last := t.firstThrottled.UTC().Format(layout), t.lastThrottled.UTC().Format(layout)
		if n == 1 {
			r.Text += " COR throttled once, at " + first + " UTC."
		} else {
			r.Text += " COR throttled " + groupInt(n) + " times, from " + first + " to " + last + " UTC."
		}
	}
	if len(columns) >= fewColumns {
		r.Plots = []plot{draw(columns, seconds, wideWidth), draw(columns, seconds, phoneWidth)}
	}
	v.Rate = r
}
