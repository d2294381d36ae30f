package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// collect puts what a run left into the directory got, masked: stdout, stderr,
// the reports of the run directory that was written last, ls with all names
// under runs, and requests with what the simulator received so far.
func collect(ts *testscript.TestScript) {
	got := ts.MkAbs("got")
	ts.Check(os.RemoveAll(got))
	ts.Check(os.Mkdir(got, 0o700))
	write := func(name, text string) { ts.Check(os.WriteFile(filepath.Join(got, name), []byte(text), 0o600)) }
	mask := masker(ts.Getenv("WORK"), ts.Getenv("SAMPLES"))
	write("stdout", mask(ts.ReadFile("stdout")))
	write("stderr", mask(ts.ReadFile("stderr")))
	keepsSecret(ts)
	for _, name := range []string{"reconciliation.csv", "failed.csv", "users.csv", "unmapped.csv", "extras.csv", "vanished.csv", "summary.json", "requests.jsonl"} {
		content, err := os.ReadFile(filepath.Join(newestRun(ts.MkAbs("runs")), name))
		if err == nil {
			write(name, mask(string(content)))
		}
	}
	if log, err := os.ReadFile(ts.MkAbs("sim.log")); err == nil {
		write("requests", mask(received(ts, log)))
	}
	if names := tree(ts); names != "" {
		write("ls", mask(names))
	}
}

// keepsSecret requires that no file of any run and no output holds a secret.
func keepsSecret(ts *testscript.TestScript) {
	for _, root := range []string{"runs", "got"} {
		_ = filepath.WalkDir(ts.MkAbs(root), func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			ts.Check(err)
			if bytes.Contains(content, []byte(secret)) {
				ts.Fatalf("%s holds a secret", path)
			}
			return nil
		})
	}
}

// secret is part of every credential of the scripts that must not be shown.
const secret = "secret-of-the-test"

// newestRun is the run directory in which something was written last.
func newestRun(runs string) string {
	dirs, _ := filepath.Glob(filepath.Join(runs, "2*"))
	if len(dirs) == 0 {
		return filepath.Join(runs, "none")
	}
	changed := func(dir string) time.Time {
		if info, err := os.Stat(dir); err == nil {
			return info.ModTime()
		}
		return time.Time{}
	}
	return slices.MaxFunc(dirs, func(a, b string) int { return changed(a).Compare(changed(b)) })
}

func tree(ts *testscript.TestScript) string {
	var names []string
	root := ts.MkAbs(".")
	_ = filepath.WalkDir(ts.MkAbs("runs"), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if entry.IsDir() {
			name += "/"
		}
		names = append(names, filepath.ToSlash(name)+"\n")
		return nil
	})
	return strings.Join(names, "")
}

// masker replaces what differs from run to run.
func masker(work, samples string) func(string) string {
	patterns := []struct {
		pattern *regexp.Regexp
		mask    string
	}{
		{regexp.MustCompile(regexp.QuoteMeta(work)), "WORK"},
		{regexp.MustCompile(regexp.QuoteMeta(samples)), "SAMPLES"},
		{regexp.MustCompile(`\d{8}T\d{6}Z-[0-9a-f]{6}`), "RUN"},
		{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
		{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}`), "TIME"},
		{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d ([A-Z]{3}) `), "$1 "},
		{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
		{regexp.MustCompile(`process \d+`), "process PID"},
		{regexp.MustCompile(`took [0-9.]+[mµn]?s\b`), "took SOME"},
		{regexp.MustCompile(`("duration_seconds": ?)[0-9.]+`), "${1}SOME"},
		{regexp.MustCompile(`("version": |"version":)"[^"]*"`), `$1"VERSION"`},
		{regexp.MustCompile(`("time":)"[^"]*"`), `$1"TIME"`},
		{regexp.MustCompile(`("sha256": ?)"[0-9a-f]{64}"`), `$1"SHA256"`},
	}
	return func(text string) string {
		for _, p := range patterns {
			text = p.pattern.ReplaceAllString(text, p.mask)
		}
		return text
	}
}

// received tells a simulator's log in a line per request.
func received(ts *testscript.TestScript, log []byte) string {
	type request struct {
		N       int64           `json:"n"`
		Method  string          `json:"method"`
		Path    string          `json:"path"`
		Body    json.RawMessage `json:"body"`
		Status  int             `json:"status"`
		End     string          `json:"end"`
		Applied bool            `json:"applied"`
	}
	var requests []request
	decoder := json.NewDecoder(bytes.NewReader(log))
	for {
		var r request
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
		requests = append(requests, r)
	}
	slices.SortFunc(requests, func(a, b request) int { return cmp.Compare(a.N, b.N) })
	var text strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&text, "%s %s", r.Method, r.Path)
		if r.Body != nil {
			fmt.Fprintf(&text, " %s", r.Body)
		}
		fmt.Fprintf(&text, " -> %s", r.End)
		if r.Status != 0 {
			fmt.Fprintf(&text, " %d", r.Status)
		}
		if r.Applied {
			text.WriteString(" applied")
		}
		text.WriteByte('\n')
	}
	return text.String()
}
