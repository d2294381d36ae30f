package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

const signalInput = `user_id,workspace_id,percentage,source
U1,W1,100,SAP
U2,W1,100,SAP
U3,W1,100,SAP
U4,W1,100,SAP
U5,W1,100,SAP
U6,W1,100,SAP
`

// slowScript lets COR store what it is first asked for three users at once, and
// answer so much later.
func slowScript(delay string) string {
	const entry = `{"user": "%s", "attempts": [1], "delay": "%s"}`
	var entries []string
	for _, user := range []string{"U2", "U3", "U4"} {
		entries = append(entries, fmt.Sprintf(entry, user, delay))
	}
	return `{"faults": [` + strings.Join(entries, ", ") + `]}`
}

// startImport starts an import in a process of its own. The returned function
// waits until a line with a text stands on its standard error, or for its end
// when the text is "", and returns the exit code then.
func (w *crashWorld) startImport(t *testing.T) (*exec.Cmd, func(text string) int) {
	t.Helper()
	cmd, _ := crashProcess(crashNever, w.args("import", w.file)...)
	cmd.Stderr = nil
	pipe, err := cmd.StderrPipe()
	okay(t, err)
	okay(t, cmd.Start())
	lines := bufio.NewReader(pipe)
	return cmd, func(text string) int {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if text != "" && strings.Contains(line, text) {
				return 0
			}
			if err == io.EOF {
				break
			}
			okay(t, err)
		}
		if text != "" {
			t.Fatalf("%q does not stand on standard error", text)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode()
	}
}

// arrivals waits until so many more requests have arrived.
func (w *crashWorld) arrivals(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-w.arrived:
		case <-time.After(20 * time.Second):
			t.Fatal("no request arrives")
		}
	}
}

// finishes resumes a run that was stopped, and requires that everything matches
// and that nothing which matched before is sent again.
func (w *crashWorld) finishes(t *testing.T, dir string) {
	t.Helper()
	before := evidenceOf(t, dir)
	if got := runHere(w.args("resume", dir)...); got.code != pipeline.ExitDone {
		t.Errorf("resume: exit %d: %s", got.code, got.stderr)
	}
	w.sentOnce(t, before, evidenceOf(t, dir))
	for place, row := range verdictsOf(t, dir) {
		if row.status != "matched" {
			t.Errorf("after resume %s is %s", place, row.status)
		}
	}
	w.truthful(t, dir)
}

func statusCounts(t *testing.T, dir string) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for _, row := range verdictsOf(t, dir) {
		counts[row.status]++
	}
	return counts
}

// The first signal drains: what is open finishes and counts, nothing new is
// sent, the reports are written, and resume does the rest.
func TestSignalDrains(t *testing.T) {
	t.Parallel()
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
	inParallel(t, []string{"SIGTERM", "SIGINT", "SIGHUP"}, func(t *testing.T, i int) {
		if signal.Ignored(signals[i]) { // as under nohup, and then the program would ignore it too
			heard := make(chan os.Signal, 1)
			signal.Notify(heard, signals[i])
			defer signal.Stop(heard)
		}
		w := newCrashWorld(t, signalInput, slowScript("1s"))
		cmd, wait := w.startImport(t)
		w.arrivals(t, 4) // the first user's, and then those of three workers
		okay(t, cmd.Process.Signal(signals[i]))
		if code := wait(""); code != pipeline.ExitSignal+int(signals[i]) {
			t.Errorf("exit %d", code)
		}
		dir := w.runDir(t)
		if diff := cmp.Diff(map[string]int{"matched": 4, "not_sent": 2}, statusCounts(t, dir)); diff != "" {
			t.Error(diff)
		}
		for _, r := range w.Requests() {
			if r.End != "answered" {
				t.Errorf("a request was not let finish: %+v", r)
			}
		}
		s := balancedSummary(t, dir, 6)
		if diff := cmp.Diff([]int{pipeline.ExitSignal + int(signals[i]), pipeline.ExitRows}, s.Exit.All); diff != "" {
			t.Error(diff)
		}
		w.truthful(t, dir)
		again := statusCounts(t, dir)
		if got := runHere("report", dir); got.code != pipeline.ExitSignal+int(signals[i]) {
			t.Errorf("report: exit %d: %s", got.code, got.stderr)
		}
		if diff := cmp.Diff(again, statusCounts(t, dir)); diff != "" {
			t.Errorf("report says otherwise: %s", diff)
		}
		w.finishes(t, dir)
	})
}

// The second signal cuts short what is open. COR has stored it all the same: the
// report says that nobody knows, and resume asks again.
func TestSecondSignalCutsShort(t *testing.T) {
	setCredentials(t)
	w := newCrashWorld(t, signalInput, slowScript("1m"))
	cmd, wait := w.startImport(t)
	w.arrivals(t, 4)
	for _, user := range []string{"U2", "U3", "U4"} {
		for stored := false; !stored; _, stored = w.Percentage(user, "SAP", "W1") {
			time.Sleep(time.Millisecond)
		}
	}
	start := time.Now()
	okay(t, cmd.Process.Signal(syscall.SIGTERM))
	wait("nothing new is sent")
	okay(t, cmd.Process.Signal(os.Interrupt))
	if code := wait(""); code != pipeline.ExitSignal+int(syscall.SIGTERM) {
		t.Errorf("exit %d", code)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the second signal took %v", took)
	}
	dir := w.runDir(t)
	if diff := cmp.Diff(map[string]int{"matched": 1, "unknown": 3, "not_sent": 2}, statusCounts(t, dir)); diff != "" {
		t.Error(diff)
	}
	balancedSummary(t, dir, 6)
	w.truthful(t, dir)
	w.finishes(t, dir)
}

// A signal while everybody waits, out of a hold that COR asked for, ends the
// waiting at once: nothing is open.
func TestSignalEndsWaiting(t *testing.T) {
	setCredentials(t)
	w := newCrashWorld(t, signalInput, `{"faults": [{"user": "U2", "attempts": [1], "status": 429, "retry_after": 250}]}`)
	cmd, wait := w.startImport(t)
	wait("throttled")
	start := time.Now()
	okay(t, cmd.Process.Signal(syscall.SIGTERM))
	if code := wait(""); code != pipeline.ExitSignal+int(syscall.SIGTERM) {
		t.Errorf("exit %d", code)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the wait went on for %v", took)
	}
	dir := w.runDir(t)
	balancedSummary(t, dir, 6)
	w.truthful(t, dir)
	w.finishes(t, dir)
}
