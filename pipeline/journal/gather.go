package journal

import "time"

// crowd is who may share a sync. It is guarded by the journal's mu.
//
// Whoever syncs as soon as it can has few to share with: while one half of the
// workers waits for a sync, the other half ends its attempts and comes too late
// for it. So a sync waits for those who are away, as long as answers come at once:
// where they take longer, nobody is about to come back.
type crowd struct {
	here     []int64             // attempts that wait for the next sync
	away     map[int64]time.Time // attempts that are under way since then: their workers come back with the next ones
	patience time.Duration       // to wait for them; 0 until it is known what a sync takes
	absence  time.Duration       // how long attempts have been away lately; 0 until one has come back
	enough   int                 // of those here to stop waiting; only while somebody waits for them
	complete chan struct{}       // closed when they are here; nil when nobody waits for them
}

const (
	leastPatience = time.Millisecond      // where a sync costs hardly more than the processor's time for it
	mostPatience  = 5 * time.Millisecond  // where a sync takes very long
	mostAbsence   = 10 * time.Millisecond // answers that take longer are not waited for
)

// come counts an attempt that waits for a sync.
func (c *crowd) come(number int64) {
	c.here = append(c.here, number)
	if c.complete != nil && len(c.here) >= c.enough {
		close(c.complete)
		c.complete = nil
	}
}

// leave counts attempts that are under way from now on.
func (c *crowd) leave(numbers []int64) {
	if c.away == nil {
		c.away = make(map[int64]time.Time)
	}
	now := time.Now()
	for _, number := range numbers {
		c.away[number] = now
	}
}

// back counts an attempt that is no longer under way.
func (c *crowd) back(number int64) {
	since, found := c.away[number]
	if !found {
		return
	}
	delete(c.away, number)
	absence := time.Since(since)
	if c.absence == 0 {
		c.absence = absence
	}
	c.absence += (absence - c.absence) / 8
}

// gather waits until those who are away have come, but not for longer than the
// crowd's patience. The caller holds mu.
func (j *Journal) gather() {
	c := &j.crowd
	if len(c.away) == 0 || c.patience == 0 || c.absence > mostAbsence {
		return
	}
	complete := make(chan struct{})
	c.complete, c.enough = complete, len(c.here)+len(c.away)
	timer := time.NewTimer(c.patience)
	j.mu.Unlock()
	select {
	case <-complete:
	case <-timer.C:
	}
	timer.Stop()
	j.mu.Lock()
	c.complete = nil
}
