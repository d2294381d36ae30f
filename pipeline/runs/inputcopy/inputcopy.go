// Package inputcopy opens the input files of a run and keeps a copy of what was read,
// so that the run can be reported and resumed whatever becomes of the files.
package inputcopy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/reader"
	"corattach/report"
)

// Dir is where the copies are, below a run's directory.
const Dir = "input"

// Files are the input files of a run.
type Files struct {
	stdin io.Reader
	files []inputFile
}

type inputFile struct {
	name     string    // as given, for people: bytes that are no UTF-8 as \xNN
	path     string    // as given
	modified time.Time // zero for what is no regular file
	copy     string    // relative to the run's directory, with slashes; "" when none is kept
}

// New checks that the files can be opened; "-" is stdin. An error is a
// *pipeline.Failure or a *reader.OpenError.
func New(stdin io.Reader, paths []string) (*Files, error) {
	in := &Files{stdin: stdin}
	standard := false
	for _, path := range paths {
		f := inputFile{name: report.Show(path), path: path}
		switch info, err := os.Stat(path); {
		case path == "-" && standard:
			return nil, pipeline.Usage("give - once", "standard input can be read only once")
		case path == "-":
			standard = true
		case err != nil:
			return nil, &reader.OpenError{File: f.name, Op: "open", Err: err}
		case info.IsDir():
			return nil, &reader.OpenError{File: f.name, Op: "read", Err: syscall.EISDIR}
		case info.Mode().IsRegular():
			f.modified = info.ModTime()
			file, err := os.Open(path)
			if err != nil {
				return nil, &reader.OpenError{File: f.name, Op: "open", Err: err}
			}
			_ = file.Close()
		}
		in.files = append(in.files, f)
	}
	return in, nil
}

// Names returns the names of the files, for people.
func (in *Files) Names() []string {
	names := make([]string, len(in.files))
	for i, f := range in.files {
		names[i] = f.name
	}
	return names
}

// Older returns the first file that was written longer ago than age, "" when there
// is none.
func (in *Files) Older(age time.Duration, now time.Time) (name string, is time.Duration) {
	for _, f := range in.files {
		if is := now.Sub(f.modified); !f.modified.IsZero() && is > age {
			return f.name, is
		}
	}
	return "", 0
}

// Open returns the files for the reader. With a run's directory, what is read is
// kept there as well. When ctx ends, so does the reading of a pipe or a terminal,
// though nothing comes from it.
func (in *Files) Open(ctx context.Context, keepIn string) []reader.File {
	files := make([]reader.File, len(in.files))
	for i := range in.files {
		f := &in.files[i]
		files[i] = reader.File{Name: f.name, Open: func() (io.ReadCloser, error) {
			source, err := in.source(ctx, f)
			if err != nil || keepIn == "" {
				return source, err
			}
			f.copy = Dir + "/" + strconv.Itoa(i+1) + ".zst"
			return keepCopy(filepath.Join(keepIn, filepath.FromSlash(f.copy)), source)
		}}
	}
	return files
}

func (in *Files) source(ctx context.Context, f *inputFile) (io.ReadCloser, error) {
	switch {
	case f.path == "-":
		return interruptible(ctx, func() (io.ReadCloser, error) { return io.NopCloser(in.stdin), nil }), nil
	case f.modified.IsZero():
		return interruptible(ctx, func() (io.ReadCloser, error) { return os.Open(f.path) }), nil
	}
	return os.Open(f.path)
}

// interruptible opens and reads in a goroutine of its own, as either may wait for
// ever. When ctx ends, reading fails with its cause; the goroutine then ends with
// what it waits for, or with the process.
func interruptible(ctx context.Context, open func() (io.ReadCloser, error)) io.ReadCloser {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	go func() {
		_ = w.CloseWithError(func() (err error) {
			defer pipeline.Recover(&err)
			source, err := open()
			if err != nil {
				return err
			}
			_, err = io.CopyBuffer(w, struct{ io.Reader }{source}, make([]byte, 256<<10))
			return errors.Join(err, source.Close())
		}())
	}()
	return stream{r, func() error {
		stop()
		return r.Close()
	}}
}

// stream is a reader with what closes it.
type stream struct {
	io.Reader
	close func() error
}

// Close closes it.
func (s stream) Close() error { return s.close() }

// keepCopy returns a reader of source that writes what it reads to a new
// compressed file. The copy is whole, and synced, once it is closed.
func keepCopy(path string, source io.ReadCloser) (io.ReadCloser, error) {
	file, encoder, err := createCopy(path)
	if err != nil {
		return nil, errors.Join(uncopied(err), source.Close())
	}
	return stream{io.TeeReader(source, copying{encoder}), func() error {
		// What the encoder still holds may not fit on the disk.
		return errors.Join(uncopied(errors.Join(encoder.Close(), file.Sync(), file.Close())), source.Close())
	}}, nil
}

func createCopy(path string) (*os.File, *zstd.Encoder, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	encoder, err := zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, encoder, nil
}

// copying tells a copy that can't be written from an input that can't be read.
type copying struct{ io.Writer }

func (c copying) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	return n, uncopied(err)
}

// uncopied is the error of a copy that can't be made; nil for nil.
func uncopied(err error) error {
	if err == nil {
		return nil
	}
	return pipeline.Internal("choose another --runs-dir, or make this one writable", fmt.Errorf("the copy of the input can't be kept: %w", err))
}

// Copies returns the copies of an earlier run's input.
func Copies(dir string, kept []journal.Input) []reader.File {
	files := make([]reader.File, len(kept))
	for i, input := range kept {
		path := filepath.Join(dir, filepath.FromSlash(input.Copy))
		files[i] = reader.File{Name: input.File, Open: func() (io.ReadCloser, error) { return openCopy(path) }}
	}
	return files
}

func openCopy(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, pipeline.Internal("restore it from a backup", fmt.Errorf("the run's copy of its input is gone: %w", err))
	}
	decoder, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return stream{copied{decoder, path}, func() error {
		decoder.Close()
		return file.Close()
	}}, nil
}

// copied is a run's copy of its input: what can't be read of it is no fault of the
// input.
type copied struct {
	io.Reader
	path string
}

func (c copied) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = pipeline.Internal("restore it from a backup", fmt.Errorf("%s, the run's copy of its input, is damaged: %w", c.path, err))
	}
	return n, err
}

// Inputs returns what the journal says of the input.
func (in *Files) Inputs(read []reader.Input) []journal.Input {
	all := make([]journal.Input, len(read))
	for i, input := range read {
		all[i] = journal.Input{File: input.File, SHA256: input.SHA256, Rows: input.Rows, Copy: in.files[i].copy}
	}
	return all
}
