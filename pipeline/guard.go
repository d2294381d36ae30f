package pipeline

import (
	"fmt"
	"strconv"
	"strings"
)

// Guard is a limit of N or N% that stops at strictly more. The zero value is
// off.
type Guard struct {
	on      bool
	percent bool
	limit   Percent // a number in percentUnit, or a percentage
}

// ParseGuard reads "off", a number, or a percentage with up to four decimals.
func ParseGuard(text string) (Guard, error) {
	if text == "off" {
		return Guard{}, nil
	}
	if number, found := strings.CutSuffix(text, "%"); found {
		if p, ok := ParseDecimal(number, '.'); ok && p <= Hundred {
			return Guard{true, true, p}, nil
		}
		return Guard{}, fmt.Errorf("%q is no percentage from 0%% to 100%%", text)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return Guard{}, fmt.Errorf("%q is neither off, a number nor a percentage such as 10%%", text)
	}
	return Guard{true, false, Percent(n) * percentUnit}, nil
}

// On reports whether there is a limit.
func (g Guard) On() bool { return g.on }

// Exceeded reports whether count is strictly more than the limit; total is what
// a percentage is taken of.
func (g Guard) Exceeded(count, total int) bool {
	switch {
	case !g.on:
		return false
	case g.percent:
		return Percent(count)*Hundred > g.limit*Percent(total)
	}
	return Percent(count)*percentUnit > g.limit
}

// String returns the guard as it is written.
func (g Guard) String() string {
	switch {
	case !g.on:
		return "off"
	case g.percent:
		return g.limit.String() + "%"
	}
	return g.limit.String()
}
