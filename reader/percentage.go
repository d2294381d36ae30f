package reader

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"corattach/pipeline"
)

// setPercent sets the row's percentage, or returns what is wrong with its cell.
func (r *reading) setPercent(row *pipeline.Row) string {
	if r.Detach {
		return ""
	}
	cell := trim(row.Cells.Percentage)
	number, signed := strings.CutSuffix(cell, "%")
	switch blank, size := utf8.DecodeLastRuneInString(number); {
	case signed && r.Unit == unitFraction:
		number = cell
	case signed && strings.ContainsRune(" \u00a0\u202f\u2007", blank):
		number = number[:len(number)-size]
	}
	whole, fraction, pointed := strings.Cut(number, r.point)
	percent, ok := pipeline.ParseDecimal(number, r.point[0])
	decimals, most, accepted := 4, 100, "0 to 100 with up to four decimals, such as 33.3333 or 50%"
	if r.Unit == unitFraction {
		decimals, most, accepted = 6, 1, "0 to 1 with up to six decimals, such as 0.333333"
		if whole != "" && pointed == (fraction != "") { // times 100: the point moves by two digits
			digits := fraction + "000"
			percent, ok = pipeline.ParseDecimal(whole+digits[:2]+r.point+digits[2:], r.point[0])
		}
	}
	if ok && percent <= pipeline.Hundred {
		row.Percent = percent
		return ""
	}
	left, right, comma := strings.Cut(number, ",")
	fault := ""
	switch {
	case !utf8.ValidString(cell):
		return "percentage " + quote(cell) + " " + pipeline.NotUTF8
	case cell == "":
		fault = "is blank"
	case comma && !r.DecimalComma && isDigits(left) && isDigits(right) && (len(right) != 3 || left == "0"): // not a thousand
		fault = pipeline.DecimalComma
	case comma && !r.DecimalComma:
		fault = "has a comma: a thousands separator is not accepted, a decimal comma only with --decimal-comma"
	case !isDigits(whole) || pointed && !isDigits(fraction):
		fault = "is no plain decimal number"
	case len(strings.TrimRight(fraction, "0")) > decimals:
		fault = "has more decimals than are accepted"
	default:
		fault = fmt.Sprintf("is over %d", most)
	}
	if r.DecimalComma {
		accepted = strings.NewReplacer("decimals", "decimals after a comma", ".", ",").Replace(accepted)
	}
	return fmt.Sprintf("percentage %s %s; accepted is %s", quote(cell), fault, accepted)
}
