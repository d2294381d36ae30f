package monitor

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
	"corattach/report/atomicfile"
)

// checkMetrics makes sure, as far as that can be known before, that the metrics
// of a job can be written to path at the end of the run, and that no other file
// in the directory has them.
func checkMetrics(path, job string) error {
	if filepath.Ext(path) != ".prom" {
		return usage("the textfile collector reads no other names", "--metrics-file: %q does not end in .prom", path)
	}
	if _, err := metricsBefore(path, job); err != nil {
		return usage("give each job a file of its own, and no file of another program", "--metrics-file: %w", err)
	}
	if twin := otherMetrics(path, job); twin != "" {
		return usage("write to that file, or delete it: Prometheus refuses one series from two files", "--metrics-file: %s has the metrics of job %q already", twin, job)
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".corattach-*.tmp")
	if err != nil {
		return usage("name a file in an existing directory that you can write to", "--metrics-file: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// otherMetrics finds another file beside path that holds the metrics of the job;
// "" when there is none.
func otherMetrics(path, job string) string {
	own, _ := os.Stat(path)
	beside, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.prom"))
	for _, other := range beside {
		info, err := os.Stat(other)
		if err != nil || !info.Mode().IsRegular() || filepath.Base(other) == filepath.Base(path) || own != nil && os.SameFile(own, info) {
			continue
		}
		content, _ := readMetrics(other)
		if _, found, err := gauge(content, successMetric, job); found && err == nil {
			return other
		}
	}
	return ""
}

// writeMetrics puts m in the place of the job's metrics. A run without success
// keeps the time of the last one; what a later run has written stays.
func writeMetrics(path string, m metrics) error {
	before, err := metricsBefore(path, m.job)
	if err != nil || before.end.After(m.end) {
		return err
	}
	m.success = before.success
	if m.code == pipeline.ExitDone {
		m.success = m.end
	}
	return atomicfile.WriteFile(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(m.encode())
		return err
	})
}

// earlier is what a metrics file says of earlier runs of its job; zero times when
// there was none.
type earlier struct {
	success time.Time
	end     time.Time
}

// metricsBefore reads a job's file: nothing when it does not exist yet, or is
// empty. A file that holds anything else is an error: it is not this program's,
// or another job's.
func metricsBefore(path, job string) (earlier, error) {
	var none earlier
	content, err := readMetrics(path)
	if err != nil || len(bytes.TrimSpace(content)) == 0 {
		return none, err
	}
	success, found, err := gauge(content, successMetric, job)
	switch {
	case err != nil:
		return none, fmt.Errorf("%s %w", path, err)
	case !found:
		return none, fmt.Errorf("%s exists and holds no metrics of this program", path)
	}
	end, _, err := gauge(content, endMetric, job)
	if err != nil {
		return none, fmt.Errorf("%s %w", path, err)
	}
	return earlier{success, end}, nil
}

// maxMetrics bounds what is read of a file that may be anything, in bytes.
const maxMetrics = 1 << 20

// readMetrics reads a file; nil when it does not exist.
func readMetrics(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxMetrics))
}

// gauge finds a time among the metrics of a job; the zero time for 0. The metric
// of another job is an error.
func gauge(content []byte, name, job string) (at time.Time, found bool, err error) {
	for line := range strings.Lines(string(content)) {
		labels, is := strings.CutPrefix(strings.TrimSpace(line), metricPrefix+name+"{")
		if !is {
			continue
		}
		value, ours := strings.CutPrefix(labels, (&metrics{job: job}).label()+"} ")
		if !ours {
			return at, true, fmt.Errorf("holds the metrics of another job than %q", job)
		}
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil || !(seconds >= 0 && seconds <= 1e11) {
			return at, true, fmt.Errorf("holds %q in place of a time", value)
		}
		if seconds > 0 {
			at = time.UnixMilli(int64(seconds*1000 + 0.5))
		}
		return at, true, nil
	}
	return at, false, nil
}
