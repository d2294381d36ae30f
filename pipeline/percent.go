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

// ParseDecimal reads digits, then optionally the point and one to four digits, with
// any number of zeros behind them, of any size that fits. The second result is false
// for everything else.
func ParseDecimal(text string, point byte) (Percent, bool) {
	whole, fraction, hasPoint := strings.Cut(text, string(point))
	tooExact := len(fraction) > percentDigits && strings.Trim(fraction[percentDigits:], "0") != ""
	if whole == "" || hasPoint && fraction == "" || tooExact {
		return 0, false
	}
	value, err := strconv.ParseUint(whole+(fraction + "0000")[:percentDigits], 10, 63)
	return Percent(value), err == nil
}

// String returns the shortest exact decimal, with a point: "60", "33.3333".
// It is a JSON number.
func (p Percent) String() string {
	text := strconv.FormatInt(int64(p)/percentUnit, 10)
	if rest := int64(p) % percentUnit; rest != 0 {
		text += strings.TrimRight(fmt.Sprintf(".%04d", rest), "0")
	}
	return text
}

// MarshalJSON returns String.
func (p Percent) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads what MarshalJSON returns; anything else is an error.
func (p *Percent) UnmarshalJSON(text []byte) error {
	value, ok := ParseDecimal(string(text), '.')
	if !ok {
		return fmt.Errorf("no percentage: %.64q", text)
	}
	*p = value
	return nil
}

// Near reports whether text, a JSON number as COR returned it, differs from this
// value by at most tolerance: with 0, 60 is near 60, 60.0 and 6e1 alone.
func (p Percent) Near(text string, tolerance Percent) bool {
	if plain, ok := ParseDecimal(text, '.'); ok {
		return max(plain-p, p-plain) <= tolerance // many times as fast
	}
	difference, ok := parseReturned(text)
	if !ok {
		return false
	}
	difference.Sub(difference, big.NewRat(int64(p), percentUnit))
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
	const largest = Hundred * Hundred // a plain number that many of them can be added to
	plain, sum := Percent(0), new(big.Rat)
	for _, text := range texts {
		if value, ok := ParseDecimal(text, '.'); ok && value <= largest {
			plain += value
		} else if value, ok := parseReturned(text); ok {
			sum.Add(sum, value)
		}
	}
	if sum.Sign() == 0 {
		return plain.String()
	}
	sum.Add(sum, big.NewRat(int64(plain), percentUnit))
	digits, _ := sum.FloatPrec()
	return sum.FloatString(digits)
}

// parseReturned reads a number that is short enough to be a percentage.
func parseReturned(text string) (*big.Rat, bool) {
	const longest = 64
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if len(text) > longest || len(strings.TrimLeft(exponent, "+-0")) > 2 || strings.ContainsAny(text, "/_xXpPbBoO") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
