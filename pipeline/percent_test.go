package pipeline

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	for text, want := range map[string]Percent{
		"0": 0, "60": 600000, "100.0000": Hundred, "0.0001": 1, "33.3333": 333333, "33.3": 333000, "007": 70000,
		"000000000000000000000000012.5": 125000, "0.0": 0, "137.05": 1370500, "33.333300": 333333,
	} {
		if got, ok := ParseDecimal(text, '.'); !ok || got != want {
			t.Errorf("ParseDecimal(%q) = %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", " ", "%", "1e2", "NaN", "Inf", "0x10", "1,000", "5.", ".5", "+5", "-5", "-0", "５", "33.33333", "1.2.3", "60%", " 60", "60 ",
		"1_0", "1 0", "6O", "five", "12,5", "5,", "99999999999999999999", "184467440737095516.16", strings.Repeat("9", 300),
	} {
		if got, ok := ParseDecimal(text, '.'); ok {
			t.Errorf("ParseDecimal(%q) = %v, and it is no decimal", text, got)
		}
	}
	if got, ok := ParseDecimal("12,5", ','); !ok || got != 125000 {
		t.Errorf("with a comma for the point: %v, %v", got, ok)
	}
}

func TestPercentString(t *testing.T) {
	for p, want := range map[Percent]string{
		0: "0", 1: "0.0001", 10: "0.001", 600000: "60", 333333: "33.3333", 125000: "12.5", Hundred: "100", 1370500: "137.05",
	} {
		if got := p.String(); got != want {
			t.Errorf("Percent(%d) = %s, want %s", int64(p), got, want)
		}
	}
}

func TestPercentNear(t *testing.T) {
	for _, c := range []struct {
		percent  Percent
		returned string
		want     bool
	}{
		{600000, "60", true}, {600000, "60.0", true}, {600000, "6e1", true}, {600000, "6E+1", true}, {600000, "600e-1", true},
		{600000, "60.00000000000000000000", true}, {600000, "60.00000000000000000001", false}, {600000, "59.99999999999999999", false},
		{600000, "61", false}, {600000, "-60", false}, {600000, "", false}, {600000, "null", false}, {600000, "sixty", false},
		{600000, "1e999", false}, {600000, "1e-999", false}, {600000, "1e999999999999999999", false}, {600000, "0x3C", false},
		{600000, "60/1", false}, {600000, "6_0", false}, {600000, "60 ", false}, {600000, "NaN", false}, {600000, "Inf", false},
		{600000, "60e0000000000000000000", true},
		{0, "0", true}, {0, "-0", true}, {0, "0.0", true}, {0, "0e5", true}, {0, "", false}, {0, "1e-99", false},
		{333333, "33.3333", true}, {333333, "33.33333", false}, {333333, "33.3334", false}, {1, "0.0001", true}, {1, "1e-4", true},
		{600000, "60." + strings.Repeat("0", 200), true},
		{600000, "6" + strings.Repeat("0", 200) + "e-199", false}, // too long to be a percentage
	} {
		if got := c.percent.Near(c.returned, 0); got != c.want {
			t.Errorf("Percent %v is near %q: %v", c.percent, c.returned, got)
		}
	}
}

func TestPercentNearWithTolerance(t *testing.T) {
	for _, c := range []struct {
		returned  string
		tolerance Percent
		want      bool
	}{
		{"33", 3333, true}, {"33", 3332, false}, {"33.34", 67, true}, {"33.34", 66, false}, {"33.33335", 1, true}, {"33.3331e0", 1, false},
		{"", Hundred, false}, {"null", Hundred, false},
	} {
		if got := Percent(333333).Near(c.returned, c.tolerance); got != c.want {
			t.Errorf("33.3333 is near %q within %v: %v", c.returned, c.tolerance, got)
		}
	}
}

func TestSumReturned(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  string
	}{
		{nil, "0"},
		{[]string{"60", "40"}, "100"},
		{[]string{"33.3333", "33.3333", "33.3334"}, "100"},
		{[]string{"0.1", "0.2"}, "0.3"},
		{[]string{"6e1", "", "null", "1e999", "0.5"}, "60.5"},
		{[]string{"-5", "5"}, "0"},
	} {
		if got := SumReturned(c.texts); got != c.want {
			t.Errorf("SumReturned(%q) = %s, want %s", c.texts, got, c.want)
		}
	}
}

