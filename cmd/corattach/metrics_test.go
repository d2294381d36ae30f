package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"corattach/pipeline"
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

// known are the gauges that do not depend on the time.
func known(t *testing.T, path string) map[string]float64 {
	t.Helper()
	content, err := os.ReadFile(path)
	okay(t, err)
	values := gauges(t, content, "default")
	for _, name := range []string{"last_success_timestamp_seconds", "run_end_timestamp_seconds"} {
		at, found := values[name]
		if age := time.Since(time.UnixMilli(int64(at * 1000))); !found || at != 0 && (age < -time.Second || age > time.Minute) {
			t.Errorf("%s: %v", name, at)
		}
	}
	if took := values["run_duration_seconds"]; took <= 0 || took > 60 {
		t.Errorf("run_duration_seconds %v", took)
	}
	if values["last_success_timestamp_seconds"] > 0 {
		values["succeeded"] = 1
	}
	for _, name := range []string{"last_success_timestamp_seconds", "run_end_timestamp_seconds", "run_duration_seconds"} {
		delete(values, name)
	}
	return values
}

// lintMetrics asks promtool, where there is one.
func lintMetrics(t *testing.T, path string) {
	t.Helper()
	promtool := tool(t, "promtool", "prometheus")
	if promtool == "" {
		return
	}
	content, err := os.ReadFile(path)
	okay(t, err)
	lint := exec.Command(promtool, "check", "metrics")
	lint.Stdin = bytes.NewReader(content)
	if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// tool finds a program of a Debian package; "" where it is not there, which CI
// does not pass over.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Errorf("%s is not there: .ci/run installs it with the package %s", name, pkg)
	}
	t.Logf("%s is not there, a check is left out", name)
	return ""
}

// TestMetrics follows one job's file from night to night.
func TestMetrics(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	okay(t, os.WriteFile("bad.csv", []byte(smallInput+"U3,W1,half,SAP\nU1,W2,99,SAP\n"), 0o600))
	okay(t, os.WriteFile("page.csv", []byte("<html>"), 0o600))
	okay(t, os.Mkdir("prom", 0o755))
	const file = "prom/corattach.prom"
	night := func(want map[string]float64, command string) {
		t.Helper()
		got := runHere(strings.Fields(command + " --metrics-file " + file)...)
		if got.code != int(want["run_exit_code"]) {
			t.Fatalf("%s: exit %d: %s", command, got.code, got.stderr)
		}
		if diff := cmp.Diff(want, known(t, file)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", command, diff)
		}
		lintMetrics(t, file)
		names, err := filepath.Glob("prom/*")
		okay(t, err)
		hidden, err := filepath.Glob("prom/.*")
		okay(t, err)
		if len(names) != 1 || len(hidden) != 0 {
			t.Errorf("%s leaves %v %v", command, names, hidden)
		}
	}
	counts := func(code int, rows map[pipeline.Status]float64, more map[string]float64) map[string]float64 {
		want := map[string]float64{"run_exit_code": float64(code), "run_info": 1, "run_balanced": 1}
		for _, name := range []string{"resumable_rows", "users", "requests", "attempts", "retries", "throttles", "over_allocated_users", "extras", "vanished_pairs", "same_input", "warnings"} {
			want["run_"+name] = 0
		}
		for _, status := range pipeline.Statuses() {
			want["run_rows "+string(status)] = rows[status]
		}
		for name, value := range more {
			want[name] = value
		}
		return want
	}
	night(map[string]float64{"run_exit_code": pipeline.ExitUsage}, "import --simulate gone.csv")
	night(counts(pipeline.ExitRows, map[pipeline.Status]float64{pipeline.Matched: 3, pipeline.Invalid: 1}, map[string]float64{
		"run_users": 3, "run_requests": 2, "run_attempts": 2, "run_over_allocated_users": 1, "run_warnings": 1,
	}), "import --simulate --rate 0 --max-invalid off bad.csv")
	good := counts(pipeline.ExitDone, map[pipeline.Status]float64{pipeline.Matched: 2}, map[string]float64{
		"run_users": 2, "run_requests": 2, "run_attempts": 2, "succeeded": 1,
	})
	night(good, "import --simulate --rate 0 good.csv")
	same := maps.Clone(good)
	same["run_same_input"], same["run_warnings"] = 1, 1
	night(same, "import --simulate --rate 0 good.csv")
	info, err := os.Stat(file)
	okay(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v: the collector could not read it", info.Mode())
	}

	// What comes to nothing keeps the time of the success, and claims no counts.
	before := successOf(t, file)
	night(map[string]float64{"run_exit_code": pipeline.ExitRefused, "succeeded": 1}, "import --simulate page.csv")
	night(counts(pipeline.ExitRefused, map[pipeline.Status]float64{pipeline.NotSent: 3, pipeline.Invalid: 1}, map[string]float64{
		"run_users": 3, "run_over_allocated_users": 1, "run_warnings": 1, "succeeded": 1,
	}), "import --simulate --max-invalid 0 bad.csv")
	if after := successOf(t, file); after != before {
		t.Errorf("the last success was %v and is told as %v", before, after)
	}

	// Neither does what is no run, nor what another run is going to write.
	want, err := os.ReadFile(file)
	okay(t, err)
	release := lockRuns(t, "runs")
	locked := runHere("import", "--simulate", "--metrics-file", file, "good.csv")
	release()
	dry := runHere("import", "--dry-run", "--metrics-file", file, "good.csv")
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) || locked.code != pipeline.ExitLocked || dry.code != pipeline.ExitDone {
		t.Errorf("exit %d and %d, %v:\n%s", locked.code, dry.code, err, got)
	}
}

