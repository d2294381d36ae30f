package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/cmd/corattach/console"
	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs"
)

// newTestApp is a program that has come as far as its command.
func newTestApp(stderr io.Writer) *app {
	return &app{ctx: nil, console: console.New(io.Discard, stderr, nil)}
}

// What people type from habit, or by mistake, gets an answer that says what to do.
func TestMistypedCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("staff.csv", []byte(smallInput), 0o600))
	for args, want := range map[string]string{
		"run staff.csv":              "hint: corattach --help lists what there is\nexit 2: unexpected argument run, did you mean \"runs\"?\n",
		"staff.csv":                  "hint: corattach --help lists what there is\nexit 2: unexpected argument staff.csv\n",
		"import -v staff.csv":        "hint: flags have two dashes, such as --dry-run\nexit 2: unknown flag -v\n",
		"import -dry-run staff.csv":  "hint: flags have two dashes, such as --dry-run\nexit 2: unknown flag -d\n",
		"import --token=x staff.csv": "hint: credentials do not belong on a command line: " + credentialsHint + "\nexit 2: unknown flag --token, did you mean \"--token-file\"?\n",
		"import":                     "hint: name CSV files; - is standard input\nexit 2: no input file is given\n",
		"auth":                       "hint: corattach auth --help lists what there is\nexit 2: corattach auth needs \"check\"\n",
	} {
		if got := runHere(strings.Fields(args)...); got.code != pipeline.ExitUsage || got.stderr != want || got.stdout != "" {
			t.Errorf("%s: exit %d\n%s\nwant\n%s", args, got.code, got.stderr, want)
		}
	}
	for _, args := range []string{"-v", "--version", "version"} {
		if got := runHere(args); got.code != pipeline.ExitDone || !strings.HasPrefix(got.stdout, "corattach ") || got.stderr != "" {
			t.Errorf("%s: exit %d: %s%s", args, got.code, got.stdout, got.stderr)
		}
	}
}

// A variable that no flag answers to is warned about, once.
func TestStrangeVariableWarns(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("staff.csv", []byte(smallInput), 0o600))
	t.Setenv("CORATTACH_RTAE", "5")
	t.Setenv("CORATTACH_JOB", " ")
	got := runHere("import", "--dry-run", "staff.csv")
	if n := strings.Count(got.stderr, "no flag answers to CORATTACH_RTAE (did you mean CORATTACH_RATE?): ignored"); got.code != pipeline.ExitDone || n != 1 {
		t.Errorf("exit %d, %d warnings: %s", got.code, n, got.stderr)
	}
	if got := runHere("version"); got.stderr != "" {
		t.Errorf("version warns: %s", got.stderr)
	}
}

