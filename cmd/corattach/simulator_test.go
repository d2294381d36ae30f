package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// simulator is a corattach simulate that a script has started.
type simulator struct {
	process *exec.Cmd
	drained chan struct{}
}

// simulatorKey is where a script's environment keeps its **simulator.
type simulatorKey struct{}

func startSimulator(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: simulator ARG...")
	}
	stopSimulator(ts, false, nil)
	_ = os.Remove(ts.MkAbs("sim.log"))
	url, s, err := serveSimulator(ts.MkAbs("."), append([]string{"--log", "sim.log"}, args...))
	ts.Check(err)
	*ts.Value(simulatorKey{}).(**simulator) = s
	ts.Defer(func() { stopSimulator(ts, false, nil) })
	ts.Setenv("COR", url)
	ts.Setenv("COR_API_KEY", "key-of-the-test")
	ts.Setenv("COR_CLIENT_SECRET", secret)
}

// serveSimulator starts the simulator on a free port and returns its URL.
func serveSimulator(dir string, args []string) (string, *simulator, error) {
	program, err := exec.LookPath("corattach")
	if err != nil {
		return "", nil, err
	}
	process := exec.Command(program, append([]string{"simulate", "--addr", "127.0.0.1:0"}, args...)...)
	process.Dir, process.Env = dir, bareEnv()
	var complaint bytes.Buffer
	process.Stderr = &complaint
	out, err := process.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := process.Start(); err != nil {
		return "", nil, err
	}
	s := &simulator{process, make(chan struct{})}
	lines := bufio.NewReader(out)
	url, err := lines.ReadString('\n')
	if err != nil {
		_ = process.Wait()
		return "", nil, fmt.Errorf("the simulator does not start: %w: %s", err, complaint.String())
	}
	go func() {
		defer close(s.drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	return strings.TrimSpace(url), s, nil
}

// bareEnv is an environment without any setting of the program.
func bareEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "TMPDIR=" + os.TempDir(), "GORACE=" + quickExit}
}

// end stops the simulator and returns its exit code.
func (s *simulator) end() int {
	_ = s.process.Process.Signal(os.Interrupt)
	<-s.drained
	_ = s.process.Wait()
	return s.process.ProcessState.ExitCode()
}

func stopSimulator(ts *testscript.TestScript, _ bool, _ []string) {
	kept := ts.Value(simulatorKey{}).(**simulator)
	s := *kept
	if s == nil {
		return
	}
	*kept = nil
	if code := s.end(); code != 130 {
		ts.Fatalf("the simulator exits with %d at SIGINT, want 130", code)
	}
}
