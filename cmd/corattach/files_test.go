package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	if got.code != exitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	first := reportFiles(t, "runs/last")
	for _, want := range wants {
		if !strings.Contains(first["reconciliation.csv"], want) {
			t.Errorf("reconciliation.csv lacks %q:\n%s", want, first["reconciliation.csv"])
		}
	}
	if got := runHere("report", "last"); got.code != exitRows {
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
	if got := runHere("import", "--simulate", "a.csv"); got.code != exitDone {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	want := reportFiles(t, "runs/last")
	for name := range want {
		okay(t, os.Remove(filepath.Join("runs/last", name)))
	}
	if got := runHere("resume", "last"); got.code != exitDone {
		t.Fatalf("resume: exit %d: %s", got.code, got.stderr)
	}
	if diff := cmp.Diff(want, reportFiles(t, "runs/last")); diff != "" {
		t.Errorf("the reports differ:\n%s", diff)
	}
	if got := runHere("resume", "last"); got.code != exitUsage || !strings.Contains(got.stderr, "nothing to resume") {
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
			if summary := balancedSummary(t, filepath.Join(dir, "runs", "last"), 2); summary.Rows.Matched != 2 {
				t.Errorf("%+v", summary.Rows)
			}
		})
	}
}
