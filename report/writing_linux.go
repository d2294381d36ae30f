package report

import (
	"os"

	"golang.org/x/sys/unix"
)

// beginWriting lets the system begin to write a part of a file to the disk, and
// waits for nothing. It is no more than a hint: Sync is what makes it durable, and
// what says that the disk failed.
func beginWriting(f *os.File, at, size int64) {
	_ = unix.SyncFileRange(int(f.Fd()), at, size, unix.SYNC_FILE_RANGE_WRITE)
}
