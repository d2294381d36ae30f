package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// TestObey: the first signal drains, the second cuts short and leaves a moment, the
// third ends at once.
func TestObey(t *testing.T) {
	for name, c := range map[string]struct {
		signals []time.Duration // when they come
		done    time.Duration   // when the command has ended by itself; 0 = never
		want    []string
	}{
		"none":          {nil, time.Second, nil},
		"one":           {[]time.Duration{time.Second}, 9 * time.Second, []string{"1s drain"}},
		"two":           {[]time.Duration{time.Second, 5 * time.Second}, 6 * time.Second, []string{"1s drain", "5s cut"}},
		"two, it hangs": {[]time.Duration{time.Second, 5 * time.Second}, 0, []string{"1s drain", "5s cut", "7s exit 143"}},
		"three":         {[]time.Duration{time.Second, 5 * time.Second, 5500 * time.Millisecond}, 0, []string{"1s drain", "5s cut", "5.5s exit 143"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				began := time.Now()
				note := func(format string, args ...any) {
					got = append(got, fmt.Sprint(time.Since(began), " ", fmt.Sprintf(format, args...)))
				}
				signals := make(chan os.Signal, 3)
				go func() {
					for _, at := range c.signals {
						time.Sleep(at - time.Since(began))
						signals <- syscall.SIGTERM
					}
					if c.done > 0 {
						time.Sleep(c.done - time.Since(began))
						close(signals)
					}
				}()
				if first, forced := obey(signals, func(pipeline.Stop) { note("drain") }, func(error) { note("cut") }); forced {
					note("exit %d", pipeline.ExitSignal+first.Signal)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A pipe that nobody reads keeps no signal from working: the first one ends the run
// with its reports, and the lock is free again.
func TestSignalWithAStuckPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be asked to stop there")
	}
	setCredentials(t)
	var input strings.Builder
	input.WriteString("user_id,workspace_id,percentage,source\n")
	for i := range 3000 {
		fmt.Fprintf(&input, "U%d,W1,5,SAP\n", i)
	}
	w := newCrashWorld(t, input.String(), "")
	cmd, _ := crashProcess(crashNever, w.args("import", w.file, "--log-level", "debug")...)
	read, write, err := os.Pipe()
	okay(t, err)
	defer read.Close()
	cmd.Stdout, cmd.Stderr = write, write
	okay(t, cmd.Start())
	okay(t, write.Close())
	<-w.arrived
	for sent := -1; len(w.Requests()) != sent; time.Sleep(300 * time.Millisecond) { // until the pipe is full
		sent = len(w.Requests())
	}
	if sent := len(w.Requests()); sent == 3000 {
		t.Fatal("the pipe took everything")
	}
	began := time.Now()
	okay(t, cmd.Process.Signal(syscall.SIGTERM))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != pipeline.ExitSignal+int(syscall.SIGTERM) || time.Since(began) > 15*time.Second {
		t.Fatalf("exit %d after %v", code, time.Since(began))
	}
	balancedSummary(t, w.runDir(t), 3000)
	if got := runHere(w.args("resume", w.runDir(t))...); got.code != pipeline.ExitDone {
		t.Errorf("resume: exit %d: %s", got.code, got.stderr)
	}
}
