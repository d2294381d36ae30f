package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// How many bytes of a text the page shows.
const (
	cellShown = 120
	textShown = 400
)

// functions are what the template calls. Every text goes through cell or text,
// which cut it, or through whole.
func functions() template.FuncMap {
	cut := func(limit int) func(any) string {
		return func(text any) string { return cut(fmt.Sprint(text), limit) }
	}
	return template.FuncMap{
		"cell": cut(cellShown), "text": cut(textShown), "whole": report.Show,
		"n": groupDigits, "part": percentOf, "words": func(s string) []string { return strings.Split(s, " ") },
		"moment": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"spell":  func(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) },
		"status": showStatus, "anchor": func(p pipeline.Place) string { return fmt.Sprintf("L-%d-%d", p.File+1, p.Line) },
	}
}

// cut escapes s as report.Show does, and cuts it to limit bytes. What is cut off
// anyway is not escaped before.
func cut(s string, limit int) string {
	return report.Cut(report.Show(report.Cut(s, limit)), limit)
}

// groupDigits writes an integer with a comma between its thousands.
func groupDigits(n any) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// percentOf is a part of a whole for people: never 0 % or 100 % unless it is.
func percentOf(n, all int64) string {
	switch part := 100 * float64(n) / float64(max(all, 1)); {
	case n == 0 || n == all:
		return strconv.FormatFloat(part, 'f', 0, 64) + " %"
	case part < 0.1:
		return "under 0.1 %"
	case part > 99.9:
		return "over 99.9 %"
	default:
		return strconv.FormatFloat(part, 'f', 1, 64) + " %"
	}
}