func TestSameNumber(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"60", "60", true}, {"60", "60.0", true}, {"6e1", "60", true}, {"60", "61", false}, {"", "", true}, {"", "0", false}, {"1e999", "1e999", true}} {
		if got := SameNumber(c.a, c.b); got != c.want {
			t.Errorf("SameNumber(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

// A percentage is what big.Rat makes of it, however COR spells it.
func TestPercentIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Percent(rapid.Int64Range(0, int64(Hundred)).Draw(t, "percent"))
		exact := big.NewRat(int64(p), percentUnit)
		spellings := []string{
			p.String(), exact.FloatString(4), exact.FloatString(20),
			big.NewRat(int64(p), 1).FloatString(0) + "e-4",
			new(big.Rat).Quo(exact, big.NewRat(100, 1)).FloatString(6) + "E2",
		}
		if !json.Valid([]byte(p.String())) {
			t.Fatalf("%v is no JSON number", p)
		}
		near := new(big.Rat).Add(exact, big.NewRat(1, 1_000_000_000)).FloatString(12)
		for _, text := range spellings {
			if !p.Near(text, 0) || !SameNumber(text, p.String()) {
				t.Fatalf("%v is not near %s", p, text)
			}
		}
		if p.Near(near, 0) {
			t.Fatalf("%v is near %s", p, near)
		}
		back, ok := ParseDecimal(p.String(), '.')
		if !ok || back != p {
			t.Fatalf("%v parses as %v, %v", p, back, ok)
		}
	})
}

// A sum is what big.Rat makes of it, and two numbers are the same, or near, when it
// says so, however COR spells them.
func TestReturnedNumbersAreExact(t *testing.T) {
	number := rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom([]string{"", "", "", "-"}).Draw(t, "sign") +
			rapid.SampledFrom([]string{"0", "60", "100", "33", "922337203685477", "9223372036854775807", "1000000000000"}).Draw(t, "whole") +
			rapid.SampledFrom([]string{"", "", ".0", ".5", ".3333", ".33333", ".50000", ".000000000001"}).Draw(t, "fraction")
		return text + rapid.SampledFrom([]string{"", "", "", "e1", "E-2", "e+02", "e-12"}).Draw(t, "exponent")
	})
	exactly := func(text string) *big.Rat {
		value, ok := new(big.Rat).SetString(text)
		if !ok {
			return new(big.Rat)
		}
		return value
	}
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.OneOf(number, number, number, rapid.SampledFrom([]string{"", "null"})), 0, 30).Draw(t, "texts")
		sum := new(big.Rat)
		for _, text := range texts {
			sum.Add(sum, exactly(text))
		}
		if got, ok := new(big.Rat).SetString(SumReturned(texts)); !ok || got.Cmp(sum) != 0 {
			t.Fatalf("SumReturned(%q) = %s, want %v", texts, SumReturned(texts), sum)
		}
		if got := SumReturned(texts); SumReturned([]string{got}) != got || strings.Contains(got, ".") && strings.HasSuffix(got, "0") {
			t.Fatalf("SumReturned(%q) = %s, and that is not its shortest form", texts, got)
		}
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		if got, want := SameNumber(a, b), exactly(a).Cmp(exactly(b)) == 0; got != want {
			t.Fatalf("%s and %s are the same: %v", a, b, got)
		}
		p, tolerance := Percent(rapid.Int64Range(0, int64(Hundred)).Draw(t, "percent")), Percent(rapid.Int64Range(0, int64(Hundred)).Draw(t, "tolerance"))
		difference := new(big.Rat).Sub(exactly(a), big.NewRat(int64(p), percentUnit))
		if got, want := p.Near(a, tolerance), difference.Abs(difference).Cmp(big.NewRat(int64(tolerance), percentUnit)) <= 0; got != want {
			t.Fatalf("%v is near %s within %v: %v", p, a, tolerance, got)
		}
	})
}

func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"60", "60 %", "33.3333", "1e2", ".5", "100.0001", "00.10", "-0", "９"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := ParseDecimal(text, '.')
		if !ok {
			return
		}
		exact, parsed := new(big.Rat).SetString(text)
		if !parsed || exact.Cmp(big.NewRat(int64(p), percentUnit)) != 0 {
			t.Fatalf("ParseDecimal(%q) = %v, and big.Rat says %v", text, p, exact)
		}
		if back, ok := ParseDecimal(p.String(), '.'); !ok || back != p || !p.Near(p.String(), 0) {
			t.Fatalf("%q: %v does not come back: %v, %v", text, p, back, ok)
		}
	})
}
