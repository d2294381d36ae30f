// Package atomicfile writes files that appear whole under their name, or not at
// all, and that survive a loss of power once they are there.
package atomicfile

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const (
	tempSuffix = ".report.tmp"
	bufferSize = 256 << 10
)

// disk is what a File needs of its temporary file.
type disk interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// File is a file under its temporary name, for one goroutine at a time. The first error of
// a Write stays: every later step returns it. An error names the final file.
type File struct {
	path   string // the final name
	temp   disk
	buffer *bufio.Writer
}

// Create opens a temporary file beside path, whose content stays until Commit.
func Create(path string) (*File, error) {
	f := &File{path: path}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+tempSuffix)
	if err != nil {
		return nil, f.named("create", err)
	}
	f.temp, f.buffer = temp, bufio.NewWriterSize(temp, bufferSize)
	return f, nil
}

// named returns an error of the temporary file as one of the final file.
func (f *File) named(op string, err error) error {
	if inner := errors.Unwrap(err); inner != nil { // of a *fs.PathError or an *os.LinkError
		err = inner
	}
	return &fs.PathError{Op: op, Path: f.path, Err: err}
}

// Write appends p.
func (f *File) Write(p []byte) (n int, err error) {
	if n, err = f.buffer.Write(p); err != nil {
		err = f.named("write", err)
	}
	return n, err
}

// Discard removes the temporary file, if it is still there. After Commit it does
// nothing, so it can be deferred.
func (f *File) Discard() {
	_ = f.temp.Close()           // the file goes away with all that it holds
	_ = os.Remove(f.temp.Name()) // Sweep removes what is left
}

// Commit completes and syncs all files, which are in one directory, before it renames the
// first, and renames them in order. An error before that leaves every final name as it
// was. Files are to be discarded after an error.
func Commit(files ...*File) error {
	for _, f := range files {
		if err := cmp.Or(f.buffer.Flush(), f.temp.Sync(), f.temp.Close()); err != nil {
			return f.named("write", err)
		}
	}
	for _, f := range files {
		if err := os.Rename(f.temp.Name(), f.path); err != nil {
			return f.named("rename", err)
		}
	}
	return SyncDir(filepath.Dir(files[0].path))
}

// WriteFile writes the file of this path. mode are its permissions, whatever the
// umask. An error names the file.
func WriteFile(path string, mode fs.FileMode, content []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	_, _ = f.Write(content)           // its first error stays, and Commit returns it
	_ = os.Chmod(f.temp.Name(), mode) // not every file system has permissions
	return Commit(f)
}

// SyncDir makes the names in dir durable, where the system can sync a directory.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some network file systems
	}
	return errors.Join(err, d.Close())
}

// Sweep removes from dir what it can of the temporary files of a process that was killed.
// Only a caller who knows that nobody else writes there may call it.
func Sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), tempSuffix) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
