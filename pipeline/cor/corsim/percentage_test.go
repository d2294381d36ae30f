package corsim

import (
	"strings"
	"testing"
)

func TestBounds(t *testing.T) {
	for number, want := range map[string]bool{
		"0": true, "-0": true, "0.5": true, "33.3333": true, "100": true, "100.000": true, "100.0001": false, "1000": false, "-0.5": false, "-1": false,
		"1e2": false, "5E-1": false, "1e-999999": false, "1." + strings.Repeat("0", 100): false,
	} {
		if got := isPercentage(rational(number)); got != want {
			t.Errorf("%s within 0 and 100: %t", number, got)
		}
	}
}

func TestStoredPercentages(t *testing.T) {
	for _, c := range []struct {
		number, decimals, rounded, cut string
	}{
		{"0", "0", "0", "0"},
		{"0.5", "0", "1", "0"},
		{"0.4999", "0", "0", "0"},
		{"33.3333", "0", "33", "33"},
		{"99.5", "0", "100", "99"},
		{"66.6666", "1", "66.7", "66.6"},
		{"66.6666", "2", "66.67", "66.66"},
		{"66.6666", "3", "66.667", "66.666"},
		{"60", "2", "60.00", "60"},
		{"99.9999", "3", "100.000", "99.999"},
	} {
		for percentage, want := range map[string]string{"exact": c.number, "text": c.number, "rounded": c.rounded, "text-rounded": c.rounded, "cut": c.cut} {
			s := simulate(t, Config{}, "percentage="+percentage, "decimals="+c.decimals)
			if got := s.set.stored(c.number); got != want {
				t.Errorf("%s of %s decimals: %s is stored as %s, want %s", percentage, c.decimals, c.number, got, want)
			}
		}
	}
}
