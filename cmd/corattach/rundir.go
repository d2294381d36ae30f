package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"corattach/report"
)

const (
	journalFile = "journal.jsonl"
	inputDir    = "input"
	lastLink    = "last"
	lockFile    = ".lock"
)

// newRunDir makes the directory of a new run, whose name sorts by its start.
func newRunDir(runsDir string, now time.Time) (dir, id string, err error) {
	if runsDir == "" {
		return "", "", noRunsDir()
	}
	if err := os.MkdirAll(runsDir, 0o700); err != nil {
		return "", "", unwritable(err)
	}
	var random [3]byte
	_, _ = rand.Read(random[:])
	id = now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
	dir = filepath.Join(runsDir, id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", "", unwritable(err)
	}
	return dir, id, nil
}

func noRunsDir() error {
	return usage("name a directory; the default is runs", "--runs-dir is empty")
}

func unwritable(err error) error {
	hint := cmp.Or(scarce(err), "choose another --runs-dir, or make this one writable")
	if errors.Is(err, syscall.ENOTDIR) {
		hint = "choose another --runs-dir: this one is a file, or below one"
	}
	return &failure{exitInternal, fmt.Errorf("no reports can be written: %w", err), hint}
}

// lock makes this process the only one that sends from a runs directory. The
// kernel drops the lock when the process ends, however it ends.
func lock(runsDir string) (*flock.Flock, error) {
	if runsDir == "" {
		return nil, noRunsDir()
	}
	if err := os.MkdirAll(runsDir, 0o700); err != nil {
		return nil, unwritable(err)
	}
	l := flock.New(filepath.Join(runsDir, lockFile))
	held, err := l.TryLock()
	switch {
	case err != nil:
		return nil, unwritable(err)
	case !held:
		return nil, &failure{exitLocked, fmt.Errorf("another run is active in %s", runsDir), "wait for it to end, or use another --runs-dir"}
	}
	return l, nil
}

// active reports whether a run holds the lock of a runs directory. It creates
// nothing, and has the lock itself, shared, for no longer than it takes to ask.
func active(runsDir string) bool {
	l := flock.New(filepath.Join(runsDir, lockFile), flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if err != nil {
		return false // no file, so nobody has ever locked it
	}
	_ = l.Close()
	return !free
}

// setLast makes last name the newest real run: a symbolic link, or a file with
// the run's id where links can't be made.
func setLast(runsDir, id string) error {
	next := filepath.Join(runsDir, ".last-"+id)
	// Windows can't put another link in the place of one to a directory.
	if runtime.GOOS == "windows" || os.Symlink(id, next) != nil {
		if err := os.WriteFile(next, []byte(id+"\n"), 0o600); err != nil {
			return err
		}
	}
	return os.Rename(next, filepath.Join(runsDir, lastLink))
}

// findRun returns the directory of a real run: a directory, an id under runsDir,
// or last.
func findRun(runsDir, name string) (string, error) {
	dir, err := findRunDir(runsDir, name)
	if err != nil {
		return "", err
	}
	if !exists(filepath.Join(dir, journalFile)) {
		return "", usage("only real runs keep a journal, dry runs do not", "%s has no journal", dir)
	}
	return dir, nil
}

// findRunDir is findRun for dry runs too.
func findRunDir(runsDir, name string) (string, error) {
	dir := name
	if filepath.Base(name) == name {
		dir = filepath.Join(runsDir, name)
		if target, err := readLast(dir); name == lastLink && err == nil {
			dir = filepath.Join(runsDir, target)
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			if exists(filepath.Join(name, journalFile)) || exists(filepath.Join(name, report.SummaryFile)) {
				dir = name
			}
		}
	}
	if err := forbidden(filepath.Join(dir, journalFile)); err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", usage("RUN is a run directory, a run id under --runs-dir, or last, the newest real run", "there is no run %q in %s", name, runsDir)
	}
	// A run directory may be named through the link: the lock is beside the
	// directory itself.
	if resolved, err := filepath.EvalSymlinks(dir); err == nil && resolved != filepath.Clean(dir) {
		if relative := filepath.Join(filepath.Dir(dir), filepath.Base(resolved)); sameDir(relative, resolved) {
			return relative, nil
		}
		return resolved, nil
	}
	return filepath.Clean(dir), nil
}

// forbidden is the error of a file that may be there, but can't be looked for by
// this user; nil for any other.
func forbidden(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrPermission) {
		return usage(anotherUser, "%w", err)
	}
	return nil
}

const anotherUser = "is it another user's? Run this as the one who made it"

func sameDir(a, b string) bool {
	one, err := os.Stat(a)
	two, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, two)
}

func readLast(path string) (string, error) {
	if target, err := os.Readlink(path); err == nil {
		return target, nil
	}
	content, err := os.ReadFile(path)
	return strings.TrimSpace(string(content)), err
}

// runIDs lists what a RUN may be in a runs directory: last, and the real runs,
// the newest first.
func runIDs(runsDir string) []string {
	entries, _ := os.ReadDir(runsDir)
	var ids []string
	for _, entry := range slices.Backward(entries) { // last is behind the digits
		if exists(filepath.Join(runsDir, entry.Name(), journalFile)) {
			ids = append(ids, entry.Name())
		}
	}
	return ids
}
