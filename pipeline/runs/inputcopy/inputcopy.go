// Package inputcopy opens the input files of a run and keeps a copy of what was read,
// so that the run can be reported and resumed whatever becomes of the files.
package inputcopy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"corattach/pipeline"
	"corattach/reader"
	"corattach/report/atomicfile"
)

// Dir is where the copies are, below a run's directory.
const Dir = "input"

// Files are the input files of a run.
type Files []File

// File is one of them.
type File struct {
	Name     string    // as given, for people: bytes that are no UTF-8 as \xNN
	Modified time.Time // zero for what is no regular file
	open     func() (io.ReadCloser, error)
}

// New checks that the files can be opened; "-" is stdin. An error is a
// *pipeline.Failure.
func New(stdin io.Reader, paths []string) (Files, error) {
	var in Files
	for i, path := range paths {
		f := File{Name: pipeline.Show(path), open: func() (io.ReadCloser, error) { return os.Open(path) }}
		switch info, err := os.Stat(path); {
		case path == "-" && slices.Contains(paths[:i], path):
			return nil, pipeline.Usage("give - once", "standard input can be read only once")
		case path == "-":
			f.open = func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }
		case err != nil:
			return nil, reader.Unreadable("open", f.Name, err)
		case info.IsDir():
			return nil, reader.Unreadable("read", f.Name, syscall.EISDIR)
		case info.Mode().IsRegular():
			f.Modified = info.ModTime()
			file, err := os.Open(path)
			if err != nil {
				return nil, reader.Unreadable("open", f.Name, err)
			}
			_ = file.Close()
		}
		in = append(in, f)
	}
	return in, nil
}

// Open returns the files for the reader, which ends with ctx even where nothing comes.
// With a run's directory, what is read is kept there as well.
func (in Files) Open(ctx context.Context, keepIn string) []reader.File {
	files := make([]reader.File, len(in))
	for i, f := range in {
		open := f.open
		if f.Modified.IsZero() {
			open = func() (io.ReadCloser, error) { return interruptible(ctx, f.open), nil }
		}
		files[i] = reader.File{Name: f.Name, Open: open}
		if keepIn != "" {
			files[i].Open = func() (io.ReadCloser, error) { return keepCopy(copyPath(keepIn, i), open) }
		}
	}
	return files
}

// copyPath is where the copy of a file is, below a run's directory.
func copyPath(dir string, i int) string { return filepath.Join(dir, Dir, strconv.Itoa(i+1)+".zst") }

// interruptible opens and reads a source in a goroutine of its own, as either may wait
// for ever. When ctx ends, reading fails with its cause; the goroutine then ends with
// what it waits for, or with the process.
func interruptible(ctx context.Context, open func() (io.ReadCloser, error)) io.ReadCloser {
	copyTo := func(w io.Writer) (err error) {
		defer pipeline.Recover(&err)
		source, err := open()
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(w, struct{ io.Reader }{source}, make([]byte, 256<<10))
		return errors.Join(err, source.Close())
	}
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) }) // nothing to a pipe that was read to its end
	go func() { _ = w.CloseWithError(copyTo(w)) }()
	return r
}

// keepCopy opens a source and writes what is read of it to a new compressed file.
func keepCopy(path string, open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	source, err := open()
	if err != nil {
		return nil, err
	}
	var file *os.File
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, errors.Join(uncopied(err), source.Close())
	}
	encoder, _ := zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)) // the options are right
	return &copying{source, file, encoder}, nil
}

// copying reads a source and copies what it reads. The copy is whole, and synced, once
// Close has returned without an error.
type copying struct {
	source  io.ReadCloser
	file    *os.File
	encoder *zstd.Encoder // to file
}

func (c *copying) Read(p []byte) (int, error) {
	n, err := c.source.Read(p)
	if _, failed := c.encoder.Write(p[:n]); failed != nil {
		err = uncopied(failed)
	}
	return n, err
}

func (c *copying) Close() error {
	// What the encoder still holds may not fit on the disk.
	err := cmp.Or(c.encoder.Close(), c.file.Sync(), c.file.Close(), atomicfile.SyncDir(filepath.Dir(c.file.Name())))
	if err != nil {
		err = uncopied(err)
	}
	return errors.Join(err, c.source.Close())
}

// uncopied is the error of a copy that can't be made, which is no fault of the input.
func uncopied(err error) error {
	return pipeline.Internal("choose another --runs-dir, or make this one writable", fmt.Errorf("the copy of the input can't be kept: %w", err))
}

// Copies returns the copies of an earlier run's input.
func Copies(dir string, inputs []pipeline.Input) []reader.File {
	files := make([]reader.File, len(inputs))
	for i, input := range inputs {
		files[i] = reader.File{Name: input.File, Open: func() (io.ReadCloser, error) {
			file, err := os.Open(copyPath(dir, i))
			if err != nil {
				return nil, err
			}
			decoder, _ := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)) // the options are right
			return struct {
				io.Reader // starts no goroutines, and so needs no end
				io.Closer
			}{decoder, file}, nil
		}}
	}
	return files
}
