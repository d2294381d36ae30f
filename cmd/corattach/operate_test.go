package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v4"

	"corattach/cmd/corattach/monitor"
	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
	sending "corattach/pipeline/send"
	"corattach/report"
)

// What samples has for running it for real is held to what can be checked of it
// without a machine that runs it: every command line to the grammar, every
// setting to the environment, every file to the tools of its kind.

// understood parses the words of a command as the program does and returns it.
func understood(t *testing.T, words []string) *cli {
	t.Helper()
	var grammar cli
	parser, err := kong.New(&grammar, append(parsers(), kong.Name("corattach"), kong.DefaultEnvars("CORATTACH"), kong.Bind(new(settings.Settings)), kong.Writers(io.Discard, io.Discard),
		kong.Exit(func(code int) { t.Errorf("%q ends with %d", words, code) }))...)
	okay(t, err)
	if len(words) == 0 || !strings.HasSuffix(words[0], "corattach") {
		t.Fatalf("%q is no command of corattach", words)
	}
	if _, err := parser.Parse(words[1:]); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	if grammar.Import.PingURL+grammar.Detach.PingURL+grammar.Resume.PingURL != "" {
		t.Errorf("%q shows the URL of the ping to whoever lists processes", words)
	}
	return &grammar
}

// settingsKnown requires that the names are credentials or settings of import.
func settingsKnown(t *testing.T, names ...string) {
	t.Helper()
	var grammar cli
	parser, err := kong.New(&grammar, append(parsers(), kong.DefaultEnvars("CORATTACH"))...)
	okay(t, err)
	known := []string{"COR_API_KEY", "COR_CLIENT_SECRET", "COR_ACCESS_TOKEN", "COR_API_KEY_FILE", "COR_CLIENT_SECRET_FILE"}
	for _, node := range parser.Model.Children {
		if node.Name == "import" {
			for _, flag := range node.Flags {
				known = append(known, flag.Envs...)
			}
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			t.Errorf("%s sets nothing", name)
		}
	}
	if len(names) < 2 {
		t.Errorf("%q are too few", names)
	}
}

func readSample(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(samplesDir, path))
	okay(t, err)
	return string(content)
}

// settled returns the lines of a sample that are no comments, and not blank.
func settled(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// night is a directory with what the samples expect of a machine: settings,
// environment, and where runs and metrics go.
type night struct{ dir string }

func newNight(t *testing.T, env string) night {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the samples are for Unix")
	}
	n := night{t.TempDir()}
	n.write(t, "/etc/corattach/"+env+".env", "CORATTACH_SIMULATE=true\nCORATTACH_RATE=0\nCORATTACH_RUNS_DIR="+n.dir+nightlyRuns+"\n")
	n.write(t, "/etc/corattach/nightly.yaml", readSample(t, "config/nightly.yaml"))
	n.write(t, "/var/lib/corattach/.keep", "")
	n.write(t, "/var/lib/prometheus/node-exporter/.keep", "")
	return n
}

func (n night) write(t *testing.T, name, content string) {
	t.Helper()
	okay(t, os.MkdirAll(filepath.Dir(n.dir+name), 0o700))
	okay(t, os.WriteFile(n.dir+name, []byte(content), 0o600))
}

// try runs a command of a sample in a shell, on the simulator, with all its paths
// below the directory, and requires exit code 0 and what became of the rows.
func (n night) try(t *testing.T, command, path, runs string, want map[pipeline.Status]int64) {
	t.Helper()
	program, err := exec.LookPath("corattach")
	okay(t, err)
	shell := exec.Command("sh", "-c", regexp.MustCompile(`/(etc|srv|var)/`).ReplaceAllString(command, n.dir+"/$1/"))
	shell.Env = append(bareEnv(), "PATH="+filepath.Dir(program)+":"+path)
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	total := int64(0)
	for _, rows := range want {
		total += rows
	}
	summary := balancedSummary(t, n.dir+runs+"/last", int(total))
	for status, rows := range want {
		if summary.Rows[status] != rows {
			t.Errorf("%s: %+v", command, summary.Rows)
		}
	}
}

