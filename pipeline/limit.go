package pipeline

import (
	"fmt"
	"strconv"
	"strings"
)

// Limit is a limit of N or N% that stops at strictly more. The zero value is
// off.
type Limit struct {
	On bool // there is a limit

	bound Percent // a number in percentUnit, or a percentage
	unit  string  // of bound: "%", or "" for a number
}

// ParseLimit reads "off", a number, or a percentage with up to four decimals.
func ParseLimit(text string) (Limit, error) {
	if text == "off" {
		return Limit{}, nil
	}
	if number, found := strings.CutSuffix(text, "%"); found {
		if p, ok := ParseDecimal(number, '.'); ok && p <= Hundred {
			return Limit{true, p, "%"}, nil
		}
		return Limit{}, fmt.Errorf("%q is no percentage from 0%% to 100%%", text)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return Limit{}, fmt.Errorf("%q is neither off, a number nor a percentage such as 10%%", text)
	}
	return Limit{true, Percent(n) * percentUnit, ""}, nil
}

// MarshalText returns String, as journals keep it.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is ParseLimit.
func (l *Limit) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLimit(string(text))
	return err
}

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
