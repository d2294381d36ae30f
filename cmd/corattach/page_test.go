package main

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"corattach/report"
)

// textOf is what a page says, without its markup.
func textOf(page []byte) string {
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(page), ""))
}

// The page says the same as the end of standard error: the exit code, its
// reason, the hints, and the commands to paste.
func TestPageSaysWhatIsNext(t *testing.T) {
	setCredentials(t)
	const input = "user_id,workspace_id,percentage,source\nU1,W1,5,SAP\nU2,W1,5,SAP\nU3,\"W1,5,SAP\nU4,W1,50,SAP\nU4,W2,x,SAP\n"
	w := newCrashWorld(t, input, `{"faults": [{"user": "U2", "attempts": [1], "cut": "after"}]}`)
	got := runHere(w.args("import", w.file, "--workers", "1", "--retries", "0", "--max-invalid", "off")...)
	if got.code != exitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	content, err := os.ReadFile(filepath.Join(w.runDir(t), report.PageFile))
	okay(t, err)
	text := textOf(content)
	parts := strings.Split(lastLine(got.stderr), " | ")
	if len(parts) != 3 {
		t.Fatalf("the last line has %d parts: %q", len(parts), parts)
	}
	for _, part := range parts {
		name, said, _ := strings.Cut(part, ": ")
		if !strings.Contains(text, said) {
			t.Errorf("the page lacks %s: %s", name, said)
		}
	}
	_, hint, found := strings.Cut(got.stderr, "hint: ")
	hint, _, _ = strings.Cut(hint, "\n")
	if !found || !strings.Contains(text, hint) {
		t.Errorf("the page lacks the hint %q", hint)
	}
}

// Written again from another directory, and under another name of the runs
// directory, the page is the same.
func TestPageIsTheSameFromElsewhere(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	okay(t, os.WriteFile("a.csv", []byte("user_id,workspace_id,percentage,source\nU1,W1,5,SAP\nU2,W1,x,SAP\n"), 0o600))
	if got := runHere("import", "--simulate", "--max-invalid", "off", "--runs-dir", "my runs", "a.csv"); got.code != exitRows {
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
	if got := runHere("report", "--runs-dir", filepath.Join(home, "my runs"), "last"); got.code != exitRows {
		t.Fatalf("report: exit %d: %s", got.code, got.stderr)
	}
	again, err := os.ReadFile(page)
	okay(t, err)
	if string(first) != string(again) {
		t.Error("the page written again differs")
	}
}