// TestMetricsOfAResume: a resumed run is told as a whole, its retries counted.
func TestMetricsOfAResume(t *testing.T) {
	t.Parallel()
	w := newCrashWorld(t, smallInput, `{"faults": [{"user": "U1", "attempts": [1, 2], "status": 500}, {"user": "U2", "attempts": [1], "status": 429}]}`)
	file := filepath.Join(t.TempDir(), "corattach.prom")
	got := runHere(w.args("import", w.file, "--retries", "0", "--metrics-file", file)...)
	first := known(t, file)
	if got.code != pipeline.ExitRows || first["run_rows unknown"] != 1 || first["run_resumable_rows"] != 1 || first["run_throttles"] != 1 || first["run_retries"] != 1 || first["succeeded"] != 0 {
		t.Fatalf("exit %d, %v: %s", got.code, first, got.stderr)
	}
	got = runHere(w.args("resume", w.runDir(t), "--retries", "1")...) // it remembers the file
	then := known(t, file)
	if got.code != pipeline.ExitDone || then["run_rows matched"] != 2 || then["run_attempts"] != 5 || then["run_retries"] != 3 || then["succeeded"] != 1 || then["run_resumable_rows"] != 0 {
		t.Errorf("exit %d, %v: %s", got.code, then, got.stderr)
	}
}

// What can't be written is found before anything is sent, and what is not ours
// is not overwritten.
func TestMetricsFileRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	okay(t, os.WriteFile("other.prom", []byte("node_up 1\n"), 0o600))
	okay(t, os.WriteFile("job.prom", []byte("corattach_last_success_timestamp_seconds{import_job=\"payroll\"} 0\n"), 0o600))
	okay(t, os.WriteFile("damaged.prom", []byte("corattach_last_success_timestamp_seconds{import_job=\"default\"} soon\n"), 0o600))
	okay(t, os.Mkdir("dir.prom", 0o700))
	for file, complaint := range map[string]string{
		"gone/x.prom": "no such file or directory", "good.csv/x.prom": "not a directory", "dir.prom": "is a directory",
		"other.prom": "holds no metrics of this program", "job.prom": `holds the metrics of another job than "default"`,
		"damaged.prom": `holds "soon" in place of a time`, "good.csv": `"good.csv" does not end in .prom`,
	} {
		var before fs.FileInfo
		before, _ = os.Stat(file)
		got := runHere("import", "--simulate", "--metrics-file", file, "good.csv")
		if got.code != pipeline.ExitUsage || !strings.Contains(got.stderr, complaint) || !strings.Contains(got.stderr, "hint: ") || there("runs") {
			t.Errorf("%s: exit %d: %s", file, got.code, got.stderr)
		}
		if after, _ := os.Stat(file); before != nil && !os.SameFile(before, after) {
			t.Errorf("%s is replaced", file)
		}
	}
	okay(t, os.WriteFile("empty.prom", nil, 0o600))
	if got := runHere("import", "--simulate", "--metrics-file", "empty.prom", "good.csv"); got.code != pipeline.ExitDone {
		t.Errorf("an empty file: exit %d: %s", got.code, got.stderr)
	}
}

// A file that can't be written at the end is a warning: the run is what it was.
func TestMetricsLost(t *testing.T) {
	setCredentials(t)
	w := newCrashWorld(t, smallInput, "")
	dir := filepath.Join(t.TempDir(), "prom")
	okay(t, os.Mkdir(dir, 0o700))
	go func() {
		<-w.arrived
		_ = os.Remove(dir)
	}()
	got := runHere(w.args("import", w.file, "--metrics-file", filepath.Join(dir, "x.prom"), "--workers", "1")...)
	if got.code != pipeline.ExitDone || !strings.Contains(got.stderr, "WRN no metrics are written: ") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}

// successOf is the time of the last success in a metrics file.
func successOf(t *testing.T, path string) float64 {
	t.Helper()
	content, err := os.ReadFile(path)
	okay(t, err)
	return gauges(t, content, "default")["last_success_timestamp_seconds"]
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lockRuns takes the lock of a runs directory, as another run would.
func lockRuns(t *testing.T, dir string) (release func()) {
	t.Helper()
	lock := flock.New(dir, flock.SetFlag(os.O_RDONLY))
	if held, err := lock.TryLock(); err != nil || !held {
		t.Fatalf("%v, %v", held, err)
	}
	return func() { okay(t, lock.Close()) }
}
