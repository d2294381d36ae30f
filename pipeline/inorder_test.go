package pipeline

import (
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// upTo gives 0, 1, … and then err, if there is one. It counts what it gave.
func upTo(n int, err error, given *atomic.Int32) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			given.Add(1)
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

// Results come in the order of the items, whichever takes longest, and before
// the error that ended the items.
func TestInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		var given atomic.Int32
		var got []int
		var failed error
		for n, err := range InOrder(upTo(100, broken, &given), func(n int) int {
			time.Sleep(time.Duration(100-n) * time.Second)
			return -n
		}) {
			if err != nil {
				failed = err
				continue
			}
			got = append(got, n)
		}
		want := make([]int, 100)
		for i := range want {
			want[i] = -i
		}
		if diff := cmp.Diff(want, got); diff != "" || failed != broken {
			t.Errorf("%v, %s", failed, diff)
		}
	})
}

// The work is done on all processors at once.
func TestInOrderIsParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		var given atomic.Int32
		for range InOrder(upTo(100, nil, &given), func(int) bool {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return true
		}) {
		}
		if most != runtime.GOMAXPROCS(0) {
			t.Errorf("%d at once, on %d processors", most, runtime.GOMAXPROCS(0))
		}
	})
}

// Who leaves the loop leaves no goroutine behind, and few items are taken that
// nobody wants; TestMain looks for goroutines too.
func TestInOrderLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given, worked atomic.Int32
		var got []int
		for n := range InOrder(upTo(1000, nil, &given), func(n int) int { worked.Add(1); return n }) {
			if got = append(got, n); n == 2 {
				break
			}
		}
		if !slices.Equal(got, []int{0, 1, 2}) {
			t.Errorf("got %v", got)
		}
		if most := int32(len(got) + aheadOf(runtime.GOMAXPROCS(0)) + 1); given.Load() > most || worked.Load() > most {
			t.Errorf("%d taken, %d worked on, at most %d", given.Load(), worked.Load(), most)
		}
	})
}
