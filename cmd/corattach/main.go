// Command corattach imports rows of user, workspace and percentage into COR and
// reports what COR made of each of them.
package main

import (
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	boundMemory()
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// What a run allocates is bounded, whatever its size, but for a single user with
// hundreds of thousands of rows: so much for all, and so much for each processor
// at work.
const (
	memoryBase    = 64 << 20
	memoryPerCore = 8 << 20
)

// boundMemory has the garbage collector run when the bound is reached and no
// sooner: batches of rows come and go all the time, and little stays. The
// environment may ask for something else.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return
	}
	debug.SetMemoryLimit(memoryBase + memoryPerCore*int64(runtime.GOMAXPROCS(0)))
	debug.SetGCPercent(-1)
}

// streams are the three files a program talks through.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}