// With --quiet a run that ends with 0 says nothing at all, any other one says what
// it says without.
func TestQuiet(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	okay(t, os.WriteFile("bad.csv", []byte(smallInput+"U3,W1,half,SAP\n"), 0o600))
	if got := runHere("import", "--simulate", "--rate", "0", "--quiet", "good.csv"); got.code != pipeline.ExitDone || got.stdout+got.stderr != "" {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	got := runHere("import", "--simulate", "--rate", "0", "--quiet", "--max-invalid", "off", "bad.csv")
	if got.code != pipeline.ExitRows || !strings.Contains(got.stdout, "2 matched") || !strings.HasPrefix(lastLine(got.stderr), "exit 4: 1 row invalid") {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	if got := runHere("import", "--simulate", "--quiet", "nowhere.csv"); got.code != pipeline.ExitUsage || !strings.HasPrefix(lastLine(got.stderr), "exit 2: ") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}

// With JSON logs every line of both streams is JSON, whatever happens.
func TestJSONEverywhere(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	okay(t, os.WriteFile("bad.csv", []byte(smallInput+"U3,W1,half,SAP\n"), 0o600))
	for _, args := range []string{
		"import --simulate --rate 0 good.csv", "import --simulate --rate 0 bad.csv", "import --simulate nowhere.csv", "import --dry-run good.csv",
		"import --frobnicate", "resume nothing", "runs", "", "report last", "explain last U1", "explain last nobody",
	} {
		got := runHere(append(strings.Fields(args), "--log-format", "json")...)
		lines := strings.Split(strings.TrimSuffix(got.stdout+got.stderr, "\n"), "\n")
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: no JSON: %s", args, line)
			}
		}
		var last struct {
			ExitCode *int     `json:"exit_code"`
			Reason   string   `json:"reason"`
			Next     []string `json:"next"`
		}
		okay(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
		if last.ExitCode == nil || *last.ExitCode != got.code || last.Reason == "" || last.Next == nil {
			t.Errorf("%s: exit %d, and the last line is %s", args, got.code, lines[len(lines)-1])
		}
	}
}

// A panic anywhere ends with exit code 1, a last line, metrics and a ping.
func TestPanicIsTold(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	m, url := newMonitor(t)
	for _, format := range []string{"console", "json"} {
		var out, errs bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, journalFile: func(journal.File) journal.File { panic("a \x1b fault") }}
		code := a.run([]string{"import", "--simulate", "--log-format", format, "--metrics-file", "x.prom", "--ping-url", url, "good.csv"})
		if want := `internal error: a \x1b fault`; code != pipeline.ExitInternal || format == "console" && lastLine(errs.String()) != "exit 1: "+want {
			t.Errorf("exit %d: %s", code, &errs)
		}
		if diff := cmp.Diff([]string{"/start", `/fail  exit 1: internal error: a \x1b fault`}, m.take(t)); diff != "" {
			t.Errorf("the ping (-want +got):\n%s", diff)
		}
		if values := known(t, "x.prom"); values["run_exit_code"] != 1 {
			t.Errorf("the metrics: %v", values)
		}
		for line := range strings.Lines(errs.String()) {
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	}
}

func TestRunsLists(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	if got := runHere("runs", "--json"); got.code != pipeline.ExitDone || got.stdout != "[]\n" {
		t.Errorf("no runs: exit %d: %s", got.code, got.stdout)
	}
	for _, args := range [][]string{{"--simulate", "--rate", "0"}, {"--dry-run"}} {
		if got := runHere(append(append([]string{"import"}, args...), "good.csv")...); got.code != pipeline.ExitDone {
			t.Fatalf("exit %d: %s", got.code, got.stderr)
		}
	}
	var all []runs.Info
	okay(t, json.Unmarshal([]byte(runHere("runs", "--json").stdout), &all))
	if len(all) != 2 || all[0].DryRun == all[1].DryRun || all[0].Rows.Total() != 2 || all[0].Exit == nil || all[0].Command != "import" {
		t.Errorf("%+v", all)
	}
	got := runHere("runs")
	if lines := strings.Split(got.stdout, "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "RUN ") || !strings.Contains(got.stdout, "import --dry-run") ||
		!strings.Contains(got.stdout, "2 = 2 matched\n") || lastLine(got.stderr) != "exit 0: 2 runs in runs" {
		t.Errorf("%s%s", got.stdout, got.stderr)
	}
}

// A resume goes on with the flags of the last session; those given now outrank
// them, and they outrank environment and file.
func TestResumeInherits(t *testing.T) {
	setCredentials(t)
	w := newCrashWorld(t, smallInput, `{"faults": [{"user": "U1", "attempts": [1, 2, 3], "cut": "after"}]}`)
	prom := filepath.Join(t.TempDir(), "x.prom")
	got := runHere("import", w.file, "--base-url", w.url, "--auth-url", w.url+"/v1", "--runs-dir", w.runs, "--rate", "0", "--workers", "2",
		"--retries", "0", "--metrics-file", prom, "--max-duration", "1h", "--repair")
	if got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	t.Setenv("CORATTACH_RETRIES", "7")
	t.Setenv("CORATTACH_BURST", "3")
	t.Setenv("CORATTACH_MAX_INVALID", "1%") // a resume asks for it on its command line alone
	t.Setenv("CORATTACH_BASE_URL", "https://cor.example")
	if got := runHere("resume", w.runDir(t), "--workers", "1"); got.code != pipeline.ExitRows {
		t.Fatalf("resume: exit %d: %s", got.code, got.stderr)
	}
	log, err := journal.Read(filepath.Join(w.runDir(t), runs.JournalFile))
	okay(t, err)
	okay(t, log.Close())
	words := log.Sessions[len(log.Sessions)-1].Flags
	want := []string{"--workers=1", "--burst=3", "--rate=0", "--retries=0", "--metrics-file=" + prom, "--max-duration=1h0m0s", "--repair"}
	for _, word := range want {
		if !strings.Contains(" "+strings.Join(words, " ")+" ", " "+word+" ") {
			t.Errorf("%s is not among the flags of the session: %q", word, words)
		}
	}
	if values := known(t, prom); values["run_attempts"] != 3 {
		t.Errorf("the metrics are not written again: %v", values)
	}
	if got := runHere("resume", w.runDir(t), "--max-invalid", "1%"); got.code != pipeline.ExitUsage ||
		lastLine(got.stderr) != "exit 2: the run was made with --max-invalid=10%, and --max-invalid=1% is given" {
		t.Errorf("another setting: exit %d: %s", got.code, got.stderr)
	}
	if got := runHere("resume", w.runDir(t), "--base-url", "http://127.0.0.1:1"); got.code != pipeline.ExitUsage {
		t.Errorf("another target: exit %d: %s", got.code, got.stderr)
	}
}