// nights tries the import of a job's first night, which needs --accept-change, and of
// a second one, whose export lacks a pair.
func (n night) nights(t *testing.T, command, path, export, runs string) {
	t.Helper()
	whole := readSample(t, "nightly.csv")
	n.write(t, export, whole)
	n.try(t, strings.Replace(command, "corattach import", "corattach import --accept-change", 1), path, runs, map[pipeline.Status]int64{pipeline.Matched: 20})
	n.write(t, export, whole[:strings.LastIndex(strings.TrimSpace(whole), "\n")+1])
	n.try(t, command, path, runs, map[pipeline.Status]int64{pipeline.Unchanged: 19})
}

const nightlyRuns = "/var/lib/corattach/runs"

func TestCrontab(t *testing.T) {
	env := make(map[string]string)
	var commands []string
	for _, line := range settled(readSample(t, "cron/corattach.crontab")) {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.ContainsAny(name, " \t") {
			env[name] = strings.Trim(value, `"`)
			continue
		}
		fields := regexp.MustCompile(`\s+`).Split(line, 7)
		if len(fields) != 7 || fields[5] != "corattach" {
			t.Fatalf("%q is no line of /etc/cron.d", line)
		}
		if _, err := cron.ParseStandard(strings.Join(fields[:5], " ")); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if strings.Contains(strings.ReplaceAll(line, `\%`, ""), "%") {
			t.Errorf("%q: to cron, a %% is the end of the line", line)
		}
		_, command, found := strings.Cut(fields[6], "exec ")
		if !found {
			t.Fatalf("%q does not exec: the signals of a stop would end the shell", line)
		}
		understood(t, strings.Fields(command))
		commands = append(commands, fields[6])
	}
	if len(commands) != 2 || !slices.Contains(strings.Split(env["PATH"], ":"), "/usr/local/bin") || env["SHELL"] != "/bin/sh" || env["CORATTACH_QUIET"] != "true" {
		t.Fatalf("%q, environment %v", commands, env)
	}
	n := newNight(t, "corattach")
	n.nights(t, commands[0], env["PATH"], "/srv/export/staff.csv", nightlyRuns)
	n.try(t, commands[1], env["PATH"], nightlyRuns, map[pipeline.Status]int64{pipeline.Detached: 1})
	n.try(t, commands[1], env["PATH"], nightlyRuns, nil) // nothing has vanished
}

// unit reads a unit file: the values of each setting.
func unit(text string) map[string][]string {
	settings := make(map[string][]string)
	for _, line := range settled(text) {
		if name, value, ok := strings.Cut(line, "="); ok {
			settings[name] = append(settings[name], value)
		}
	}
	return settings
}

