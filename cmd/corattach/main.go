// Command corattach imports rows of user, workspace and percentage into COR and
// reports what COR made of each of them.
package main

import (
	"io"
	"os"
	"runtime/debug"
)

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// memoryLimit is where the garbage collector begins to work harder, in bytes. A
// run stays far below it, whatever its size, unless a single user has hundreds
// of thousands of rows.
const memoryLimit = 150 << 20

// streams are the three files a program talks through.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}
