package runs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"corattach/report/atomicfile"
)

const counterFile = ".counter"

// nextCounter returns a number that is higher than all that a runs directory has
// given out. newest is the highest that is known from elsewhere: a counter file may be
// gone. The caller has the lock, and keeps the number once a journal has it: one
// without a journal would look like a run that is gone.
func nextCounter(runsDir string, newest int64) (int64, error) {
	last, err := readCounter(runsDir)
	return max(last, newest) + 1, err
}

func keepCounter(runsDir string, counter int64) error {
	return atomicfile.WriteFile(filepath.Join(runsDir, counterFile), 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, counter)
		return err
	})
}

func readCounter(runsDir string) (int64, error) {
	content, err := os.ReadFile(filepath.Join(runsDir, counterFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return 0, nil
	}
	var last int64
	_, _ = fmt.Sscan(string(content), &last)
	return last, err
}
