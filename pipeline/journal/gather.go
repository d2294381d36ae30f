package journal

import "time"

// crowd is who may share a sync. It is guarded by the journal's mu.
//
// Whoever syncs as soon as it can has few to share with: while one half of the
// workers waits for a sync, the other half ends its attempts and comes too late
// for it. So a sync waits for those who are away, for as long as it will itself
// take. Where answers take much longer than a sync, nobody comes back in that
// time: then the next syncs don't wait.
type crowd struct {
	here     int           // attempts that wait for the next sync
	away     int           // attempts that are under way: their workers come back with the next ones
	patience time.Duration // to wait for them; 0 until it is known what a sync takes
	hurry    int           // syncs that don't wait, since the last wait was in vain
	enough   int           // of those here to stop waiting; only while somebody waits for them
	complete chan struct{} // closed when they are here; nil when nobody waits for them
}

const (
	mostPatience = 5 * time.Millisecond // where a sync takes very long
	longHurry    = 4                    // syncs without a wait after one in vain
)

// come counts an attempt that waits for a sync.
func (c *crowd) come() {
	c.here++
	if c.complete != nil && c.here >= c.enough {
		close(c.complete)
		c.complete = nil
	}
}

// gather waits until those who are away have come, but not for longer than the
// crowd's patience. The caller holds mu.
func (j *Journal) gather() {
	c := &j.crowd
	if c.hurry > 0 {
		c.hurry--
		return
	}
	if c.away <= 0 || c.patience == 0 {
		return
	}
	before, complete := c.here, make(chan struct{})
	c.complete, c.enough = complete, c.here+c.away
	timer := time.NewTimer(c.patience)
	j.mu.Unlock()
	select {
	case <-complete:
	case <-timer.C:
	}
	timer.Stop()
	j.mu.Lock()
	c.complete = nil
	if c.here == before {
		c.hurry = longHurry
	}
}
