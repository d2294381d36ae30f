package pipeline

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Percent is an exact percentage in steps of a ten-thousandth: 33.3333 % is
// 333333. The zero value is 0 %.
type Percent int64

const (
	percentDigits = 4
	percentUnit   = 10_000

	// Hundred is 100 %, the most one row may ask for.
	Hundred Percent = 100 * percentUnit
)

// ParseDecimal reads digits, then optionally the point and one to four digits,
// of any size that fits. The second result is false for everything else.
func ParseDecimal(text string, point byte) (Percent, bool) {
	whole, fraction := text, ""
	if i := strings.IndexByte(text, point); i >= 0 {
		whole, fraction = text[:i], text[i+1:]
		if fraction == "" || len(fraction) > percentDigits {
			return 0, false
		}
	}
	if whole == "" {
		return 0, false
	}
	value := int64(0)
	for i := range len(whole) + percentDigits {
		digit := byte('0')
		switch {
		case i < len(whole):
			digit = whole[i]
		case i-len(whole) < len(fraction):
			digit = fraction[i-len(whole)]
		}
		if digit < '0' || digit > '9' || value > 1<<58 {
			return 0, false
		}
		value = value*10 + int64(digit-'0')
	}
	return Percent(value), true
}

// String returns the shortest exact decimal, with a point: "60", "33.3333".
// It is a JSON number.
func (p Percent) String() string {
	return string(p.Append(nil))
}

// Append appends String to b.
func (p Percent) Append(b []byte) []byte {
	b = strconv.AppendInt(b, int64(p)/percentUnit, 10)
	rest := int64(p) % percentUnit
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for unit := int64(percentUnit / 10); rest > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}

// MarshalJSON returns String.
func (p Percent) MarshalJSON() ([]byte, error) { return p.Append(nil), nil }

// UnmarshalJSON reads what MarshalJSON returns; anything else is an error.
func (p *Percent) UnmarshalJSON(text []byte) error {
	value, ok := ParseDecimal(string(text), '.')
	if !ok {
		return fmt.Errorf("no percentage: %.64q", text)
	}
	*p = value
	return nil
}

// maxReturnedDigits bounds the numbers that Near, SameNumber and SumReturned
// compute with: a longer one is no percentage.
const maxReturnedDigits = 64

// Near reports whether text, a JSON number as COR returned it, differs from this
// value by at most tolerance: with 0, 60 is near 60, 60.0 and 6e1 alone.
func (p Percent) Near(text string, tolerance Percent) bool {
	if plain, ok := ParseDecimal(text, '.'); ok {
		return max(plain-p, p-plain) <= tolerance
	}
	returned, ok := parseReturned(text)
	if !ok {
		return false
	}
	difference := returned.Sub(returned, big.NewRat(int64(p), percentUnit))
	return difference.Abs(difference).Cmp(big.NewRat(int64(tolerance), percentUnit)) <= 0
}

// SameNumber reports whether two JSON numbers as COR returned them have the same
// value: 60, 60.0 and 6e1 do. What is no number is the same as its own spelling
// only.
func SameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, ok := parseReturned(a)
	y, alsoOK := parseReturned(b)
	return ok && alsoOK && x.Cmp(y) == 0
}

// SumReturned adds up JSON numbers as COR returned them, exactly. What is no
// number counts as 0.
func SumReturned(texts []string) string {
	if plain, ok := sumPlain(texts); ok {
		return plain.String()
	}
	sum := new(big.Rat)
	for _, text := range texts {
		if value, ok := parseReturned(text); ok {
			sum.Add(sum, value)
		}
	}
	digits, _ := sum.FloatPrec()
	return sum.FloatString(digits)
}

// sumPlain adds up numbers as they usually come: short, without an exponent, with
// at most four decimals.
func sumPlain(texts []string) (Percent, bool) {
	const short = 10 // characters: no sum of such numbers that fits in memory overflows
	var sum Percent
	for _, text := range texts {
		value, ok := ParseDecimal(text, '.')
		if !ok || len(text) > short {
			return 0, false
		}
		sum += value
	}
	return sum, true
}

func parseReturned(text string) (*big.Rat, bool) {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if len(text) > maxReturnedDigits || len(strings.TrimLeft(exponent, "+-0")) > 2 {
		return nil, false
	}
	if strings.ContainsAny(text, "/_xXpPbBoO") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