func TestSystemd(t *testing.T) {
	var names []string
	example := readSample(t, "systemd/corattach.env")
	for _, line := range settled(strings.ReplaceAll(example, "#CORATTACH_", "CORATTACH_")) {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	settingsKnown(t, names...)
	command := unitCommand(t, "corattach.service")
	n := newNight(t, "corattach")
	n.nights(t, command, os.Getenv("PATH"), "/srv/export/staff.csv", nightlyRuns)
	n.try(t, unitCommand(t, "corattach-detach.service"), os.Getenv("PATH"), nightlyRuns, map[pipeline.Status]int64{pipeline.Detached: 1})
	tenant := newNight(t, "acme")
	command = strings.ReplaceAll(unitCommand(t, "corattach@.service"), "%i", "acme")
	tenant.nights(t, command, os.Getenv("PATH"), "/srv/export/acme.csv", "/var/lib/corattach/acme/runs")
	for job, file := range map[string]string{
		"staff": n.dir + "/var/lib/prometheus/node-exporter/corattach.prom", "acme": tenant.dir + "/var/lib/prometheus/node-exporter/corattach-acme.prom",
	} {
		content, err := os.ReadFile(file)
		okay(t, err)
		if values := gauges(t, content, job); values["last_success_timestamp_seconds"] == 0 || values["run_rows unchanged"] != 19 {
			t.Errorf("%s: %v", file, values)
		}
	}
	analyzeUnits(t)
}

// unitCommand checks what a service is started with and how it is stopped, and
// returns the command with the environment of the unit, for a shell.
func unitCommand(t *testing.T, name string) string {
	t.Helper()
	service := unit(readSample(t, "systemd/"+name))
	one := func(setting string) string {
		if len(service[setting]) != 1 {
			t.Fatalf("%s: %s is set %d times", name, setting, len(service[setting]))
		}
		return service[setting][0]
	}
	command := one("ExecStart")
	got := understood(t, strings.Fields(command))
	timeout := max(got.Import.Timeout, got.Detach.Timeout)
	stop, err := time.ParseDuration(one("TimeoutStopSec"))
	if err != nil || stop < 2*time.Duration(timeout)+monitor.LimitStopped {
		t.Errorf("%s: TimeoutStopSec %v does not leave time to drain: %v", name, stop, err)
	}
	return "set -a && . " + one("EnvironmentFile") + " && exec " + command
}

// analyzeUnits has systemd look at the units.
func analyzeUnits(t *testing.T) {
	analyze := tool(t, "systemd-analyze", "systemd")
	if analyze == "" {
		return
	}
	program, err := exec.LookPath("corattach")
	okay(t, err)
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(samplesDir, "systemd/corattach*.[st]*"))
	okay(t, err)
	verify := []string{"verify"}
	scored := exec.Command(analyze, "security", "--help")
	help, err := scored.CombinedOutput()
	scores := err == nil && bytes.Contains(help, []byte("--offline"))
	for _, file := range files {
		name := filepath.Base(file)
		path := filepath.Join(dir, name)
		okay(t, os.WriteFile(path, []byte(strings.ReplaceAll(readSample(t, "systemd/"+name), "ExecStart=corattach", "ExecStart="+program)), 0o600))
		verify = append(verify, strings.ReplaceAll(path, "@", "@acme"))
		if !scores || filepath.Ext(name) != ".service" {
			continue
		}
		if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", path).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
		}
	}
	if len(verify) != 6 {
		t.Fatalf("%q", verify)
	}
	if out, err := exec.Command(analyze, verify...).CombinedOutput(); err != nil || bytes.Contains(out, []byte("corattach")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out) // it exits with 0 where it ignores what it does not know
	}
}

// podSpec is what is checked here of a pod. That every field exists and is of its
// type, .ci/kubernetes checks against the types of Kubernetes.
type podSpec struct {
	RestartPolicy string `yaml:"restartPolicy"`
	Grace         int    `yaml:"terminationGracePeriodSeconds"`
	Security      struct {
		NonRoot bool `yaml:"runAsNonRoot"`
		User    int  `yaml:"runAsUser"`
	} `yaml:"securityContext"`
	Containers []struct {
		Image string
		Args  []string
		Env   []struct {
			Name, Value string
			From        struct {
				Secret struct{ Name, Key string } `yaml:"secretKeyRef"`
				Field  struct{ Path string }      `yaml:"fieldRef"`
			} `yaml:"valueFrom"`
		}
		Mounts   []mount `yaml:"volumeMounts"`
		Security struct {
			ReadOnly bool `yaml:"readOnlyRootFilesystem"`
		} `yaml:"securityContext"`
	}
}

type mount struct {
	Path     string `yaml:"mountPath"`
	ReadOnly bool   `yaml:"readOnly"`
}

type jobSpec struct {
	Backoff  *int   `yaml:"backoffLimit"`
	Mode     string `yaml:"completionMode"`
	Deadline int    `yaml:"activeDeadlineSeconds"`
	Template struct{ Spec podSpec }
}

