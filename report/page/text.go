package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
)

// How many bytes of a text the page shows.
const (
	cellShown = 120
	textShown = 400
)

// functions are what the template calls. Every text goes through cell or text,
// which cut it, or through whole.
func functions() template.FuncMap {
	return template.FuncMap{
		"cell": cut(cellShown), "text": cut(textShown), "whole": pipeline.Show,
		"n": groupDigits, "part": percentOf, "words": func(s string) []string { return strings.Split(s, " ") },
		"moment": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"spell": func(seconds float64) time.Duration {
			return time.Duration(seconds * float64(time.Second)).Round(10 * time.Millisecond)
		},
		"statuses": pipeline.Statuses, "status": showStatus,
		"rank":   func(s pipeline.Status) int { return slices.Index(pipeline.BySeverity(), s) },
		"anchor": func(p pipeline.Place) string { return fmt.Sprintf("L-%d-%d", p.File+1, p.Line) },
	}
}

// cut returns a function that escapes a text as pipeline.Show does, and cuts it to
// limit bytes.
func cut(limit int) func(any) string {
	return func(text any) string { return pipeline.Cut(pipeline.Show(fmt.Sprint(text)), limit) }
}

// groupDigits writes an integer with a comma between its thousands.
func groupDigits(n any) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// percentOf is a part of a whole for people: 100 % only where it is all.
func percentOf(n, all int64) string {
	if n == all {
		return "100 %"
	}
	return fmt.Sprintf("%.1f %%", min(max(100*float64(n)/float64(all), 0.1), 99.9))
}
