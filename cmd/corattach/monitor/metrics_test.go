package monitor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/report"
)

// gauges reads a metrics file with the parser of Prometheus' own libraries:
// every value, under its name and the labels that differ from run to run.
func gauges(t interface{ Fatal(...any) }, content []byte, job string) map[string]float64 {
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for name, f := range families {
		if f.GetType() != dto.MetricType_GAUGE || f.GetHelp() == "" {
			t.Fatal(name, "is no gauge with a help text")
		}
		for _, m := range f.Metric {
			key := strings.TrimPrefix(name, "corattach_")
			for _, l := range m.Label {
				switch {
				case l.GetName() == "import_job" && l.GetValue() != job:
					t.Fatal(name, "is of job", l.GetValue())
				case l.GetName() == "status":
					key += " " + l.GetValue()
				}
			}
			values[key] = m.Gauge.GetValue()
		}
	}
	return values
}

// TestMetricsProperty: whatever a job and a target are called, the parser of
// Prometheus reads what was meant, and the next run finds the last success.
func TestMetricsProperty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.prom")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a\"b", `a\nb`, "a\nb", `\`, "ü", "", "\r", "} 5"}))
		end, code := time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "end")), rapid.IntRange(0, 143).Draw(t, "code")
		m := Monitor{job: text.Draw(t, "job"), began: end.Add(-time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "took")))}
		r := &report.Summary{About: report.About{Target: text.Draw(t, "target"), RunID: "r", Version: "v"}}
		matched := rapid.Int64Range(0, 1e12).Draw(t, "matched")
		r.Rows = report.Counts{pipeline.Matched: matched}
		success := 0.0
		if rapid.Bool().Draw(t, "once") {
			success = seconds(time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "success")))
		}
		content := m.metrics(success, end, code, r)
		values := gauges(t, content, m.job)
		if values["run_rows matched"] != float64(matched) || values["run_exit_code"] != float64(code) {
			t.Fatalf("%v\n%s", values, content)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := lastSuccess(path, m.job); err != nil || got != success {
			t.Fatalf("%v, %v, want %v\n%s", got, err, success, content)
		}
		if other := text.Draw(t, "other job"); other != m.job {
			if got, err := lastSuccess(path, other); err == nil {
				t.Fatal(fmt.Sprintf("the file of %q is taken for that of %q: %v", m.job, other, got))
			}
		}
	})
}
