package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestForbiddenRuns takes what another user's rights hide for something else
// than what is not there.
func TestForbiddenRuns(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("nothing is forbidden to root")
	}
	const id = "20261123T031500Z-ab12cd"
	for name, closed := range map[string]string{"the run": id, "all runs": "."} {
		t.Run(name, func(t *testing.T) {
			runs := t.TempDir()
			if err := os.Mkdir(filepath.Join(runs, id), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(runs, id, journalFile), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := setLast(runs, id); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(runs, closed)
			if err := os.Chmod(path, 0); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(path, 0o700)
			for _, run := range []string{id, lastLink} {
				_, err := findRun(runs, run)
				if f := explain(err); !errors.Is(err, fs.ErrPermission) || f.code != exitUsage || f.hint != anotherUser {
					t.Errorf("%s: %v", run, err)
				}
			}
		})
	}
}

func TestHintOfAForbiddenLedger(t *testing.T) {
	if hint := ledgerHint(&fs.PathError{Op: "open", Path: "runs/ledger", Err: fs.ErrPermission}); hint != anotherUser {
		t.Errorf("got %q", hint)
	}
}
