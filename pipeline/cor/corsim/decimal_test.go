package corsim

import (
	"strings"
	"testing"
)

func TestDecimals(t *testing.T) {
	for number, want := range map[string]struct {
		within  bool
		rounded string
	}{
		"0":                                   {true, "0"},
		"-0":                                  {true, "0"},
		"0.5":                                 {true, "1"},
		"0.4999":                              {true, "0"},
		"33.3333":                             {true, "33"},
		"99.5":                                {true, "100"},
		"100":                                 {true, "100"},
		"100.000":                             {true, "100"},
		"100.0001":                            {false, "100"},
		"1000":                                {false, "1000"},
		"-0.5":                                {false, "0"},
		"-1":                                  {false, "-1"},
		"1e2":                                 {true, "100"},
		"1.005E2":                             {false, "101"},
		"5e-1":                                {true, "1"},
		"1e101":                               {false, "1e101"},
		"1e-999999":                           {false, "1e-999999"},
		"1." + strings.Repeat("0", maxNumber): {false, "1." + strings.Repeat("0", maxNumber)},
	} {
		if got := inBounds(number); got != want.within {
			t.Errorf("%s within 0 and 100: %t", number, got)
		}
		if got := rounded(number); got != want.rounded {
			t.Errorf("%s rounded is %s, want %s", number, got, want.rounded)
		}
	}
}

func TestTotal(t *testing.T) {
	for numbers, want := range map[string]string{
		"": "0", "60 40": "100", "60 40.0001": "100.0001 over", "33.3333 33.3333 33.3334": "100", "100 20": "120 over", "0.1 0.2": "0.3",
	} {
		over, got := total(strings.Fields(numbers))
		if over {
			got += " over"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", numbers, got, want)
		}
	}
}
