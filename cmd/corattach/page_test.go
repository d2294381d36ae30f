package main

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"corattach/pipeline"
	"corattach/report"
)

// textOf is what a page says, without its markup.
func textOf(page []byte) string {
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(page), ""))
}

// The page says the same as the end of standard error and the summary: the reason
// of the exit code, what to do, and the commands to paste.
func TestPageSaysWhatIsNext(t *testing.T) {
	setCredentials(t)
	const input = "user_id,workspace_id,percentage,source\nU1,W1,5,SAP\nU2,W1,5,SAP\nU3,\"W1,5,SAP\nU4,W1,50,SAP\nU4,W2,x,SAP\n"
	w := newCrashWorld(t, input, `{"faults": [{"user": "U2", "attempts": [1], "cut": "after"}]}`)
	got := runHere(w.args("import", w.file, "--workers", "1", "--retries", "0", "--max-invalid", "off")...)
	if got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	content, err := os.ReadFile(filepath.Join(w.runDir(t), report.PageFile))
	okay(t, err)
	page := textOf(content)
	_, reason, _ := strings.Cut(lastLine(got.stderr), ": ")
	said := []string{reason}
	for line := range strings.Lines(got.stderr) {
		if command, found := strings.CutPrefix(strings.TrimSpace(line), "next: "); found {
			said = append(said, command)
		}
	}
	for line := range strings.Lines(got.stdout) {
		if advice, found := strings.CutPrefix(strings.TrimSpace(line), "to do "); found {
			said = append(said, strings.TrimSpace(advice))
		}
	}
	if len(said) < 3 {
		t.Fatalf("%q says little", said)
	}
	for _, text := range said {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}

// Written again from another directory, and under another name of the runs
// directory, the page is the same.
func TestPageIsTheSameFromElsewhere(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	okay(t, os.WriteFile("a.csv", []byte("user_id,workspace_id,percentage,source\nU1,W1,5,SAP\nU2,W1,x,SAP\n"), 0o600))
	if got := runHere("import", "--simulate", "--max-invalid", "off", "--runs-dir", "my runs", "a.csv"); got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	page := filepath.Join(home, "my runs", "last", report.PageFile)
	first, err := os.ReadFile(page)
	okay(t, err)
	if !strings.Contains(textOf(first), "'my runs/") {
		t.Error("the page does not name the runs directory")
	}
	t.Chdir(t.TempDir())
	okay(t, os.Remove(page))
	if got := runHere("report", "--runs-dir", filepath.Join(home, "my runs"), "last"); got.code != pipeline.ExitRows {
		t.Fatalf("report: exit %d: %s", got.code, got.stderr)
	}
	again, err := os.ReadFile(page)
	okay(t, err)
	if string(first) != string(again) {
		t.Error("the page written again differs")
	}
}
