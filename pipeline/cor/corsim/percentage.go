package corsim

import (
	"math/big"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxNumber bounds the text of a number that is computed with.
const maxNumber = 100

// rational reads a JSON number exactly; nil for one of absurd length or with an exponent.
func rational(number string) *big.Rat {
	if len(number) > maxNumber || strings.ContainsAny(number, "eE") {
		return nil
	}
	x, _ := new(big.Rat).SetString(number)
	return x
}

// isPercentage says whether a number that rational has read is within 0 and 100.
func isPercentage(x *big.Rat) bool {
	return x != nil && x.Sign() >= 0 && x.Cmp(big.NewRat(100, 1)) <= 0
}

// stored is what becomes of a percentage at COR: the number's text as sent, rounded half up, or cut.
func (s settings) stored(number string) string {
	decimals := s.number("decimals")
	switch s["percentage"] {
	case "rounded", "string-rounded":
		return rational(number).FloatString(decimals)
	case "cut":
		whole, fraction, _ := strings.Cut(rational(number).FloatString(maxNumber), ".")
		return strings.TrimSuffix(whole+"."+fraction[:decimals], ".")
	}
	return number
}

// answered is a stored percentage as answers have it.
func (s settings) answered(number string) jsontext.Value {
	if s["percentage"] == "string" || s["percentage"] == "string-rounded" {
		return jsontext.Value(`"` + number + `"`)
	}
	return jsontext.Value(number)
}

func total(list []attachment) *big.Rat {
	sum := new(big.Rat)
	for _, a := range list {
		sum.Add(sum, rational(a.percentage))
	}
	return sum
}
