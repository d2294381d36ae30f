// Command corattach imports rows of user, workspace and percentage into COR and
// reports what COR made of each of them.
package main

import (
	"io"
	"os"
)

func main() {
	boundMemory()
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the three files a program talks through.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}
