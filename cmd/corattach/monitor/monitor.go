// Package monitor tells those who are not there how a real run goes: by a ping and
// by metrics.
package monitor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// Monitor tells how one run goes.
type Monitor struct {
	file   string // of the metrics; "" for none
	job    string
	began  time.Time
	check  *url.URL // that is pinged, with its rid; nil for none
	agent  string   // the User-Agent of the pings
	client *http.Client

	starting sync.WaitGroup // for the first ping
	unheard  error          // what came of it
}

// New checks the file for metrics and the URL to ping, "" for none each: what is
// wrong with them is found before a run begins. An error is a *pipeline.Failure.
// job is "" for a run that belongs to none; agent is the User-Agent of the pings.
func New(file, pingURL, job, agent string) (*Monitor, error) {
	m := &Monitor{file: file, job: job, began: time.Now(), agent: agent}
	if pingURL != "" {
		if err := m.setCheck(pingURL); err != nil {
			return nil, pipeline.Usage("give the URL of the check as its service shows it, such as https://hc-ping.com/UUID", "--ping-url: %w", err)
		}
	}
	if file != "" {
		if err := checkMetrics(file, job); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Start says that the run begins. It does not wait for an answer: End does. ctx ends
// at the first signal.
func (m *Monitor) Start(ctx context.Context) {
	if m.check == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	m.starting.Go(func() {
		defer cancel()
		defer pipeline.Recover(&m.unheard)
		m.unheard = m.ping(ctx, "", "start")
	})
}

// End writes the metrics and pings, and returns what failed, for warnings. stopped
// ends at the first signal, cut at the second. s is nil for a run that came to no
// report.
func (m *Monitor) End(stopped, cut context.Context, code int, reason string, s *report.Summary) []error {
	var failed []error
	if m.file != "" && code != pipeline.ExitLocked { // the other run is going to write them
		if err := m.writeMetrics(code, s); err != nil {
			failed = append(failed, fmt.Errorf("no metrics are written: %w", err))
		}
	}
	if m.check == nil {
		return failed
	}
	m.starting.Wait() // the order of the pings matters to the service
	if m.unheard != nil && stopped.Err() == nil {
		failed = append(failed, fmt.Errorf("--ping-url: the start was not heard: %w", m.unheard))
	}
	limit := pingLimit
	if stopped.Err() != nil {
		limit = LimitStopped
	}
	ctx, cancel := context.WithTimeout(cut, limit)
	defer cancel()
	var below []string
	if code != pipeline.ExitDone {
		below = []string{"fail"}
	}
	text := fmt.Sprintf("exit %d: %s\n", code, pipeline.Show(reason))
	if s != nil {
		text += pipeline.Show(fmt.Sprintf("run %s of job %q: rows %d = %v; %d requests in %d attempts, %d throttled",
			s.RunID, m.job, s.Rows.Total(), s.Rows, s.Requests, s.Attempts, s.Throttled)) + "\n"
	}
	if err := m.ping(ctx, text, below...); err != nil {
		failed = append(failed, fmt.Errorf("--ping-url: the end was not heard: %w", err))
	}
	return failed
}
