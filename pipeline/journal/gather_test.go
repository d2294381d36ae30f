package journal

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a disk whose syncs take their time.
type slow struct {
	*disk
	took time.Duration
}

func (s slow) Sync() error {
	time.Sleep(s.took)
	return s.disk.Sync()
}

// Workers whose attempts end sooner than a sync takes share all syncs. Where
// answers take longer, nobody waits for them to speak of.
func TestSyncsWaitForWhoIsAboutToCome(t *testing.T) {
	const workers, rounds, took = 16, 50, time.Millisecond
	for _, c := range []struct {
		answer time.Duration // of worker 0; those of the others are spread over twice as much
		syncs  int           // at most, beside those of the header and of the first rounds
		slack  time.Duration // for a round, beside the answer
	}{
		{200 * time.Microsecond, rounds, 2 * took},
		{50 * time.Millisecond, workers * rounds, 2*took + took/2},
	} {
		t.Run(fmt.Sprint(c.answer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := slow{endless(), took}
				j, err := New(d, header())
				check(t, err)
				began := time.Now()
				var group sync.WaitGroup
				for worker := range workers {
					group.Go(func() {
						for range rounds {
							e := refused("U")
							e.At = time.Now()
							number, err := j.Begin(e.Attempt)
							if err == nil {
								time.Sleep(c.answer + c.answer*time.Duration(worker)/workers)
								e.Ended = time.Now()
								err = j.End(number, e)
							}
							if err != nil {
								t.Error(err)
							}
						}
					})
				}
				group.Wait()
				longest := c.answer * (2*workers - 1) / workers
				if got, most := time.Since(began), rounds*(longest+c.slack); got > most {
					t.Errorf("%d rounds took %v, more than %v", rounds, got, most)
				}
				if _, syncs := d.counts(); syncs > c.syncs+4 {
					t.Errorf("%d syncs for %d rounds of %d workers", syncs, rounds, workers)
				}
				check(t, j.Close())
			})
		})
	}
}
