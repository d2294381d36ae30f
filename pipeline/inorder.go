package pipeline

import (
	"iter"
	"runtime"
	"sync"
)

// InOrder calls work for each item, on all processors at once, and yields the
// results in the order of the items. The items are taken in a goroutine of their
// own, a few ahead of the results; their first error ends the sequence, behind
// the results of the items before it. All goroutines have ended when the loop is
// left, however that happens.
func InOrder[A, B any](items iter.Seq2[A, error], work func(A) B) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		workers := runtime.GOMAXPROCS(0)
		todo, results := make(chan task[A, B], aheadOf(workers)), make(chan task[A, B], aheadOf(workers))
		stop := make(chan struct{})
		var group sync.WaitGroup
		defer group.Wait()
		defer close(stop)
		var failed error
		group.Go(func() {
			defer close(results)
			defer close(todo)
			for item, err := range items {
				if err != nil {
					failed = err
					return
				}
				t := task[A, B]{item, make(chan B, 1)}
				select {
				case results <- t:
					todo <- t // has room wherever results has
				case <-stop:
					return
				}
			}
		})
		for range workers {
			group.Go(func() {
				for t := range todo {
					t.result <- work(t.item)
				}
			})
		}
		for t := range results {
			if !yield(<-t.result, nil) {
				return
			}
		}
		if failed != nil {
			var none B
			yield(none, failed)
		}
	}
}

// task is an item on its way.
type task[A, B any] struct {
	item   A
	result chan B
}

// aheadOf returns how many items are under way for so many workers: enough that
// none of them waits while an item takes longer than others.
func aheadOf(workers int) int { return 2*workers + 2 }
