package report

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"corattach/pipeline"
)

// brittle makes files of which the n-th operation of a kind, over all of them,
// fails with a full disk. Files of one may be used in several goroutines.
type brittle struct {
	mu     sync.Mutex
	op     string // "create", "write", "short", "sync" or "close"
	n      int
	failed string // the file whose operation failed
}

type brittleFile struct {
	sink
	name string
	of   *brittle
}

func (b *brittle) fails(op, name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if op != b.op {
		return false
	}
	b.n--
	if b.n != 0 {
		return false
	}
	b.failed = name
	return true
}

func (b *brittle) create(dir, name string) (sink, error) {
	if b.fails("create", name) {
		return nil, &fs.PathError{Op: "open", Path: "temporary", Err: syscall.ENOSPC}
	}
	f, err := createTemp(dir, name)
	return brittleFile{f, name, b}, err
}

func (f brittleFile) Write(p []byte) (int, error) {
	switch {
	case f.of.fails("write", f.name):
		return 0, &fs.PathError{Op: "write", Path: "temporary", Err: syscall.ENOSPC}
	case f.of.fails("short", f.name):
		return f.sink.Write(p[:len(p)/2])
	}
	return f.sink.Write(p)
}

func (f brittleFile) Sync() error {
	if f.of.fails("sync", f.name) {
		return syscall.ENOSPC
	}
	return nil // the disk's time is no part of the test
}

func (f brittleFile) Close() error {
	err := f.sink.Close()
	if f.of.fails("close", f.name) {
		return syscall.ENOSPC
	}
	return err
}

// many is enough lines and users to fill the buffers of the files more than
// once.
func many() ([]pipeline.Line, []pipeline.UserLine) {
	long := strings.Repeat("x", 1000)
	var lines []pipeline.Line
	var users []pipeline.UserLine
	for i := range int64(700) {
		lines = append(lines, at(i+2, long, "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Failed}))
		users = append(users, pipeline.UserLine{User: pipeline.UserID(long), Extras: make([]pipeline.Pivot, 1)})
	}
	return lines, users
}

// A disk that is full at any operation gives an error that names the file, and
// leaves the reports of an earlier writing as they were.
func TestFullDisk(t *testing.T) {
	lines, users := many()
	for op, atLeast := range map[string]int{"create": 5, "write": 10, "short": 10, "sync": 5, "close": 5} {
		for n := 1; ; n++ {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, FailedFile), []byte("earlier"), 0o600))
			disk := &brittle{op: op, n: n}
			err := writeAll(dir, disk, lines, users)
			if disk.failed == "" {
				must(t, err)
				if n <= atLeast {
					t.Errorf("only %d operations of kind %s", n-1, op)
				}
				break
			}
			want := syscall.ENOSPC
			cause := error(want)
			if op == "short" {
				cause = io.ErrShortWrite
			}
			var path *fs.PathError
			if !errors.Is(err, cause) || !errors.As(err, &path) || path.Path != filepath.Join(dir, disk.failed) {
				t.Errorf("%s %d: error %v, want one that names %s", op, n, err, disk.failed)
			}
			if got := contents(t, dir); len(got) != 1 || got[FailedFile] != "earlier" {
				t.Errorf("%s %d of %s left %d files", op, n, disk.failed, len(got))
			}
		}
	}
}

func writeAll(dir string, disk *brittle, lines []pipeline.Line, users []pipeline.UserLine) error {
	s, err := open(dir, []string{"a.csv"}, disk.create)
	if err != nil {
		return err
	}
	defer s.Discard()
	if err := write(s, lines, users); err != nil {
		return err
	}
	return s.Commit(&Summary{}, Next{})
}

func TestAtomicity(t *testing.T) {
	dir := t.TempDir()
	names := []string{ExtrasFile, FailedFile, ReconciliationFile, PageFile, SummaryFile, UsersFile, VanishedFile}
	for _, name := range names {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("earlier"), 0o600))
	}
	earlier := func() {
		t.Helper()
		for _, name := range names {
			if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != "earlier" {
				t.Errorf("%s = %q, %v", name, text, err)
			}
		}
	}
	lines, users := many()
	s, err := Open(dir, []string{"a.csv"})
	must(t, err)
	must(t, write(s, lines, users))
	earlier()
	s.Discard()
	earlier()
	if got := len(contents(t, dir)); got != len(names) {
		t.Errorf("after Discard there are %d files", got)
	}
	s.Discard()
	if err := s.Commit(&Summary{}, Next{}); err == nil {
		t.Error("Commit after Discard succeeded")
	}

	s, err = Open(dir, []string{"a.csv"})
	must(t, err)
	must(t, write(s, lines, users))
	must(t, s.Commit(&Summary{}, Next{}))
	s.Discard()
	var got []string
	for name, text := range contents(t, dir) {
		got = append(got, name)
		if text == "earlier" {
			t.Errorf("%s was not replaced", name)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, names) {
		t.Errorf("files after Commit: %v", got)
	}
}

func TestRenameFails(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, UsersFile), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, UsersFile, "x"), nil, 0o600))
	err := writeAll(dir, &brittle{}, nil, nil)
	var path *fs.PathError
	if !errors.As(err, &path) || path.Op != "rename" || path.Path != filepath.Join(dir, UsersFile) {
		t.Errorf("error %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestUnwritableDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	_, err := Open(dir, nil)
	var path *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) || path.Path != filepath.Join(dir, ReconciliationFile) {
		t.Errorf("Open: %v", err)
	}
	if err := WriteFile(filepath.Join(dir, "x"), 0o600, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteFile: %v", err)
	}
	if err := Sweep(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Sweep: %v", err)
	}
}

// So does one that is full while the requests of a dry run are written, and with
// them go the other reports.
func TestRequestsFullDisk(t *testing.T) {
	for _, op := range []string{"create", "write"} {
		dir := t.TempDir()
		disk := &brittle{op: "write", n: 1}
		if op == "create" {
			disk = &brittle{op: op, n: 8}
		}
		s, err := open(dir, []string{"a.csv"}, disk.create)
		must(t, err)
		for err = s.OpenRequests(); err == nil; err = s.Request("PUT", "u", []byte("{}")) {
		}
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), RequestsFile) {
			t.Errorf("%s: error %v", op, err)
		}
		s.Discard()
		if got := contents(t, dir); len(got) != 0 {
			t.Errorf("%s left %d files", op, len(got))
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	write := func(text string, err error) error {
		return WriteFile(path, 0o644, func(w io.Writer) error {
			_, werr := io.WriteString(w, text)
			return errors.Join(werr, err)
		})
	}
	must(t, write("first", nil))
	must(t, write("second", nil))
	broken := errors.New("broken")
	if err := write("third", broken); !errors.Is(err, broken) || !strings.Contains(err.Error(), "page.html") {
		t.Errorf("error %v", err)
	}
	if got := contents(t, dir); len(got) != 1 || got["page.html"] != "second" {
		t.Errorf("files %q", got)
	}
	info, err := os.Stat(path)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir, nil) // never closed, as by a process that was killed
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "journal.jsonl"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, ".other"), nil, 0o600))
	if got := len(contents(t, dir)); got != 9 {
		t.Fatalf("%d files before", got)
	}
	must(t, Sweep(dir))
	if got := contents(t, dir); len(got) != 2 {
		t.Errorf("files after: %v", got)
	}
}
