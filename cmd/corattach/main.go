// Command corattach imports rows of user, workspace and percentage into COR and
// reports what COR made of each of them.
package main

import (
	"io"
	"log"
	"os"
	"runtime/debug"
)

// gcPercent has the memory of a run stay below one and a half times what it holds.
const gcPercent = 50

// main silences package log: net/http prints pieces of answers there, and an
// answer may hold a token.
func main() {
	log.SetOutput(io.Discard)
	debug.SetGCPercent(gcPercent)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
