package main

import (
	"math/big"
	"strings"
	"unicode"
)

// look is a user id that somebody asked for, and what makes others look like it.
type look struct {
	id     string
	folded string
	number *big.Rat // nil when the id is no number
}

func newLook(id string) look {
	return look{id, fold(id), numberOf(id)}
}

// alike reports whether an id may be what was meant: it differs in case, blanks,
// hyphens, leading zeros or a spreadsheet's ' alone, or one of the two is what a
// spreadsheet makes of the number that the other is.
func (l look) alike(id string) bool {
	if fold(id) == l.folded {
		return true
	}
	if l.number == nil {
		return false
	}
	other := numberOf(id)
	return other != nil && (other.Cmp(l.number) == 0 || roundsTo(l.id, other) || roundsTo(id, l.number))
}

// fold leaves out of an id what is easily mistaken.
func fold(id string) string {
	id = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.White_Space, unicode.Cf, unicode.Dash) || r == '\'' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, id)
	if trimmed := strings.TrimLeft(id, "0"); trimmed != "" {
		return trimmed
	}
	return id
}

// mostDigits bounds the numbers that are computed with.
const mostDigits = 40

// numberOf reads an id such as 100234, 100234.0 or 1E+05; nil for any other.
func numberOf(id string) *big.Rat {
	mantissa, exponent, _ := strings.Cut(strings.ToUpper(id), "E")
	if len(id) > mostDigits || len(strings.TrimLeft(exponent, "+0")) > 2 || strings.Trim(mantissa, "0123456789.") != "" ||
		strings.Trim(exponent, "+0123456789") != "" {
		return nil
	}
	n, ok := new(big.Rat).SetString(id)
	if !ok {
		return nil
	}
	return n
}

// roundsTo reports whether short is a number with an exponent and n, cut to its
// digits, is that number: 1.23E+11 is what a spreadsheet shows of 123456789012.
func roundsTo(short string, n *big.Rat) bool {
	mantissa, exponent, found := strings.Cut(strings.ToUpper(short), "E")
	if !found || exponent == "" {
		return false
	}
	_, decimals, _ := strings.Cut(mantissa, ".")
	f, _ := new(big.Float).SetPrec(256).SetRat(n).Float64()
	rounded := numberOf(big.NewFloat(f).Text('E', len(decimals)))
	return rounded != nil && rounded.Cmp(numberOf(short)) == 0
}
