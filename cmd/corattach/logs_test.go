package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/cmd/corattach/console"
	"corattach/pipeline"
)

// logLines reads a log in the json format. Every line has a time in UTC, a level
// and a message, and from the first that names a run on, that run's id.
func logLines(t *testing.T, log, runID string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(log) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		stamp, _ := line["time"].(string)
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", stamp); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		if level, _ := line["level"].(string); !slices.Contains([]string{"debug", "info", "warn", "error"}, level) || line["message"] == "" {
			t.Errorf("no level or no message: %s", text)
		}
		if line["run_id"] != runID {
			t.Errorf("not of run %s: %s", runID, text)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestLogFields holds the log to the names that samples/operate.md promises, in import
// and in resume, and requires the run's id on every line of both.
func TestLogFields(t *testing.T) {
	page, err := os.ReadFile("../../samples/operate.md")
	okay(t, err)
	t.Chdir(t.TempDir())
	setCredentials(t)
	w := newCrashWorld(t, smallInput+"U3,W1,half,SAP\nU1,W2,99,SAP\n",
		`{"faults": [{"user": "U1", "attempts": [1], "status": 500}, {"user": "U2", "attempts": [1], "status": 429, "retry_after": 3600}]}`)
	w.runs = "runs"
	seen := make(map[string]bool)
	for _, command := range [][]string{
		{"import", w.file, "--max-wait", "1s", "--max-invalid", "off", "--retries", "0", "--ping-url", w.url + "/nobody"},
		{"resume", "last", "--keep-runs", "1"},
	} {
		if command[0] == "resume" { // there is something to delete
			old := "runs/20200101T000000Z-000000"
			okay(t, os.Mkdir(old, 0o700))
			okay(t, os.WriteFile(old+"/summary.json", []byte(`{"run_id": "20200101T000000Z-000000", "dry_run": true, "balanced": true}`), 0o600))
		}
		got := runHere(w.args(append(command, "--log-format", "json", "--log-level", "debug", "--progress", "never")...)...)
		id, err := os.Readlink("runs/last")
		okay(t, err)
		lines := logLines(t, got.stderr, id)
		for _, line := range lines {
			for name := range line {
				seen[name] = true
			}
		}
		if last := lines[len(lines)-1]; last["exit_code"] != float64(got.code) {
			t.Errorf("%v ends with %v, exit %d", command, last, got.code)
		}
	}
	var progress bytes.Buffer
	con := console.New(io.Discard, &progress, nil)
	con.Format("json", "info")
	con.Run("r")
	con.Follow(2, "never", nil)
	con.User(pipeline.Matched)
	con.LogProgress()
	for _, line := range logLines(t, progress.String(), "r") {
		for name := range line {
			seen[name] = true
		}
	}
	_, table, _ := strings.Cut(string(page), "\n## Logs\n")
	table, _, _ = strings.Cut(table, "\n## ")
	promised := make(map[string]bool)
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		names, _, _ := strings.Cut(row[1:], "|")
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(names, -1) {
			promised[name[1]] = true
		}
	}
	if diff := cmp.Diff(promised, seen); diff != "" {
		t.Errorf("the page's table of fields differs from what is logged (-page +log):\n%s", diff)
	}
}

// TestUnaskedAnswer has a server answer one request twice. What net/http prints
// of the second answer, which may be that of a token, stands in no log.
func TestUnaskedAnswer(t *testing.T) {
	t.Chdir(t.TempDir())
	setCredentials(t)
	w := newCrashWorld(t, smallInput, "")
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		w.ServeHTTP(answer, r)
		conn, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		once := fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s", answer.Code, answer.Body.Len(), answer.Body)
		_, _ = io.WriteString(conn, once)
		time.Sleep(50 * time.Millisecond) // the connection is idle by then
		_, _ = io.WriteString(conn, once)
		time.Sleep(50 * time.Millisecond)
	}))
	t.Cleanup(server.Close)
	command := exec.Command("corattach", "import", "--base-url", server.URL, "--auth-url", server.URL+"/v1", "--rate", "20", "--log-format", "json", w.file)
	var told bytes.Buffer
	command.Stderr = &told
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %s", err, &told)
	}
	for text := range strings.Lines(told.String()) {
		if !json.Valid([]byte(text)) {
			t.Errorf("no JSON: %s", text)
		}
	}
}
