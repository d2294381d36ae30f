package report

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// How many bytes of a text the page shows.
const (
	idShown     = 255 // as long as an id may be
	numberShown = 40
	sourceShown = 60
	codeShown   = 80
	reasonShown = 400
)

// visible returns Plain(s) cut to limit bytes with an ellipsis, so that nothing in
// the page is unseen or turns a line around. It shares no memory with s.
func visible(s string, limit int) string {
	if len(s) <= limit && printable(s) {
		return strings.Clone(s)
	}
	var b []byte
	keep := 0 // where to cut should the text be too long
	for rest := s; rest != ""; {
		_, size := utf8.DecodeRuneInString(rest)
		b = append(b, Plain(rest[:size])...)
		if len(b) > limit {
			return string(b[:keep]) + ellipsis
		}
		if len(b) <= limit-len(ellipsis) {
			keep = len(b)
		}
		rest = rest[size:]
	}
	return string(b)
}

// groupDigits puts a comma between the thousands of a number's whole part; what
// is no plain number stays as it is.
func groupDigits(number string) string {
	whole, fraction, point := strings.Cut(number, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	if strings.Trim(whole, "0123456789") != "" {
		return number
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return sign + whole
}

// percentOf is a part of a whole for people: never 0 % or 100 % unless it is.
func percentOf(n, all int64) string {
	if all == 0 {
		return ""
	}
	switch part := 100 * float64(n) / float64(all); {
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

// widthOf is a part of a whole as a length in the picture.
func widthOf(n, all int64) string {
	return strconv.FormatFloat(100*float64(n)/float64(max(all, 1)), 'f', 3, 64) + "%"
}
