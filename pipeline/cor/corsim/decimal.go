package corsim

import (
	"math/big"
	"strconv"
	"strings"
)

// maxNumber bounds the text of a number that is computed with.
const maxNumber = 100

// inBounds answers whether a JSON number lies within 0 and 100. One of absurd length does not.
func inBounds(number string) bool {
	if len(number) > maxNumber {
		return false
	}
	if within, decided := plainBounds(number); decided {
		return within
	}
	x, ok := rational(number)
	return ok && x.Sign() >= 0 && x.Cmp(big.NewRat(100, 1)) <= 0
}

// plainBounds is inBounds for the usual digits with or without a fraction; decided is false for any other form.
func plainBounds(number string) (within, decided bool) {
	whole, fraction, _ := strings.Cut(number, ".")
	if len(whole) > 3 || !digits(whole) || !digits(fraction) {
		return false, false
	}
	n, err := strconv.Atoi(whole)
	if err != nil {
		return false, false
	}
	return n < 100 || n == 100 && strings.Trim(fraction, "0") == "", true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// rational reads a JSON number exactly. Numbers of absurd length or exponent are refused rather than expanded.
func rational(number string) (*big.Rat, bool) {
	if _, exponent, ok := strings.Cut(strings.ToLower(number), "e"); ok {
		if n, err := strconv.Atoi(exponent); err != nil || n < -100 || n > 100 {
			return nil, false
		}
	}
	if len(number) > maxNumber {
		return nil, false
	}
	return new(big.Rat).SetString(number)
}

// rounded is the number as an integer, halves going up.
func rounded(number string) string {
	x, ok := rational(number)
	if !ok {
		return number
	}
	x.Add(x, big.NewRat(1, 2))
	return new(big.Int).Div(x.Num(), x.Denom()).String()
}

// total adds numbers exactly and answers whether the sum is over 100, with the sum's text for a message.
func total(numbers []string) (over bool, text string) {
	sum := new(big.Rat)
	for _, number := range numbers {
		if x, ok := rational(number); ok {
			sum.Add(sum, x)
		}
	}
	text = strings.TrimSuffix(strings.TrimRight(sum.FloatString(4), "0"), ".")
	return sum.Cmp(big.NewRat(100, 1)) > 0, text
}
