// Package monitor tells those who are not there how a real run goes: by a ping and
// by metrics.
package monitor

import (
	"context"
	"fmt"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// Monitor tells how one run goes.
type Monitor struct {
	file  string  // of the metrics; "" for none
	ping  *pinger // nil when nobody is pinged
	job   string
	began time.Time
}

// New checks the file for metrics and the URL to ping, "" for none each: what is
// wrong with them is found before a run begins. An error is a *pipeline.Failure.
// job is "" for a run that belongs to none; agent is the User-Agent of the pings.
func New(file, pingURL, job, agent string) (*Monitor, error) {
	m := &Monitor{file: file, job: job, began: time.Now()}
	if pingURL != "" {
		ping, err := newPinger(pingURL, agent)
		if err != nil {
			return nil, pipeline.Usage("give the URL of the check as its service shows it, such as https://hc-ping.com/UUID", "--ping-url: %w", err)
		}
		m.ping = ping
	}
	if file != "" {
		if err := checkMetrics(file, job); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Start says that the run begins. It does not wait for an answer. ctx ends at the
// first signal.
func (m *Monitor) Start(ctx context.Context) {
	if m.ping != nil {
		m.ping.start(ctx)
	}
}

// End writes the metrics and pings, and returns what failed, for warnings. stopped
// ends at the first signal, cut at the second. s is nil for a run that came to no
// report.
func (m *Monitor) End(stopped, cut context.Context, code int, reason string, s *report.Summary) []error {
	var failed []error
	told := metrics{job: m.job, end: time.Now(), duration: time.Since(m.began), code: code, run: s}
	if m.file != "" && code != pipeline.ExitLocked { // the other run is going to write them
		if err := told.write(m.file); err != nil {
			failed = append(failed, fmt.Errorf("no metrics are written: %w", err))
		}
	}
	if m.ping != nil {
		for _, err := range m.ping.end(stopped, cut, code, m.body(code, reason, s)) {
			failed = append(failed, fmt.Errorf("--ping-url: %w", err))
		}
	}
	return failed
}

// body tells people how the run ended, in a line or two.
func (m *Monitor) body(code int, reason string, s *report.Summary) string {
	text := fmt.Sprintf("exit %d: %s\n", code, pipeline.Show(reason))
	if s != nil {
		text += pipeline.Show(fmt.Sprintf("run %s of job %q: rows %d = %v; %d requests in %d attempts, %d throttled",
			s.RunID, m.job, s.Rows.Total(), s.Rows, s.Requests, s.Attempts, s.Throttled)) + "\n"
	}
	return text
}
