package main

import (
	"cmp"
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

	"corattach/pipeline/journal"
	"corattach/reader"
	"corattach/report"
)

// intake gives the input files to the reader twice: once as they are, and once
// more, when the reports are written, as they were. A real run keeps a
// compressed copy for that; a dry run reads regular files again and keeps the
// bytes of others in a file without a name.
type intake struct {
	stdin io.Reader
	dir   string // of the run
	keep  bool   // copies, for a real run
	read  bool   // once before, by an earlier session: the copies are there
	files []inputFile
}

type inputFile struct {
	name     string // as given, for people: bytes that are no UTF-8 as \xNN
	path     string // as given
	copy     string // relative to dir; "" when none is kept
	spool    *os.File
	size     int64
	modified time.Time
}

// newIntake checks that the files can be opened.
func newIntake(stdin io.Reader, names []string) (*intake, error) {
	in := &intake{stdin: stdin}
	standard := false
	for _, name := range names {
		f := inputFile{name: report.Show(name), path: name}
		switch info, err := os.Stat(name); {
		case name == "-" && standard:
			return nil, usage("give - once", "standard input can be read only once")
		case name == "-":
			standard = true
		case err != nil:
			return nil, &reader.OpenError{File: name, Op: "open", Err: err}
		case info.IsDir():
			return nil, &reader.OpenError{File: name, Op: "read", Err: syscall.EISDIR}
		case info.Mode().IsRegular():
			f.size, f.modified = info.Size(), info.ModTime()
			file, err := os.Open(name)
			if err != nil {
				return nil, &reader.OpenError{File: name, Op: "open", Err: err}
			}
			_ = file.Close()
		}
		in.files = append(in.files, f)
	}
	return in, nil
}

func (in *intake) names() []string {
	names := make([]string, len(in.files))
	for i, f := range in.files {
		names[i] = f.name
	}
	return names
}

// first returns the files as they are given. When ctx ends, so does the reading
// of a pipe or terminal, though nothing comes from it.
func (in *intake) first(ctx context.Context) []reader.File {
	files := make([]reader.File, len(in.files))
	for i := range in.files {
		f := &in.files[i]
		files[i] = reader.File{Name: f.name, Open: func() (io.ReadCloser, error) {
			source, err := in.open(ctx, f)
			switch {
			case err != nil:
				return nil, err
			case in.keep:
				return in.keepCopy(f, i, source)
			case f.modified.IsZero():
				return in.keepSpool(f, source)
			}
			return source, nil
		}}
	}
	return files
}

func (in *intake) open(ctx context.Context, f *inputFile) (io.ReadCloser, error) {
	switch {
	case f.name == "-":
		return interruptible(ctx, func() (io.ReadCloser, error) { return io.NopCloser(in.stdin), nil }), nil
	case f.modified.IsZero():
		return interruptible(ctx, func() (io.ReadCloser, error) { return os.Open(f.path) }), nil
	}
	return os.Open(f.path)
}

// interruptible opens and reads in a goroutine of its own, as either may wait
// for ever. When ctx ends, reading fails with its cause; the goroutine then ends
// with what it waits for, or with the process.
func interruptible(ctx context.Context, open func() (io.ReadCloser, error)) io.ReadCloser {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	go func() {
		source, err := open()
		if err == nil {
			_, err = io.CopyBuffer(w, struct{ io.Reader }{source}, make([]byte, 256<<10))
			err = errors.Join(err, source.Close())
		}
		_ = w.CloseWithError(err)
	}()
	return tee{r, func() error {
		stop()
		return r.Close()
	}}
}

// tee reads a file and writes what it read to a copy.
type tee struct {
	io.Reader
	close func() error
}

// Close completes the copy and closes both.
func (t tee) Close() error { return t.close() }

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
	return &failure{exitInternal, fmt.Errorf("the copy of the input can't be kept: %w", err), cmp.Or(scarce(err), "choose another --runs-dir, or make this one writable")}
}

func (in *intake) keepCopy(f *inputFile, number int, source io.ReadCloser) (io.ReadCloser, error) {
	f.copy = filepath.Join(inputDir, strconv.Itoa(number+1)+".zst")
	file, w, err := createCopy(filepath.Join(in.dir, f.copy))
	if err != nil {
		return nil, errors.Join(uncopied(err), source.Close())
	}
	return tee{io.TeeReader(source, copying{w}), func() error {
		// What the encoder still holds may not fit on the disk: only now is the
		// copy whole.
		return errors.Join(uncopied(errors.Join(w.Close(), file.Sync(), file.Close())), source.Close())
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
	w, err := zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, w, nil
}

func (in *intake) keepSpool(f *inputFile, source io.ReadCloser) (io.ReadCloser, error) {
	spool, err := os.CreateTemp(in.dir, ".input-*")
	if err != nil {
		return nil, errors.Join(uncopied(err), source.Close())
	}
	_ = os.Remove(spool.Name())
	f.spool = spool
	return tee{io.TeeReader(source, copying{spool}), source.Close}, nil
}

// again returns the files as they were read the first time.
func (in *intake) again() []reader.File {
	files := make([]reader.File, len(in.files))
	for i := range in.files {
		f := &in.files[i]
		files[i] = reader.File{Name: f.name, Open: func() (io.ReadCloser, error) {
			switch {
			case f.copy != "":
				return openCopy(filepath.Join(in.dir, f.copy))
			case f.spool != nil:
				_, err := f.spool.Seek(0, io.SeekStart)
				return io.NopCloser(f.spool), err
			}
			info, err := os.Stat(f.path)
			if err == nil && (info.Size() != f.size || !info.ModTime().Equal(f.modified)) {
				return nil, fmt.Errorf("the file changed while it was being read")
			}
			return os.Open(f.path)
		}}
	}
	return files
}

func openCopy(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, &failure{exitInternal, fmt.Errorf("the run's copy of its input is gone: %w", err), "restore it from a backup"}
	}
	r, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return tee{copied{r, path}, func() error {
		r.Close()
		return file.Close()
	}}, nil
}

// copied is a run's copy of its input: what can't be read of it is no fault of
// the input.
type copied struct {
	io.Reader
	path string
}

func (c copied) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = &failure{exitInternal, fmt.Errorf("%s, the run's copy of its input, is damaged: %w", c.path, err), "restore it from a backup"}
	}
	return n, err
}

// close removes what was kept without a name.
func (in *intake) close() {
	for _, f := range in.files {
		if f.spool != nil {
			_ = f.spool.Close()
			_ = os.Remove(f.spool.Name())
		}
	}
}

// kept returns the intake of a run whose copies are in dir.
func kept(dir string, inputs []journal.Input) *intake {
	in := &intake{dir: dir, keep: true, read: true}
	for _, i := range inputs {
		in.files = append(in.files, inputFile{name: i.File, copy: filepath.FromSlash(i.Copy)})
	}
	return in
}