func TestKubernetes(t *testing.T) {
	for _, file := range []string{"cronjob.yaml", "resume-job.yaml", "tenants.yaml"} {
		decoder := yaml.NewDecoder(strings.NewReader(readSample(t, "kubernetes/"+file)))
		jobs := 0
		for {
			var document struct {
				Kind string
				Spec yaml.Node
			}
			err := decoder.Decode(&document)
			if errors.Is(err, io.EOF) {
				break
			}
			okay(t, err)
			var job jobSpec
			switch document.Kind {
			case "CronJob":
				var spec struct {
					Schedule    string
					Concurrency string                 `yaml:"concurrencyPolicy"`
					Job         struct{ Spec jobSpec } `yaml:"jobTemplate"`
				}
				okay(t, document.Spec.Decode(&spec))
				if _, err := cron.ParseStandard(spec.Schedule); err != nil || spec.Concurrency != "Forbid" {
					t.Errorf("%s: schedule %q, %v, concurrency %q", file, spec.Schedule, err, spec.Concurrency)
				}
				job = spec.Job.Spec
			case "Job":
				okay(t, document.Spec.Decode(&job))
			default:
				continue
			}
			jobs++
			job.check(t, file)
		}
		if jobs != 1 {
			t.Errorf("%s has %d jobs", file, jobs)
		}
	}
}

func (j jobSpec) check(t *testing.T, file string) {
	t.Helper()
	pod := j.Template.Spec
	if len(pod.Containers) != 1 || (j.Backoff == nil || *j.Backoff != 0) != (j.Mode == "Indexed") || pod.RestartPolicy != "Never" || !pod.Security.NonRoot || pod.Security.User == 0 {
		t.Fatalf("%s: %+v", file, j)
	}
	c := pod.Containers[0]
	got := understood(t, append([]string{"corattach"}, c.Args...))
	send, runs := &got.Import.runFlags, got.Import.RunsDir
	if c.Args[0] == "resume" {
		send, runs = &got.Resume.runFlags, got.Resume.RunsDir
	}
	var settings sending.Settings
	fill(&settings, send)
	if grace := time.Duration(pod.Grace) * time.Second; grace < 2*settings.Timeout+monitor.LimitStopped {
		t.Errorf("%s: %v leave no time to drain", file, grace)
	}
	if limit := time.Duration(j.Deadline) * time.Second; settings.MaxDuration == 0 || limit < settings.MaxDuration+10*time.Minute {
		t.Errorf("%s: the deadline of %v comes before the end by --max-duration", file, limit)
	}
	var names []string
	for _, e := range c.Env {
		if e.Name == "TENANT" {
			continue
		}
		names = append(names, e.Name)
		if !strings.HasPrefix(e.Value, "/secrets/$(TENANT).") && (e.From.Secret.Name == "" || e.From.Secret.Key == "") {
			t.Errorf("%s: %s does not come from a secret", file, e.Name)
		}
	}
	settingsKnown(t, names...)
	writable := slices.ContainsFunc(c.Mounts, func(m mount) bool { return !m.ReadOnly && strings.HasPrefix(string(runs), m.Path+"/") })
	if !c.Security.ReadOnly || !writable {
		t.Errorf("%s: %s must be writable, and nothing else", file, runs)
	}
	if !strings.Contains(readSample(t, "docker/Dockerfile"), " -t "+c.Image+" ") {
		t.Errorf("%s: the Dockerfile does not say how %s is made", file, c.Image)
	}
}

