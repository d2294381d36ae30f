package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// Names of files are bytes to the system: a comma, a backslash, and what is no
// UTF-8 name the same file in every report, also in those written again.
func TestNamesOfFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	names := []string{"a,b.csv", `c\,d.csv`, "e.csv"}
	wants := []string{"\n\"a,b.csv\",2,U1,a,", "\n\"c\\,d.csv\",2,U1,c,", "\ne.csv,2,U1,e,"}
	if runtime.GOOS == "linux" { // elsewhere names are UTF-8
		names[2], wants[2] = "e\xff.csv", "\ne\\xff.csv,2,U1,e,"
	}
	for _, name := range names {
		okay(t, os.WriteFile(name, []byte("user_id,workspace_id,percentage,source\nU1,"+name[:1]+",5,SAP\nU2,W,half,SAP\n"), 0o600))
	}
	got := runHere(append([]string{"import", "--simulate", "--rate", "0", "--max-invalid", "off", "--"}, names...)...)
	if got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	first := reportFiles(t, "runs/last")
	for _, want := range wants {
		if !strings.Contains(first["reconciliation.csv"], want) {
			t.Errorf("reconciliation.csv lacks %q:\n%s", want, first["reconciliation.csv"])
		}
	}
	if got := runHere("report", "last"); got.code != pipeline.ExitRows {
		t.Fatalf("report: exit %d: %s", got.code, got.stderr)
	}
	if diff := cmp.Diff(first, reportFiles(t, "runs/last")); diff != "" {
		t.Errorf("the reports written again differ:\n%s", diff)
	}
}

// A run that ended and was killed before its reports were written is completed
// by resume, though there is nothing to send.
func TestResumeWritesMissingReports(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("a.csv", []byte("user_id,workspace_id,percentage,source\nU1,W1,5,SAP\n"), 0o600))
	if got := runHere("import", "--simulate", "a.csv"); got.code != pipeline.ExitDone {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	want := reportFiles(t, "runs/last")
	for name := range want {
		okay(t, os.Remove(filepath.Join("runs/last", name)))
	}
	if got := runHere("resume", "last"); got.code != pipeline.ExitDone {
		t.Fatalf("resume: exit %d: %s", got.code, got.stderr)
	}
	if diff := cmp.Diff(want, reportFiles(t, "runs/last")); diff != "" {
		t.Errorf("the reports differ:\n%s", diff)
	}
	if got := runHere("resume", "last"); got.code != pipeline.ExitDone || !strings.Contains(got.stderr, "nothing to resume") {
		t.Errorf("resume again: exit %d: %s", got.code, got.stderr)
	}
}

// A reader of the log or of the summary that goes away, as head does, stops
// nothing: the run ends, with its reports and its own exit code.
func TestReaderGoesAway(t *testing.T) {
	for _, stream := range []string{"stdout", "stderr"} {
		t.Run(stream, func(t *testing.T) {
			dir := t.TempDir()
			input := filepath.Join(dir, "a.csv")
			okay(t, os.WriteFile(input, []byte("user_id,workspace_id,percentage,source\nU1,W1,5,SAP\nU2,W1,5,SAP\n"), 0o600))
			cmd, _ := crashProcess(crashNever, "import", "--simulate", "--rate", "0", "--runs-dir", filepath.Join(dir, "runs"), input)
			read, write, err := os.Pipe()
			okay(t, err)
			okay(t, read.Close())
			defer write.Close()
			if stream == "stdout" {
				cmd.Stdout = write
			} else {
				cmd.Stderr = write
			}
			if err := cmd.Run(); err != nil {
				t.Errorf("%v", err)
			}
			if summary := balancedSummary(t, filepath.Join(dir, "runs", "last"), 2); summary.Rows[pipeline.Matched] != 2 {
				t.Errorf("%+v", summary.Rows)
			}
		})
	}
}

// A pipe from which nothing comes does not hold up a signal.
func TestSignalWhileInputWaits(t *testing.T) {
	for _, name := range []string{"SIGTERM", "SIGINT"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd, errs := crashProcess(crashNever, "import", "--simulate", "--runs-dir", filepath.Join(dir, "runs"), "-")
			input, err := cmd.StdinPipe()
			okay(t, err)
			defer input.Close()
			okay(t, cmd.Start())
			_, err = input.Write([]byte("user_id,workspace_id,percentage,source\nU1,W1,5,SAP\n"))
			okay(t, err)
			waitFor(t, func() bool {
				found, _ := filepath.Glob(filepath.Join(dir, "runs", "2*"))
				return len(found) > 0
			})
			want := 130
			if name == "SIGTERM" {
				okay(t, cmd.Process.Signal(syscall.SIGTERM))
				want = 143
			} else {
				okay(t, cmd.Process.Signal(os.Interrupt))
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(errs.String(), "nothing was sent") {
				t.Errorf("exit %d, want %d: %s", got, want, errs)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "runs", "2*")); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

func waitFor(t *testing.T, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !happened(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within ten seconds")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A canary that has not come to its end is not forgotten by a plain resume: it goes
// first again.
func TestResumeKeepsTheCanary(t *testing.T) {
	setCredentials(t)
	const input = "user_id,workspace_id,percentage,source\nU1,W1,5,SAP\nU2,W1,5,SAP\nU3,W1,5,SAP\nU4,W1,5,SAP\n"
	w := newCrashWorld(t, input, `{"faults": [{"user": "U2", "attempts": [1], "status": 429, "retry_after": 3600}, {"user": "U2", "attempts": [2], "status": 400}]}`)
	got := runHere(w.args("import", w.file, "--workers", "1", "--canary", "2", "--max-wait", "1s")...)
	if got.code != pipeline.ExitUnavailable {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	if got = runHere("resume", w.runDir(t)); got.code != pipeline.ExitGuard || !strings.Contains(lastLine(got.stderr), "--canary") {
		t.Errorf("resume: exit %d: %s", got.code, got.stderr)
	}
	if counts := statusCounts(t, w.runDir(t)); counts["not_sent"] != 2 {
		t.Errorf("%v", counts)
	}
}
