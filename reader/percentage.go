package reader

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"corattach/pipeline"
)

// setPercent sets the row's percentage, or returns what is wrong with its cell.
func (r *rules) setPercent(row *pipeline.Row) string {
	if r.Detach {
		return ""
	}
	cell := trim(row.Cells.Percentage)
	number, fault := cell, ""
	if signed, found := strings.CutSuffix(cell, "%"); found && r.Unit != unitFraction {
		number = signed
		if blank, size := utf8.DecodeLastRuneInString(signed); strings.ContainsRune(" \u00a0\u202f\u2007", blank) {
			number = signed[:len(signed)-size]
		}
	}
	percent, ok := r.percent(number)
	switch {
	case ok && percent <= pipeline.Hundred:
		row.Percent = percent
		return ""
	case cell == "":
		fault = "is blank"
	case !utf8.ValidString(cell):
		return notUTF8(percentageColumn, cell)
	default:
		fault = r.mistake(number)
	}
	return fmt.Sprintf("percentage %s %s; %s", quote(cell), fault, r.accepted())
}

// percent reads a number without its % sign. It is false for what the contract
// does not accept.
func (r *rules) percent(number string) (pipeline.Percent, bool) {
	if percent, ok := pipeline.ParseDecimal(number, r.point); ok && r.Unit != unitFraction {
		return percent, true
	}
	point := string(rune(r.point))
	whole, fraction, pointed := strings.Cut(number, point)
	if whole == "" || pointed && fraction == "" {
		return 0, false
	}
	if r.Unit == unitFraction { // times 100: the point moves by two digits
		fraction += "00"
		whole, fraction = whole+fraction[:2], fraction[2:]
	}
	return pipeline.ParseDecimal(strings.TrimSuffix(strings.TrimRight(whole+point+fraction, "0"), point), r.point)
}

// accepted says what a percentage looks like.
func (r *rules) accepted() string {
	text := "accepted is 0 to 100 with up to four decimals, such as 33.3333 or 50%"
	if r.Unit == unitFraction {
		text = "accepted is 0 to 1 with up to six decimals, such as 0.333333"
	}
	if r.point == ',' {
		text = strings.Replace(strings.ReplaceAll(text, ".", ","), " decimals", " decimals after a comma", 1)
	}
	return text
}

// mistake names what is likely wrong with a number that is not accepted.
func (r *rules) mistake(number string) string {
	decimals, over := 4, "is over 100"
	if r.Unit == unitFraction {
		decimals, over = 6, "is over 1"
	}
	whole, fraction, pointed := strings.Cut(number, string(rune(r.point)))
	switch {
	case !isDigits(whole) || pointed && !isDigits(fraction):
		return r.wrongForm(number)
	case len(strings.TrimRight(fraction, "0")) > decimals:
		return "has more decimals than are accepted"
	}
	return over
}

// wrongForm names what is likely wrong with a text that is no decimal number.
func (r *rules) wrongForm(text string) string {
	whole, fraction, comma := strings.Cut(text, ",")
	switch {
	case r.point == ',' && strings.Contains(text, "."):
		return "has a point where --decimal-comma asks for a comma"
	case r.point == ',' || !comma:
		return "is no plain decimal number"
	case isDigits(whole) && isDigits(fraction) && (len(fraction) != 3 || whole == "0"):
		return pipeline.DecimalComma
	}
	return "has a comma: a thousands separator is not accepted, a decimal comma only with --decimal-comma"
}

// doubt is whether the percentages of the input are fractions. It looks so when
// no good row is above 1 and some lie between 0 and 1.
type doubt struct {
	lifted  bool
	first   pipeline.Place // of a percentage between 0 and 1
	cell    string         // that percentage; "" while there is none
	percent pipeline.Percent
}

// see looks at a good row.
func (d *doubt) see(row *pipeline.Row) {
	const one = pipeline.Hundred / 100
	cell := trim(row.Cells.Percentage)
	switch {
	case d.lifted:
	case row.Percent > one, strings.HasSuffix(cell, "%"):
		d.lifted = true
	case row.Percent > 0 && row.Percent < one && d.cell == "":
		d.first, d.cell, d.percent = row.Place, cell, row.Percent
	}
}

// refuse returns why the input is refused, nil when it is not. It is asked when
// all of it was read.
func (d *doubt) refuse(r *reading) *RefusedError {
	if d.lifted || d.cell == "" {
		return nil
	}
	return &RefusedError{
		File: r.files[d.first.File].Name, Line: d.first.Line,
		Reason: fmt.Sprintf("percentage %s: no percentage of the input is above 1; they look like fractions", quote(d.cell)),
		Hint: fmt.Sprintf("say which is meant: --percentage-unit fraction reads %s as %v %%, --percentage-unit percent as %v %%",
			d.cell, d.percent*100, d.percent),
	}
}
