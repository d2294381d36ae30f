package pipeline

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func parse(text string) (l Limit, err error) {
	err = l.UnmarshalText([]byte(text))
	return l, err
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]string{
		"off": "off", "0": "0", "10": "10", "0%": "0%", "10%": "10%", "12.5%": "12.5%", "100%": "100%", "007": "7", "4294967295": "4294967295",
	} {
		limit, err := parse(text)
		if err != nil || limit.String() != want {
			t.Errorf("limit %q = %v, %v, want %s", text, limit, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "%", "-1", "+1", "1.5", "1e3", "10 %", "10%%", "101%", "-5%", "OFF", "ten", "0x10", "1_000", "4294967296", "10% ", "1,5%", "12.34567%",
	} {
		if limit, err := parse(text); err == nil {
			t.Errorf("limit %q = %v, and it is no limit", text, limit)
		}
	}
}

// A limit stops at strictly more.
func TestLimitExceeded(t *testing.T) {
	for _, c := range []struct {
		limit        string
		count, total int
		want         bool
	}{
		{"off", 1000, 1000, false},
		{"0", 0, 10, false}, {"0", 1, 10, true},
		{"10", 10, 10, false}, {"10", 11, 1000, true}, {"10", 11, 0, true},
		{"10%", 10, 100, false}, {"10%", 11, 100, true}, {"10%", 1, 10, false}, {"10%", 2, 10, true}, {"10%", 1, 9, true}, {"10%", 0, 0, false},
		{"0%", 0, 10, false}, {"0%", 1, 1_000_000, true},
		{"100%", 10, 10, false},
		{"12.5%", 1, 8, false}, {"12.5%", 2, 15, true},
		{"33.3333%", 1, 3, true},
		{"50%", 5_000_000, 10_000_000, false}, {"50%", 5_000_001, 10_000_000, true},
	} {
		limit, err := parse(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := limit.Exceeded(c.count, c.total); got != c.want {
			t.Errorf("%s of %d in %d: %v", c.limit, c.count, c.total, got)
		}
	}
	if (Limit{}).Exceeded(1, 1) || (Limit{}).String() != "off" {
		t.Error("the zero limit is on")
	}
}

func TestLimitPercentIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := Percent(rapid.Int64Range(0, int64(Hundred)).Draw(t, "bound"))
		total := rapid.IntRange(0, 1_000_000_000).Draw(t, "total")
		count := rapid.IntRange(0, total).Draw(t, "count")
		if rapid.Bool().Draw(t, "at the limit") {
			count = min(total, int(int64(bound)*int64(total)/int64(Hundred))+rapid.IntRange(0, 1).Draw(t, "above"))
		}
		limit, err := parse(bound.String() + "%")
		if err != nil {
			t.Fatal(err)
		}
		allowed := new(big.Rat).Mul(big.NewRat(int64(bound), int64(Hundred)), big.NewRat(int64(total), 1))
		want := big.NewRat(int64(count), 1).Cmp(allowed) > 0
		if got := limit.Exceeded(count, total); got != want {
			t.Fatalf("%v of %d in %d: %v", limit, count, total, got)
		}
	})
}
