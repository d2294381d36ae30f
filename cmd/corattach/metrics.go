package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// metrics are what the file for Prometheus tells of a job: its last run, and
// when one was successful last. They are gauges, as nothing adds up over runs.
// The job's label is import_job: job is the name of a label that Prometheus sets
// itself when it scrapes.
//
// The format is written by hand: it is three kinds of lines, and the libraries
// that write it would make the program a fifth larger.
type metrics struct {
	job      string
	success  time.Time // the end of the last run with exit code 0; zero when there was none
	end      time.Time
	duration time.Duration
	code     int
	run      *report.Summary // nil for a run that came to no report: its counts are not known
}

const (
	metricPrefix  = "corattach_"
	successMetric = "last_success_timestamp_seconds"
)

// encode returns the content of the file.
func (m *metrics) encode() []byte {
	var b bytes.Buffer
	one := func(name, help string, value float64) { family(&b, name, help, series{m.label(), value}) }
	one(successMetric, "When the last run with exit code 0 ended; 0 when there was none.", seconds(m.success))
	one("run_end_timestamp_seconds", "When the last run ended, whatever its exit code.", seconds(m.end))
	one("run_duration_seconds", "How long the last run took; of a resumed run, the last session alone.", m.duration.Seconds())
	one("run_exit_code", "The exit code of the last run.", float64(m.code))
	if m.run == nil {
		return b.Bytes()
	}
	r := m.run
	info := fmt.Sprintf("%s,run_id=%s,target=%s,version=%s", m.label(), quote(r.RunID), quote(r.Target), quote(r.Version))
	family(&b, "run_info", "Which run the counts are of.", series{info, 1})
	var rows []series
	for status, n := range r.Rows.ByStatus() {
		rows = append(rows, series{m.label() + ",status=" + quote(pipeline.Status(status).String()), float64(n)})
	}
	family(&b, "run_rows", "Rows of the last run by their verdict.", rows...)
	one("run_resumable_rows", "Rows that corattach resume would send.", float64(r.Resumable))
	one("run_users", "Users in the input of the last run.", float64(r.Users))
	one("run_requests", "Requests of the last run that were attempted.", float64(r.Requests))
	one("run_attempts", "Sendings of the last run's requests.", float64(r.Attempts))
	one("run_retries", "Attempts after the first of their request, repairs among them.", float64(max(r.Attempts-r.Requests, 0)))
	one("run_throttles", "Attempts of the last run that COR answered with 429 or 503.", float64(r.Throttled))
	one("run_over_allocated_users", "Users of the last run above the allocation limit.", float64(r.OverAllocatedUsers))
	one("run_warnings", "Warnings of the last run.", float64(r.WarningsTotal))
	balanced := 0.0
	if r.Balanced {
		balanced = 1
	}
	one("run_balanced", "1 when every row of the last run stands in the report once, 0 when the accounting is broken.", balanced)
	return b.Bytes()
}

// text tells people the same in two lines, without anything of the input.
func (m *metrics) text() string {
	text := fmt.Sprintf("exit %d: %s\n", m.code, meaning(m.code))
	if r := m.run; r != nil {
		text += fmt.Sprintf("run %s of job %s: rows %d%s; %s in %s, %d throttled\n", r.RunID, m.job,
			r.Rows.Total, rowCounts(r.Rows), count(r.Requests, "request"), count(r.Attempts, "attempt"), r.Throttled)
	}
	return text
}

func (m *metrics) label() string { return "import_job=" + quote(m.job) }

// series is one line: its labels as they are written, and its value.
type series struct {
	labels string
	value  float64
}

func family(b *bytes.Buffer, name, help string, lines ...series) {
	fmt.Fprintf(b, "# HELP %s%s %s\n# TYPE %s%s gauge\n", metricPrefix, name, help, metricPrefix, name)
	for _, s := range lines {
		fmt.Fprintf(b, "%s%s{%s} %s\n", metricPrefix, name, s.labels, strconv.FormatFloat(s.value, 'f', -1, 64))
	}
}

// quote writes the value of a label.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(value, "\uFFFD")) + `"`
}

// seconds is a time as Prometheus counts it, to the millisecond; 0 for the zero
// time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// checkMetrics makes sure, as far as that can be known before, that the metrics
// of a job can be written to path at the end of the run.
func checkMetrics(path, job string) error {
	if filepath.Ext(path) != ".prom" {
		return usage("the textfile collector reads no other names", "--metrics-file: %q does not end in .prom", path)
	}
	if _, err := lastSuccess(path, job); err != nil {
		return usage("give each job a file of its own, and no file of another program", "--metrics-file: %w", err)
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".corattach-*.tmp")
	if err != nil {
		return usage("name a file in a directory that is there and can be written", "--metrics-file: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// writeMetrics puts m in the place of the job's metrics. A run without success
// keeps the time of the last one.
func writeMetrics(path string, m metrics) error {
	var err error
	if m.success, err = lastSuccess(path, m.job); err != nil {
		return err
	}
	if m.code == exitDone {
		m.success = m.end
	}
	return report.WriteFile(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(m.encode())
		return err
	})
}

// maxMetrics bounds what is read of a file that may be anything, in bytes.
const maxMetrics = 1 << 20

// lastSuccess reads when the job had its last success: zero when there is no
// file yet, or an empty one. A file that holds anything else is an error: it is
// not this program's, or another job's.
func lastSuccess(path, job string) (time.Time, error) {
	var never time.Time
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return never, fmt.Errorf("%s is no file that could be replaced", path)
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return never, nil
	}
	if err != nil {
		return never, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxMetrics))
	if err != nil {
		return never, err
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return never, nil
	}
	for line := range strings.Lines(string(content)) {
		labels, found := strings.CutPrefix(strings.TrimSpace(line), metricPrefix+successMetric+"{")
		if !found {
			continue
		}
		value, ours := strings.CutPrefix(labels, (&metrics{job: job}).label()+"} ")
		if !ours {
			return never, fmt.Errorf("%s holds the metrics of another job than %q", path, job)
		}
		at, err := strconv.ParseFloat(value, 64)
		if err != nil || at < 0 || at > 1e11 {
			return never, fmt.Errorf("%s holds %q in place of the time of the last success", path, value)
		}
		if at == 0 {
			return never, nil
		}
		return time.UnixMilli(int64(at*1000 + 0.5)), nil
	}
	return never, fmt.Errorf("%s is there, and holds no metrics of this program", path)
}
