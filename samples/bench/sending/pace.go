package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const latency = 50 * time.Millisecond

// pace shows, by the times at which requests arrive at the simulator, that the
// workers are busy while COR takes its time, and that a rate is kept.
func pace(program, dir string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if dir, err = os.MkdirTemp(dir, "pace-*"); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	const count = 2_000
	ideal := (count / workers * latency).Seconds()
	for _, name := range []string{"bare net/http client", "corattach import"} {
		arrived, err := arrivals(self, program, dir, count, name, "0")
		if err != nil {
			return err
		}
		took := arrived[len(arrived)-1].Sub(arrived[0]) + latency
		fmt.Printf("%-22s %d requests at %v each, %d workers: %.3f s, %.3f of the ideal %.2f s\n",
			name, count, latency, workers, took.Seconds(), took.Seconds()/ideal, ideal)
	}
	const rate, some = 50, 1_000
	arrived, err := arrivals(self, program, dir, some, "corattach import", strconv.Itoa(rate))
	if err != nil {
		return err
	}
	arrived = arrived[1:] // until the first is answered, the second waits: the credentials may be dead
	span := arrived[len(arrived)-1].Sub(arrived[0])
	fmt.Printf("%-22s --rate %d: %.2f requests per second, at most %d in any one second\n",
		"corattach import", rate, float64(len(arrived)-1)/span.Seconds(), mostInASecond(arrived))
	return nil
}

// arrivals returns when the requests of one client arrived at a new simulator, in
// order.
func arrivals(self, program, dir string, count int, name, rate string) ([]time.Time, error) {
	log := filepath.Join(dir, "arrivals.jsonl")
	for _, old := range []string{"arrivals.jsonl", "dry", "runs"} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return nil, err
		}
	}
	script := filepath.Join(dir, "slow.json")
	if err := os.WriteFile(script, fmt.Appendf(nil, `{"faults": [{"delay": %q}]}`, latency), 0o600); err != nil {
		return nil, err
	}
	url, stop, err := startServer(exec.Command(program, "simulate", "--addr", "127.0.0.1:0", "--script", script, "--log", log))
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := prepare(program, url, dir, count); err != nil {
		return nil, err
	}
	c := client{name, []string{self, "bare", "requests.jsonl"}}
	if name != "bare net/http client" {
		c.command = importCommand(program, url, rate)
	}
	if _, err := c.run(dir); err != nil {
		return nil, err
	}
	return attaches(log)
}

// attaches reads the times of the requests that a simulator has logged.
func attaches(log string) ([]time.Time, error) {
	content, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	for line := range bytes.Lines(content) {
		var r struct {
			Time     time.Time `json:"time"`
			Endpoint string    `json:"endpoint"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		if r.Endpoint == "attach" {
			times = append(times, r.Time)
		}
	}
	if len(times) < 2 {
		return nil, errors.New("nothing has arrived")
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
}

func mostInASecond(times []time.Time) int {
	most, first := 0, 0
	for i, t := range times {
		for t.Sub(times[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// startServer starts a server in a process of its own, which prints its URL.
func startServer(process *exec.Cmd) (url string, stop func(), err error) {
	out, err := process.StdoutPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, errors.New("the server does not start")
	}
	return strings.TrimSpace(line), stop, nil
}
