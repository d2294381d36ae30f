package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// How many bytes of a text the page shows.
const (
	cellShown = 120
	textShown = 400
)

// functions are what the template calls. Every text goes through cell or text,
// which cut it, or through whole.
func (v *view) functions() template.FuncMap {
	cut := func(limit int) func(any) string {
		return func(text any) string { return cut(v.Show, fmt.Sprint(text), limit) }
	}
	return template.FuncMap{
		"cell": cut(cellShown), "text": cut(textShown), "whole": v.Show,
		"n": groupDigits, "part": percentOf, "spell": spell, "words": func(s string) []string { return strings.Split(s, " ") },
		"moment": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"status": showStatus, "anchor": anchor,
	}
}

// cut returns s escaped by show, and of a longer text no more than limit bytes and
// an ellipsis.
func cut(show func(string) string, s string, limit int) string {
	begin := head(s, limit)
	shown := show(begin)
	if len(begin) == len(s) && len(shown) <= limit {
		return shown
	}
	return head(shown, limit) + "…"
}

// head returns at most the first limit bytes of s, and cuts no character.
func head(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
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

// spell writes a duration for people, in at most two units.
func spell(d time.Duration) string {
	whole, unit, part, name := d/time.Hour, "h", d%time.Hour/time.Minute, "min"
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Round(10*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		whole, unit, part, name = d/time.Minute, "min", d%time.Minute/time.Second, "s"
	}
	if part == 0 {
		return fmt.Sprintf("%d %s", whole, unit)
	}
	return fmt.Sprintf("%d %s %d %s", whole, unit, part, name)
}