// TestDockerfile builds the program with the line of the Dockerfile, from what
// the Dockerfile copies and nothing else.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(readSample(t, "docker/Dockerfile"), "\\\n", "")
	root, err := filepath.Abs("../..")
	okay(t, err)
	src, out := t.TempDir(), t.TempDir()
	var stages, copied []string
	last := make(map[string]string)
	build := ""
	for _, line := range settled(text) {
		word, rest, _ := strings.Cut(line, " ")
		fields := strings.Fields(rest)
		switch word {
		case "FROM":
			stages = append(stages, fields[0])
			last = make(map[string]string)
		case "COPY":
			if strings.HasPrefix(rest, "--from=") {
				if !strings.HasPrefix(rest, "--from=build ") {
					t.Errorf("%q: no such stage", line)
				}
				copied = append(copied, fields[len(fields)-2])
				continue
			}
			for _, name := range fields[:len(fields)-1] {
				if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
					okay(t, os.CopyFS(filepath.Join(src, name), os.DirFS(filepath.Join(root, name))))
				} else {
					content, err := os.ReadFile(filepath.Join(root, name))
					okay(t, err)
					okay(t, os.WriteFile(filepath.Join(src, name), content, 0o600))
				}
			}
		case "RUN":
			if strings.Contains(rest, "go build") {
				build = rest
			}
		case "ARG", "LABEL", "WORKDIR", "USER", "VOLUME", "ENTRYPOINT", "CMD":
			last[word] = rest
		default:
			t.Errorf("%q: no instruction", line)
		}
	}
	module, err := os.ReadFile("../../go.mod")
	okay(t, err)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if diff := cmp.Diff([]string{"golang:" + string(version[1]), "scratch"}, stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/etc/ssl/certs/ca-certificates.crt", "/out/corattach", "/out/data"}, copied); diff != "" {
		t.Errorf("in the image (-want +got):\n%s", diff)
	}
	if last["USER"] != "65532:65532" || last["ENTRYPOINT"] != `["/corattach"]` || last["WORKDIR"] != last["VOLUME"] {
		t.Errorf("the image is run as %v", last)
	}
	if runtime.GOOS != "linux" || testing.Short() {
		t.Skip("the program is not built")
	}
	shell := exec.Command("sh", "-c", strings.ReplaceAll(build, "/out/", out+"/"))
	shell.Dir = src
	shell.Env = append(os.Environ(), "VERSION=1.2.3", "GOFLAGS=-buildvcs=false")
	if said, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, said)
	}
	program := filepath.Join(out, "corattach")
	said, err := exec.Command(program, "version").Output()
	if err != nil || !strings.HasPrefix(string(said), "corattach 1.2.3 ") {
		t.Errorf("version: %q, %v", said, err)
	}
	image, err := elf.Open(program)
	okay(t, err)
	defer image.Close()
	for _, p := range image.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Error("the program is not static: an empty image can't run it")
		}
	}
}

// TestAlerts: every metric of the rules is one that is written, and every rule
// is tried.
func TestAlerts(t *testing.T) {
	t.Parallel()
	rules := readSample(t, "alerts/corattach.rules.yml")
	file := filepath.Join(t.TempDir(), "j.prom")
	m, err := monitor.New(file, "", "j", "")
	okay(t, err)
	if failed := m.End(t.Context(), t.Context(), pipeline.ExitDone, "", new(report.Summary)); failed != nil {
		t.Fatal(failed)
	}
	content, err := os.ReadFile(file)
	okay(t, err)
	everything := string(content)
	for _, name := range regexp.MustCompile(`corattach_\w+`).FindAllString(rules, -1) {
		if !strings.Contains(everything, "\n"+name+"{") {
			t.Errorf("no metric is named %s", name)
		}
	}
	trials := readSample(t, "alerts/corattach.rules.test.yml")
	alerts := regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	for _, alert := range alerts {
		if !regexp.MustCompile(`alertname: ` + alert[1] + `\n\s+exp_alerts`).MatchString(trials) {
			t.Errorf("no trial has %s fire", alert[1])
		}
	}
	if len(alerts) < 8 {
		t.Fatalf("%d alerts", len(alerts))
	}
	promtool := tool(t, "promtool", "prometheus")
	if promtool == "" {
		return
	}
	for _, args := range [][]string{{"check", "rules", "corattach.rules.yml"}, {"test", "rules", "corattach.rules.test.yml"}} {
		command := exec.Command(promtool, args...)
		command.Dir = filepath.Join(samplesDir, "alerts")
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
