package monitor

import (
	"bytes"
	"fmt"
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
	endMetric     = "run_end_timestamp_seconds"
)

// encode returns the content of the file.
func (m *metrics) encode() []byte {
	var b bytes.Buffer
	one := func(name, help string, value float64) { family(&b, name, help, series{m.label(), value}) }
	one(successMetric, "When the last run with exit code 0 ended; 0 when there was none.", seconds(m.success))
	one(endMetric, "When the last run ended, whatever its exit code.", seconds(m.end))
	one("run_duration_seconds", "How long the last run took; of a resumed run, the last session alone.", m.duration.Seconds())
	one("run_exit_code", "The exit code of the last run.", float64(m.code))
	if m.run == nil {
		return b.Bytes()
	}
	r := m.run
	info := fmt.Sprintf("%s,run_id=%s,target=%s,version=%s", m.label(), quote(r.RunID), quote(r.Target), quote(r.Version))
	family(&b, "run_info", "Which run the counts are of.", series{info, 1})
	var rows []series
	for _, status := range pipeline.Statuses() {
		rows = append(rows, series{m.label() + ",status=" + quote(string(status)), float64(r.Rows.ByStatus[status])})
	}
	family(&b, "run_rows", "Rows of the last run by their verdict.", rows...)
	one("run_resumable_rows", "Rows that corattach resume would send.", float64(r.Resumable))
	one("run_users", "Users in the input of the last run.", float64(r.Users))
	one("run_requests", "Requests of the last run that were attempted.", float64(r.Requests))
	one("run_attempts", "Sendings of the last run's requests.", float64(r.Attempts))
	one("run_retries", "Attempts after the first of their request, repairs among them.", float64(max(r.Attempts-r.Requests, 0)))
	one("run_throttles", "Attempts of the last run that COR answered with 429 or 503.", float64(r.Throttled))
	one("run_over_allocated_users", "Users of the last run above the allocation limit.", float64(r.OverAllocatedUsers))
	one("run_extras", "Pairs that COR returned and no row of the last run lists.", float64(r.Extras))
	one("run_vanished_pairs", "Pairs of the job's baselines that are attached and no longer in the input.", float64(r.Vanished))
	one("run_same_input", "1 when the input is byte for byte that of the job's latest import, 0 when it is another.", truthValue(r.SameInput))
	one("run_warnings", "Warnings of the last run.", float64(r.WarningsTotal))
	one("run_balanced", "1 when every row of the last run stands in the report once, 0 when the accounting is broken.", truthValue(r.Balanced))
	return b.Bytes()
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

func truthValue(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
