//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByCaller reports whether a file belongs to the user that runs the program.
func ownedByCaller(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
