package runs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
	"corattach/report/atomicfile"
)

// The names in a runs directory and in a run's own.
const (
	JournalFile = "journal.jsonl"
	lastLink    = "last"
	ledgerFile  = "ledger"
)

// runName is the form of a run's id: UTC, to the second, and six random digits.
func runName() *regexp.Regexp { return regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]{6}$`) }

// newDir makes the directory of a new run, whose name sorts by its start.
func newDir(runsDir string, now time.Time) (dir, id string, err error) {
	if err := os.MkdirAll(runsDir, 0o700); err != nil {
		return "", "", pipeline.Unwritable(err)
	}
	var random [3]byte
	_, _ = rand.Read(random[:])
	id = now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
	dir = filepath.Join(runsDir, id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", "", pipeline.Unwritable(err)
	}
	return dir, id, nil
}

// setLast makes last name the newest real run: a symbolic link, or a file with the
// run's id where links can't be made.
func setLast(runsDir, id string) error {
	next := filepath.Join(runsDir, ".last-"+id)
	// Windows can't put another link in the place of one to a directory.
	if runtime.GOOS == "windows" || os.Symlink(id, next) != nil {
		if err := os.WriteFile(next, []byte(id+"\n"), 0o600); err != nil {
			return err
		}
	}
	if err := os.Rename(next, filepath.Join(runsDir, lastLink)); err != nil {
		return err
	}
	return atomicfile.SyncDir(runsDir)
}

// readLast returns the id of the newest real run, "" when there is none.
func readLast(runsDir string) string {
	path := filepath.Join(runsDir, lastLink)
	if target, err := os.Readlink(path); err == nil {
		return filepath.Base(target)
	}
	content, _ := os.ReadFile(path)
	return strings.TrimSpace(string(content))
}

// Find returns the directory of a run: a directory, a run id under runsDir, or
// last, the newest real run. dry says that a dry run will do, which has no journal.
// An error is a *pipeline.Failure.
func Find(runsDir, name string, dry bool) (string, error) {
	dir := filepath.Clean(name)
	if name = filepath.Clean(name); filepath.Base(name) == name && name != "." && name != ".." && !filepath.IsAbs(name) {
		dir = filepath.Join(runsDir, name)
		if last := readLast(runsDir); name == lastLink && last != "" {
			dir = filepath.Join(runsDir, last)
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && isRun(name) {
			dir = name
		}
	}
	if _, err := os.Stat(filepath.Join(dir, JournalFile)); errors.Is(err, fs.ErrPermission) {
		return "", pipeline.Usage("is it another user's? Run this as the one who made it", "%w", err)
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", pipeline.Usage("RUN is a run directory, a run id under --runs-dir, or last, the newest real run", "there is no run %q in %s", name, runsDir)
	}
	dir = ownName(dir)
	switch {
	case dry && exists(filepath.Join(dir, report.SummaryFile)), exists(filepath.Join(dir, JournalFile)):
		return dir, nil
	case !runName().MatchString(filepath.Base(dir)):
		return "", pipeline.Usage("RUN is a run directory, a run id under --runs-dir, or last, the newest real run", "%s is no run directory", dir)
	case exists(filepath.Join(dir, report.SummaryFile)):
		return "", pipeline.Usage("its rows are in "+filepath.Join(dir, report.ReconciliationFile), "%s is a dry run, which keeps no journal", dir)
	}
	return "", pipeline.Usage("nothing was sent: import the file again", "%s has no journal: the run ended while it read its input", dir)
}

// ownName returns the name of a run's directory itself, where it is named through
// a link: the lock lies on the directory that it is in.
func ownName(dir string) string {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil || resolved == filepath.Clean(dir) {
		return filepath.Clean(dir)
	}
	relative := filepath.Join(filepath.Dir(dir), filepath.Base(resolved))
	if sameFile(relative, resolved) {
		return relative
	}
	return resolved
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, other)
}

func isRun(dir string) bool {
	return exists(filepath.Join(dir, JournalFile)) || exists(filepath.Join(dir, report.SummaryFile))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
