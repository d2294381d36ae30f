package pipeline

import (
	"fmt"
	"strconv"
	"strings"
)

// Limit is a limit of N or N% that stops at strictly more. The zero value is
// off; with On alone it is 0.
type Limit struct {
	On bool // there is a limit

	bound Percent // a number in percentUnit, or a percentage
	unit  string  // of bound: "%", or "" for a number
}

// UnmarshalText reads "off", a number, or a percentage with up to four decimals.
func (l *Limit) UnmarshalText(text []byte) error {
	number, isPercent := strings.CutSuffix(string(text), "%")
	switch {
	case number == "off" && !isPercent:
		*l = Limit{}
	case isPercent:
		bound, ok := ParseDecimal(number, '.')
		if !ok || bound > Hundred {
			return fmt.Errorf("%q is no percentage from 0%% to 100%%", text)
		}
		*l = Limit{true, bound, "%"}
	default:
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is neither off, a number nor a percentage such as 10%%", text)
		}
		*l = Limit{true, Percent(n) * percentUnit, ""}
	}
	return nil
}

// MarshalText returns String, as journals keep it.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Exceeded reports whether count is strictly more than the limit; total is what
// a percentage is taken of.
func (l Limit) Exceeded(count, total int) bool {
	switch {
	case !l.On:
		return false
	case l.unit == "%":
		return Percent(count)*Hundred > l.bound*Percent(total)
	}
	return Percent(count)*percentUnit > l.bound
}

// String returns the limit as it is written.
func (l Limit) String() string {
	if !l.On {
		return "off"
	}
	return l.bound.String() + l.unit
}
