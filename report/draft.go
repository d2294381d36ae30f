package report

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

const (
	draftPrefix = "."
	draftSuffix = ".report.tmp"
	bufferSize  = 256 << 10
	partSize    = 8 << 20 // what the disk gets at once
)

// sink is what a draft needs of its temporary file.
type sink interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// create opens a new temporary file for a file of this name in dir.
type create func(dir, name string) (sink, error)

func createTemp(dir, name string) (sink, error) {
	f, err := os.CreateTemp(dir, draftPrefix+name+".*"+draftSuffix)
	if err != nil {
		return nil, err
	}
	return &tempFile{File: f}, nil
}

// tempFile is a file of which the disk gets a part now and then while it is
// written, so that Sync has little left to wait for.
type tempFile struct {
	*os.File
	written, begun int64 // bytes, and those of them that are on their way to the disk
}

// Write appends p.
func (f *tempFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	if part := f.written - f.begun; part >= partSize {
		beginWriting(f.File, f.begun, part)
		f.begun = f.written
	}
	return n, err
}

// draft is one file under its temporary name. Bytes are appended to buf, and
// spill hands them on when there are enough. The first error stays: nothing is
// written after it, and every later step returns it.
type draft struct {
	path   string // the final name
	out    sink
	buf    []byte
	err    error
	closed bool
	gone   bool // renamed or removed
}

func newDraft(dir, name string, create create) (*draft, error) {
	d := &draft{path: filepath.Join(dir, name)}
	out, err := create(dir, name)
	if err != nil {
		return nil, d.fail("create", bare(err))
	}
	d.out = out
	return d, nil
}

// fail keeps err as the draft's error, if it is its first, and returns the one
// kept, which names the final file. It returns nil when nothing went wrong.
func (d *draft) fail(op string, err error) error {
	if d.err != nil || err == nil {
		return d.err
	}
	d.err = &fs.PathError{Op: op, Path: d.path, Err: err}
	return d.err
}

// bare returns the cause of an error of the os package, without the temporary
// name it carries.
func bare(err error) error {
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

// spill writes the buffer out once it is well filled.
func (d *draft) spill() error {
	if len(d.buf) < bufferSize {
		return d.err
	}
	return d.flush()
}

func (d *draft) flush() error {
	if d.err != nil || len(d.buf) == 0 {
		return d.err
	}
	n, err := d.out.Write(d.buf)
	if err == nil && n < len(d.buf) {
		err = io.ErrShortWrite
	}
	d.buf = d.buf[:0]
	return d.fail("write", bare(err))
}

// add appends p.
func (d *draft) add(p []byte) error {
	d.buf = append(d.buf, p...)
	return d.spill()
}

// Write appends p. It makes a draft an io.Writer.
func (d *draft) Write(p []byte) (int, error) {
	if err := d.add(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// finish makes the temporary file complete and durable, and closes it.
func (d *draft) finish() {
	if d.flush() == nil {
		_ = d.fail("sync", bare(d.out.Sync()))
	}
	d.closed = true
	_ = d.fail("close", bare(d.out.Close()))
}

// publish gives a finished file its final name.
func (d *draft) publish() error {
	err := os.Rename(d.out.Name(), d.path)
	d.gone = err == nil
	return d.fail("rename", bare(err))
}

// drop removes the temporary file, if it is there still.
func (d *draft) drop() {
	if !d.closed {
		d.closed = true
		_ = d.out.Close() // the file goes away with all it holds
	}
	if !d.gone {
		d.gone = true
		_ = os.Remove(d.out.Name()) // Sweep finds what is left
	}
}

// drafts are files of one directory that take their names together.
type drafts []*draft

// finish begins to complete all files that are not complete yet, at once: a disk
// that is asked together answers together. The returned function waits until they
// are; each draft has its error then.
func (files drafts) finish() (wait func()) {
	var finishing sync.WaitGroup
	for _, d := range files {
		if !d.closed {
			finishing.Go(d.finish)
		}
	}
	return finishing.Wait
}

// commit completes every file before it renames the first, in order.
func (files drafts) commit() error {
	defer files.drop()
	files.finish()()
	for _, d := range files {
		if d.err != nil {
			return d.err
		}
	}
	for _, d := range files {
		if err := d.publish(); err != nil {
			return err
		}
	}
	return SyncDir(filepath.Dir(files[0].path))
}

func (files drafts) drop() {
	for _, d := range files {
		d.drop()
	}
}

// SyncDir makes the names in dir durable. Where the system cannot sync a
// directory it does nothing.
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

// WriteFile writes the file of this path as the reports are written: it appears
// whole under its name, or not at all, and is durable then. mode are its
// permissions, whatever the umask. An error names the file, and wraps write's
// own when write fails.
func WriteFile(path string, mode fs.FileMode, write func(io.Writer) error) error {
	d, err := newDraft(filepath.Dir(path), filepath.Base(path), createTemp)
	if err != nil {
		return err
	}
	files := drafts{d}
	err = write(d)
	if err == nil {
		err = os.Chmod(d.out.Name(), mode)
	}
	if err != nil {
		files.drop()
		return d.fail("write", bare(err))
	}
	return files.commit()
}

// Sweep removes from dir the temporary files of a process that was killed while
// it wrote reports. Only who knows that nobody else writes there may call it.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), draftPrefix) && strings.HasSuffix(e.Name(), draftSuffix) {
			failed = errors.Join(failed, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return failed
}
