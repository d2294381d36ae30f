// Command corattach imports rows of user, workspace and percentage into COR and
// reports what COR made of each of them.
package main

import (
	"io"
	"log"
	"os"
)

// main keeps what libraries print by package log off standard error: it is no
// line of the console's, and net/http quotes answers there, a token's too.
func main() {
	boundMemory()
	log.SetOutput(io.Discard)
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the three files a program talks through.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}
