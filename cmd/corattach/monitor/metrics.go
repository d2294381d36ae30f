package monitor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
	"corattach/report/atomicfile"
)

const (
	metricPrefix  = "corattach_"
	successMetric = "last_success_timestamp_seconds"
)

// metrics are what the file for Prometheus tells of a job: its last run, and
// when one was successful last, in seconds since 1970. They are gauges, as nothing
// adds up over runs. The job's label is import_job: job is the name of a label that
// Prometheus sets itself when it scrapes. r is nil for a run that came to no report:
// its counts are not known.
//
// The format is written by hand: it is three kinds of lines, and the libraries
// that write it would make the program a fifth larger.
func (m *Monitor) metrics(success float64, end time.Time, code int, r *report.Summary) []byte {
	var b bytes.Buffer
	family := ""
	add := func(name, help string, value float64, labels string) { // labels beside the job's, each behind a comma
		if name != family {
			fmt.Fprintf(&b, "# HELP %s%s %s\n# TYPE %[1]s%[2]s gauge\n", metricPrefix, name, help)
		}
		family = name
		fmt.Fprintf(&b, "%s%s{import_job=%s%s} %s\n", metricPrefix, name, quote(m.job), labels, strconv.FormatFloat(value, 'f', -1, 64))
	}
	add(successMetric, "When the last run with exit code 0 ended; 0 when there was none.", success, "")
	add("run_end_timestamp_seconds", "When the last run ended, whatever its exit code.", seconds(end), "")
	add("run_duration_seconds", "How long the last run took; of a resumed run, the last session alone.", end.Sub(m.began).Seconds(), "")
	add("run_exit_code", "The exit code of the last run.", float64(code), "")
	if r == nil {
		return b.Bytes()
	}
	add("run_info", "Which run the counts are of.", 1, fmt.Sprintf(",run_id=%s,target=%s,version=%s", quote(r.RunID), quote(r.Target), quote(r.Version)))
	for _, status := range pipeline.Statuses() {
		add("run_rows", "Rows of the last run by their verdict.", float64(r.Rows[status]), ",status="+quote(string(status)))
	}
	truth := map[bool]float64{true: 1}
	add("run_resumable_rows", "Rows that corattach resume would send.", float64(r.Resumable), "")
	add("run_users", "Users in the input of the last run.", float64(r.Users), "")
	add("run_requests", "Requests of the last run that were attempted.", float64(r.Requests), "")
	add("run_attempts", "Sendings of the last run's requests.", float64(r.Attempts), "")
	add("run_retries", "Attempts after the first of their request, repairs among them.", float64(max(r.Attempts-r.Requests, 0)), "")
	add("run_throttles", "Attempts of the last run that COR answered with 429 or 503.", float64(r.Throttled), "")
	add("run_over_allocated_users", "Users of the last run above the allocation limit.", float64(r.OverAllocatedUsers), "")
	add("run_extras", "Pairs that COR returned and no row of the last run lists.", float64(r.Extras), "")
	add("run_vanished_pairs", "Pairs of the job's baselines that are attached and no longer in the input.", float64(r.Vanished), "")
	add("run_same_input", "1 when the input is byte for byte that of the job's latest import, 0 when it is another.", truth[r.SameInput], "")
	add("run_warnings", "Warnings of the last run.", float64(r.WarningsTotal), "")
	add("run_balanced", "1 when every row of the last run stands in the report once, 0 when the accounting is broken.", truth[r.Balanced], "")
	return b.Bytes()
}

// quote writes the value of a label.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(value, "\uFFFD")) + `"`
}

// seconds is a time as Prometheus counts it, to the millisecond.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// checkMetrics makes sure, as far as that can be known before, that the metrics
// of a job can be written to path at the end of the run.
func checkMetrics(path, job string) error {
	if filepath.Ext(path) != ".prom" {
		return pipeline.Usage("the textfile collector reads no other names", "--metrics-file: %q does not end in .prom", path)
	}
	if _, err := lastSuccess(path, job); err != nil {
		return pipeline.Usage("give each job a file of its own, and no file of another program", "--metrics-file: %w", err)
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".corattach-*.tmp")
	if err != nil {
		return pipeline.Usage("name a file in an existing directory that you can write to", "--metrics-file: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// writeMetrics puts the metrics of a run that ends now in the place of the job's
// earlier ones. A run without success keeps the time of the last one.
func (m *Monitor) writeMetrics(code int, r *report.Summary) error {
	success, err := lastSuccess(m.file, m.job)
	if err != nil {
		return err
	}
	end := time.Now()
	if code == pipeline.ExitDone {
		success = seconds(end)
	}
	return atomicfile.WriteFile(m.file, 0o644, m.metrics(success, end, code, r))
}

// lastSuccess reads the success of a job's metrics: 0 when the file does not exist yet,
// or is empty. A file that holds anything else is an error: it is not this program's,
// or another job's.
func lastSuccess(path, job string) (float64, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(content)) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, labels, ours := strings.Cut(string(content), metricPrefix+successMetric+"{import_job=")
	if !ours {
		return 0, fmt.Errorf("%s exists and holds no metrics of this program", path)
	}
	value, same := strings.CutPrefix(labels, quote(job)+"} ")
	if !same {
		return 0, fmt.Errorf("%s holds the metrics of another job than %q", path, job)
	}
	value, _, _ = strings.Cut(value, "\n")
	at, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, fmt.Errorf("%s holds %q in place of a time", path, value)
	}
	return at, nil
}
