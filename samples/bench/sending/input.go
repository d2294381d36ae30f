package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// prepare writes the rows into dir, lets the program say which requests they
// become, and writes those down for the others.
func prepare(program, url, dir string, count int) error {
	if err := writeFile(filepath.Join(dir, "rows.csv"), func(w *bufio.Writer) error {
		fmt.Fprintln(w, "user_id,workspace_id,percentage,source")
		for user := range count {
			for n, percentage := range []int{50, 30, 20} {
				fmt.Fprintf(w, "EMP-%07d,WS-%05d,%d,SAP\n", user, (user*7+n*13)%5000, percentage)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	plan := exec.Command(program, "import", "--dry-run", "--base-url", url, "--runs-dir", "dry", "rows.csv")
	plan.Dir = dir
	if out, err := plan.CombinedOutput(); err != nil {
		return fmt.Errorf("dry run: %w\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "dry", "*", "requests.jsonl"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("the dry run has written %d requests.jsonl", len(found))
	}
	if err := os.Rename(found[0], filepath.Join(dir, "requests.jsonl")); err != nil {
		return err
	}
	return writeTargets(dir)
}

// request is a line of the requests.jsonl that a dry run writes.
type request struct {
	Method string          `json:"method"`
	URL    string          `json:"url"`
	Body   json.RawMessage `json:"body"`
}

func (r request) body() string { return string(r.Body) }

func readRequests(path string) ([]request, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var requests []request
	for line := range bytes.Lines(content) {
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		requests = append(requests, r)
	}
	return requests, nil
}

// writeTargets writes the requests in the form that vegeta reads.
func writeTargets(dir string) error {
	requests, err := readRequests(filepath.Join(dir, "requests.jsonl"))
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "targets.jsonl"), func(w *bufio.Writer) error {
		lines := json.NewEncoder(w)
		for _, r := range requests {
			if err := lines.Encode(struct {
				Method string              `json:"method"`
				URL    string              `json:"url"`
				Body   []byte              `json:"body"`
				Header map[string][]string `json:"header"`
			}{r.Method, r.URL, r.Body, map[string][]string{
				"Authorization": {"Bearer token-of-the-benchmark"}, "Content-Type": {"application/json"},
			}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeFile(path string, write func(*bufio.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}
