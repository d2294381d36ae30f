package runs

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"corattach/pipeline"
	"corattach/pipeline/runs/lock"
	"corattach/report"
)

// The names in a runs directory and in a run's own.
const (
	JournalFile = "journal.jsonl"
	lastLink    = "last"
	ledgerFile  = "ledger"
)

// startFormat is how a run's id tells when the run began, in UTC.
const startFormat = "20060102T150405Z"

// runName is the form of a run's id: its start, and six random digits.
func runName() *regexp.Regexp { return regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]{6}$`) }

// newDir makes the directory of a new run, and tells of it. l is nil for a dry run.
func (w *run) newDir(h Host, l *lock.Lease) error {
	var random [3]byte
	_, _ = rand.Read(random[:])
	w.header.RunID = fmt.Sprintf("%s-%x", w.header.At.Format(startFormat), random)
	w.dir = filepath.Join(w.header.RunsDir, w.header.RunID)
	if err := cmp.Or(os.MkdirAll(w.header.RunsDir, 0o700), os.Mkdir(w.dir, 0o700)); err != nil {
		return pipeline.Unwritable(err)
	}
	if l != nil {
		l.Runs(w.header.RunID)
	}
	h.Run(w.header.RunID, w.dir)
	return nil
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
	return os.Rename(next, filepath.Join(runsDir, lastLink))
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

const otherUserHint = "is it another user's? Run this as the one who made it"

// Find returns the directory of a run: a directory, a run id under runsDir, or
// last, the newest real run. dry says that a dry run will do, which has no journal.
// An error is a *pipeline.Failure.
func Find(runsDir, name string, dry bool) (string, error) {
	name = filepath.Clean(name)
	dir := name
	if filepath.Base(dir) == dir && filepath.IsLocal(dir) && dir != "." {
		under := filepath.Join(runsDir, dir)
		if last := readLast(runsDir); dir == lastLink && last != "" {
			under = filepath.Join(runsDir, last)
		}
		if _, err := os.Stat(under); !errors.Is(err, fs.ErrNotExist) || !exists(filepath.Join(dir, JournalFile)) && !exists(filepath.Join(dir, report.SummaryFile)) {
			dir = under
		}
	}
	// The lock lies on the directory that the run itself is in, not a link to it.
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	_, err := os.Stat(filepath.Join(dir, JournalFile))
	reported := exists(filepath.Join(dir, report.SummaryFile))
	switch {
	case err == nil, dry && reported:
		return dir, nil
	case errors.Is(err, fs.ErrPermission):
		return "", pipeline.Usage(otherUserHint, "%w", err)
	case reported:
		return "", pipeline.Usage("its rows are in "+filepath.Join(dir, report.ReconciliationFile), "%s is a dry run, which keeps no journal", dir)
	case exists(dir) && runName().MatchString(filepath.Base(dir)):
		return "", pipeline.Usage("nothing was sent: import the file again", "%s has no journal: the run ended while it read its input", dir)
	}
	return "", pipeline.Usage("RUN is a run directory, a run id under --runs-dir, or last, the newest real run", "there is no run %q in %s", name, runsDir)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
