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
	percent, ok := r.percent(number)
	fault := ""
	switch {
	case ok && percent <= pipeline.Hundred:
		row.Percent = percent
		return ""
	case !utf8.ValidString(cell):
		return "percentage " + quote(cell) + " " + pipeline.NotUTF8
	case cell == "":
		fault = "is blank"
	default:
		fault = r.mistake(number)
	}
	accepted := "0 to 100 with up to four decimals%s, such as 33%s3333 or 50%%"
	if r.Unit == unitFraction {
		accepted = "0 to 1 with up to six decimals%s, such as 0%s333333"
	}
	comma := ""
	if r.DecimalComma {
		comma = " after a comma"
	}
	return fmt.Sprintf("percentage %s %s; accepted is "+accepted, quote(cell), fault, comma, r.point)
}

// percent reads a number without its % sign. It is false for what the contract
// does not accept.
func (r *reading) percent(number string) (pipeline.Percent, bool) {
	if r.Unit == unitFraction { // times 100: the point moves by two digits
		whole, fraction, pointed := strings.Cut(number, r.point)
		if whole == "" || pointed && fraction == "" {
			return 0, false
		}
		fraction += "000"
		number = whole + fraction[:2] + r.point + fraction[2:]
	}
	return pipeline.ParseDecimal(number, r.point[0])
}

// mistake names what is likely wrong with a number that is not accepted.
func (r *reading) mistake(number string) string {
	decimals, most := 4, 100
	if r.Unit == unitFraction {
		decimals, most = 6, 1
	}
	whole, fraction, pointed := strings.Cut(number, r.point)
	left, right, comma := strings.Cut(number, ",")
	switch {
	case comma && !r.DecimalComma && isDigits(left) && isDigits(right) && (len(right) != 3 || left == "0"): // not a thousand
		return pipeline.DecimalComma
	case comma && !r.DecimalComma:
		return "has a comma: a thousands separator is not accepted, a decimal comma only with --decimal-comma"
	case !isDigits(whole) || pointed && !isDigits(fraction):
		return "is no plain decimal number"
	case len(strings.TrimRight(fraction, "0")) > decimals:
		return "has more decimals than are accepted"
	}
	return fmt.Sprintf("is over %d", most)
}
