package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"corattach/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// brittle is a file of which one kind of operation fails with a full disk.
type brittle struct {
	disk
	op string // "write", "short", "sync", "close" or "panic"
}

func (b brittle) Write(p []byte) (int, error) {
	switch b.op {
	case "write":
		return 0, &fs.PathError{Op: "write", Path: "temporary", Err: syscall.ENOSPC}
	case "short":
		return b.disk.Write(p[:len(p)/2])
	}
	return b.disk.Write(p)
}

func (b brittle) Sync() error {
	switch b.op {
	case "sync":
		return syscall.ENOSPC
	case "panic":
		panic("broken disk")
	}
	return nil // the disk's time is no part of the test
}

func (b brittle) Close() error {
	err := b.disk.Close()
	if b.op == "close" {
		return syscall.ENOSPC
	}
	return err
}

// breaks lets an operation of a file fail.
func (f *File) breaks(op string) {
	f.temp = brittle{f.temp, op}
	f.buffer.Reset(f.temp)
}

// contents returns every file of dir by name, temporary ones too.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files[e.Name()] = string(text)
	}
	return files
}

// A disk that is full at any operation of any file gives an error that names the
// final file, and leaves all of them as they were.
func TestFullDisk(t *testing.T) {
	for _, op := range []string{"write", "short", "sync", "close", "panic"} {
		for failing := range 3 {
			dir := t.TempDir()
			var files []*File
			for i, name := range []string{"a", "b", "c"} {
				must(t, os.WriteFile(filepath.Join(dir, name), []byte("earlier"), 0o600))
				f, err := Create(filepath.Join(dir, name))
				must(t, err)
				if i == failing {
					f.breaks(op)
				}
				_, _ = f.Write([]byte("now")) // an error stays
				files = append(files, f)
			}
			err := func() (err error) {
				defer pipeline.Recover(&err)
				return Commit(files...)
			}()
			for _, f := range files {
				f.Discard()
			}
			var path *fs.PathError
			var panicked *pipeline.PanicError
			switch {
			case op == "panic":
				if !errors.As(err, &panicked) {
					t.Errorf("panic: error %v", err)
				}
			case op == "short" && !errors.Is(err, io.ErrShortWrite), op != "short" && !errors.Is(err, syscall.ENOSPC),
				!errors.As(err, &path), path.Path != files[failing].path:
				t.Errorf("%s of %s: error %v", op, files[failing].path, err)
			}
			got := contents(t, dir)
			if len(got) != 3 || got["a"]+got["b"]+got["c"] != strings.Repeat("earlier", 3) {
				t.Errorf("%s: files %v", op, got)
			}
		}
	}
}

// The first error stays, and nothing is written after it.
func TestFirstErrorStays(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "a"))
	must(t, err)
	defer f.Discard()
	f.breaks("write")
	for range 3 {
		_, err = f.Write(make([]byte, bufferSize+1))
		if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), tempSuffix) {
			t.Errorf("error %v", err)
		}
	}
}

func TestRenameFails(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "taken", "x"), 0o700))
	err := WriteFile(filepath.Join(dir, "taken"), 0o600, nil)
	var path *fs.PathError
	if !errors.As(err, &path) || path.Op != "rename" || path.Path != filepath.Join(dir, "taken") {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	must(t, WriteFile(path, 0o644, []byte("first")))
	must(t, WriteFile(path, 0o644, []byte("second")))
	if got := contents(t, dir); len(got) != 1 || got["page.html"] != "second" {
		t.Errorf("files %q", got)
	}
	info, err := os.Stat(path)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestMissingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	if err := WriteFile(filepath.Join(dir, "x"), 0o600, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), filepath.Join(dir, "x")) {
		t.Errorf("WriteFile: %v", err)
	}
	if err := SyncDir(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir: %v", err)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	left, err := Create(filepath.Join(dir, "a")) // as by a process that was killed
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "journal.jsonl"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, ".other"), nil, 0o600))
	if got := contents(t, dir); len(got) != 3 {
		t.Fatalf("files before: %v", got)
	}
	Sweep(dir)
	if got := contents(t, dir); len(got) != 2 {
		t.Errorf("files after: %v", got)
	}
	left.Discard()
}

// A name without a directory is in the working directory.
func TestBareName(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, WriteFile("bare", 0o600, []byte("text")))
	if got := contents(t, "."); len(got) != 1 || got["bare"] != "text" {
		t.Errorf("files %v", got)
	}
}
