package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/journal"
)

// crashEnv makes this test binary the program itself: its value says at which
// record of the journal the process kills itself, and how, as in "7 half".
const crashEnv = "TEST_CRASH_AT"

// It comes before TestMain and the flags of tests, so that a killed process
// leaves nothing behind but its run.
func init() {
	if spec := os.Getenv(crashEnv); spec != "" {
		os.Exit(crashChild(spec, os.Args[1:]))
	}
}

// The moments of death around the writing of one record.
const (
	crashBefore = "before"
	crashHalf   = "half"
	crashAfter  = "after"
	crashNever  = "0 never"
)

func crashChild(spec string, args []string) int {
	var l lethal
	if _, err := fmt.Sscan(spec, &l.left, &l.moment); err != nil {
		panic(err)
	}
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, journalFile: func(f journal.File) journal.File {
		l.File = f
		return &l
	}}
	return a.run(args)
}

// lethal is a journal's file that kills its own process at one record. Records
// that come in one write are written one after another.
type lethal struct {
	journal.File
	left   int // records up to the last one
	moment string
}

func (l *lethal) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if l.left--; l.left == 0 {
			l.die(line)
		}
		if n, err := l.File.Write(line); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

func (l *lethal) die(line []byte) {
	switch l.moment {
	case crashHalf:
		_, _ = l.File.Write(line[:len(line)/2])
	case crashAfter:
		_, _ = l.File.Write(line)
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}

// crashWorld is a directory with an input and a simulated COR on loopback.
type crashWorld struct {
	*corsim.Simulator
	url  string
	runs string // --runs-dir
	file string // the input

	arrived chan string // says for whom a request arrives, as far as somebody listens
	open    atomic.Int64

	mu      sync.Mutex
	records []corsim.Record
}

// Requests lists the records of all requests so far, in the order of their ends.
func (w *crashWorld) Requests() []corsim.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.records)
}

// Percentage returns what COR holds for a pair, and whether it holds anything.
func (w *crashWorld) Percentage(user, source, workspace string) (string, bool) {
	percentage, found := w.Holdings()[corsim.Pair{User: user, Source: source, Workspace: workspace}]
	return percentage, found
}

// newCrashWorld starts a simulator with switches ("name=value") and a script of
// faults, "" for none.
func newCrashWorld(t *testing.T, input, script string, switches ...string) *crashWorld {
	t.Helper()
	w := &crashWorld{arrived: make(chan string, 1000)}
	config := corsim.Config{Log: func(r corsim.Record) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.records = append(w.records, r)
	}}
	for _, s := range switches {
		name, value, _ := strings.Cut(s, "=")
		okay(t, config.Set(name, value))
	}
	if script != "" {
		parsed, err := corsim.ReadScript(strings.NewReader(script))
		okay(t, err)
		config.Script = parsed
	}
	dir := t.TempDir()
	w.Simulator, w.runs, w.file = corsim.New(config), filepath.Join(dir, "runs"), filepath.Join(dir, "in.csv")
	okay(t, os.WriteFile(w.file, []byte(input), 0o600))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.open.Add(1)
		defer w.open.Add(-1)
		if r.Method == http.MethodPut {
			select {
			case w.arrived <- r.URL.EscapedPath():
			default:
			}
		}
		w.ServeHTTP(rw, r)
	}))
	w.url = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return w
}

func okay(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// credentials for every run of a test, in this process and in others.
func setCredentials(t *testing.T) {
	t.Setenv("COR_API_KEY", "key")
	t.Setenv("COR_CLIENT_SECRET", "not-told")
}

// args completes a command line with the target and the runs directory.
func (w *crashWorld) args(words ...string) []string {
	return append(words, "--base-url", w.url, "--auth-url", w.url+"/v1", "--runs-dir", w.runs, "--rate", "0", "--workers", "3")
}

// crashRun is what a run came to.
type crashRun struct {
	code   int
	stdout string
	stderr string
}

// runHere runs the program in this process.
func runHere(args ...string) crashRun {
	var out, errs bytes.Buffer
	code := run(args, strings.NewReader(""), &out, &errs)
	return crashRun{code, out.String(), errs.String()}
}

// crashProcess makes a process of the program that is killed at a record, or never.
func crashProcess(spec string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), crashEnv+"="+spec)
	errs := new(bytes.Buffer)
	cmd.Stderr = errs
	return cmd, errs
}

// killed runs the program until it kills itself at a record, and waits until the
// simulator has dealt with all it sent. It reports whether it came to that
// record at all.
func (w *crashWorld) killed(t *testing.T, spec string, args ...string) bool {
	t.Helper()
	cmd, errs := crashProcess(spec, args...)
	err := cmd.Run()
	w.settle()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == -1 {
		return true
	}
	if err != nil && exit == nil {
		t.Fatalf("%v: %s", err, errs)
	}
	return false
}

// settle waits until no request is open. One that a dead process sent may still
// be on its way to the simulator: it is given time to arrive.
func (w *crashWorld) settle() {
	for quiet := 0; quiet < 3; quiet++ {
		time.Sleep(2 * time.Millisecond)
		if w.open.Load() > 0 {
			quiet = 0
		}
	}
}

// runDir is the directory of the only run.
func (w *crashWorld) runDir(t *testing.T) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(w.runs, "2*"))
	okay(t, err)
	if len(dirs) != 1 {
		t.Fatalf("run directories: %q", dirs)
	}
	return dirs[0]
}

// slots are how many subtests of inParallel may run at a time.
var slots = make(chan struct{}, 16)

// inParallel runs subtests, some at a time: most of their time is spent waiting.
func inParallel(t *testing.T, names []string, test func(t *testing.T, i int)) {
	var group sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			t.Run(name, func(t *testing.T) { test(t, i) })
		})
	}
	group.Wait()
}

// killMoments are all moments of death in a run with so many records in its journal.
func killMoments(records int) (specs []string) {
	for k := range records {
		for _, moment := range []string{crashBefore, crashHalf, crashAfter} {
			specs = append(specs, fmt.Sprint(k+1, " ", moment))
		}
	}
	return specs
}
