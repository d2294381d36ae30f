package pipeline

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Exchanges come by user, those of one user as they came, however many there are.
func TestByUser(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{0, 1, 300, 40_000} {
		var all []Exchange
		for i := range count {
			user := UserID(fmt.Sprintf("%*d", 1+random.IntN(9), random.IntN(max(count/3, 1))))
			e := exchangeOf(user, "SAP", 0, Share{WorkspaceID(strings.Repeat("w", 255)), Percent(i)})
			e.At = t0.Add(time.Duration(i) * time.Second)
			all = append(all, e)
		}
		dir := t.TempDir()
		var got []Exchange
		for e, err := range ByUser(exchanges(all...), dir) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		want := slices.Clone(all)
		slices.SortStableFunc(want, func(a, b Exchange) int { return strings.Compare(string(a.User), string(b.User)) })
		same := func(a, b Exchange) bool {
			return a.Key == b.Key && a.At.Equal(b.At) && slices.Equal(a.Shares, b.Shares)
		}
		if !slices.EqualFunc(want, got, same) {
			t.Errorf("%d exchanges do not come by user", count)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%d exchanges left %v, %v", count, left, err)
		}
	}
}

func TestByUserPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	failing := func(yield func(Exchange, error) bool) {
		_ = yield(exchangeOf("u", "SAP", 0), nil) && yield(Exchange{}, broken)
	}
	long := exchangeOf(UserID(strings.Repeat("u", 255)), "SAP", 0, Share{Workspace: WorkspaceID(strings.Repeat("w", 1<<20))})
	for name, c := range map[string]struct {
		exchanges iter.Seq2[Exchange, error]
		dir       string
		want      error
	}{
		"of the exchanges": {failing, t.TempDir(), broken},
		"of the disk":      {exchanges(slices.Repeat([]Exchange{long}, 20)...), "missing/directory", os.ErrNotExist},
	} {
		var last error
		for _, err := range ByUser(c.exchanges, c.dir) {
			last = err
		}
		if !errors.Is(last, c.want) {
			t.Errorf("%s: %v", name, last)
		}
	}
}
