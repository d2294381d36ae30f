package main

import (
	"os"
	"runtime"
	"runtime/debug"
	gauge "runtime/metrics"
)

// What the process may use before the garbage collector runs: so much for all, and
// so much for each processor at work. A plan needs less, whatever its size, but
// for a single user with hundreds of thousands of rows.
const (
	memoryBase    = 48 << 20
	memoryPerCore = 8 << 20
)

// boundMemory has the garbage collector run when the bound is reached and no
// sooner: batches of rows come and go all the time, and little of it stays. Where
// much stays, the bound goes up, as it would without this. The environment may ask
// for something else.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return
	}
	bound := memoryBase + memoryPerCore*int64(runtime.GOMAXPROCS(0))
	debug.SetMemoryLimit(bound)
	debug.SetGCPercent(-1)
	// The finalizer runs after each collection.
	runtime.SetFinalizer(&collected{bound, bound}, (*collected).adjust)
}

// collected is what each collection finds to be garbage.
type collected struct {
	least, bound int64
}

func (c *collected) adjust() {
	live := []gauge.Sample{{Name: "/gc/heap/live:bytes"}}
	gauge.Read(live)
	if bound := max(c.least, c.least/8+2*int64(live[0].Value.Uint64())); bound != c.bound {
		c.bound = bound
		debug.SetMemoryLimit(bound)
	}
	runtime.SetFinalizer(c, (*collected).adjust)
}
