// Package atomicfile writes files that appear whole under their name, or not at
// all, and that survive a loss of power once they are there.
//
// A File is for one goroutine at a time. Different Files are independent of each
// other.
package atomicfile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"corattach/pipeline"
)

const (
	tempPrefix = "."
	tempSuffix = ".report.tmp"
	bufferSize = 256 << 10
)

// disk is what a File needs of its temporary file.
type disk interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// File is a file under its temporary name. The first error stays: nothing is
// written after it, and every later step returns it. An error names the final
// file.
type File struct {
	path   string // the final name
	temp   disk
	buffer *bufio.Writer
	err    error
	closed bool
	gone   bool // renamed or removed
}

// Create opens a temporary file beside path. Whatever path holds stays there
// until Commit.
func Create(path string) (*File, error) {
	dir, name := filepath.Split(path)
	temp, err := os.CreateTemp(filepath.Clean(dir), tempPrefix+name+".*"+tempSuffix)
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: cause(err)}
	}
	return newFile(path, temp), nil
}

func newFile(path string, temp disk) *File {
	return &File{path: path, temp: temp, buffer: bufio.NewWriterSize(temp, bufferSize)}
}

// Write appends p.
func (f *File) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.buffer.Write(p)
	return n, f.fail("write", err)
}

// fail keeps err as the file's error, if it is its first, and returns the one
// that is kept. It returns nil while nothing went wrong.
func (f *File) fail(op string, err error) error {
	if f.err == nil && err != nil {
		f.err = &fs.PathError{Op: op, Path: f.path, Err: cause(err)}
	}
	return f.err
}

// cause returns the cause of an error of package os, without the temporary name.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// finish makes the temporary file complete and durable, and closes it.
func (f *File) finish() {
	if f.err == nil && f.fail("write", f.buffer.Flush()) == nil {
		_ = f.fail("sync", f.temp.Sync())
	}
	f.closed = true
	_ = f.fail("close", f.temp.Close())
}

func (f *File) rename() error {
	err := os.Rename(f.temp.Name(), f.path)
	f.gone = err == nil
	return f.fail("rename", err)
}

// Discard removes the temporary file, if it is still there. After Commit it does
// nothing, so it can be deferred.
func (f *File) Discard() {
	if !f.closed {
		f.closed = true
		_ = f.temp.Close() // the file goes away with all that it holds
	}
	if !f.gone {
		f.gone = true
		_ = os.Remove(f.temp.Name()) // Sweep removes what is left
	}
}

// Commit completes and syncs all files before it renames the first, and renames
// them in order. An error before the first renaming leaves every final name as
// it was. The temporary files are gone in any case. All files are in one
// directory.
func Commit(files ...*File) error {
	defer func() {
		for _, f := range files {
			f.Discard()
		}
	}()
	if err := finishAll(files); err != nil {
		return err
	}
	for _, f := range files {
		if err := f.rename(); err != nil {
			return err
		}
	}
	return SyncDir(filepath.Dir(files[0].path))
}

// finishAll finishes all files at once: a disk that is asked for several syncs
// together answers them together.
func finishAll(files []*File) error {
	panics := make([]error, len(files))
	var finishing sync.WaitGroup
	for i, f := range files {
		finishing.Go(func() {
			defer pipeline.Recover(&panics[i])
			f.finish()
		})
	}
	finishing.Wait()
	for i, f := range files {
		if err := errors.Join(panics[i], f.err); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes the file of this path. mode are its permissions, whatever the
// umask. An error names the file, and wraps write's own when write fails.
func WriteFile(path string, mode fs.FileMode, write func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	err = write(f)
	if err == nil {
		err = os.Chmod(f.temp.Name(), mode)
	}
	if err != nil {
		return f.fail("write", err)
	}
	return Commit(f)
}

// SyncDir makes the names in dir durable. It does nothing where the system can't
// sync a directory.
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

// Sweep removes from dir the temporary files of a process that was killed. Only
// a caller who knows that nobody else writes there may call it.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) && strings.HasSuffix(e.Name(), tempSuffix) {
			failed = errors.Join(failed, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return failed
}
