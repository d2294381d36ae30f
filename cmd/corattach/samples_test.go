package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const samplesDir = "../../samples"

// sample is a part of the samples' page: commands, and what it says of each.
type sample struct {
	title    string
	simulate string   // what is given to corattach simulate; "" for the simulator inside the process
	commands []string // for a shell
	claims   []claim  // one for each command
}

// claim is what the page says of a command: "2 matched + 1 held, exit 4".
type claim struct {
	verdicts string
	code     int
}

var (
	commandBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	shownCommand = regexp.MustCompile(`^\./corattach (import|explain|diff) `)
	claimText    = regexp.MustCompile(`\*\*([^*]+), exit (\d+)\*\*`)
	rowsLine     = regexp.MustCompile(`(?m)^(?:rows|pairs) +\d+(?: = (.*))?$`)
)

// readSamples takes the page apart. Whatever it does not understand fails the
// test: a command that is not run could say anything.
func readSamples(t *testing.T, page string) []sample {
	var samples []sample
	for _, part := range strings.Split(page, "\n### ")[1:] {
		part, _, _ = strings.Cut(part, "\n## ")
		title, text, _ := strings.Cut(part, "\n")
		s := sample{title: title}
		for _, block := range commandBlock.FindAllStringSubmatch(text, -1) {
			for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
				switch {
				case strings.HasPrefix(line, "./corattach simulate ") && s.simulate == "" && s.commands == nil:
					s.simulate = strings.TrimPrefix(line, "./corattach simulate ")
				case shownCommand.MatchString(line):
					s.commands = append(s.commands, line)
				default:
					t.Fatalf("%s: no test runs %q", title, line)
				}
			}
		}
		for _, said := range claimText.FindAllStringSubmatch(text, -1) {
			code, err := strconv.Atoi(said[2])
			if err != nil {
				t.Fatal(err)
			}
			s.claims = append(s.claims, claim{said[1], code})
		}
		if len(s.claims) == 0 || len(s.claims) != len(s.commands) {
			t.Fatalf("%s: %d commands, %d statements of what they come to", title, len(s.commands), len(s.claims))
		}
		samples = append(samples, s)
	}
	return samples
}

// TestSamples runs every command of samples/README.md and holds the page to
// what it says.
func TestSamples(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(samplesDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	samples := readSamples(t, string(page))
	if len(samples) < 40 {
		t.Fatalf("the page has only %d samples", len(samples))
	}
	for _, s := range samples {
		t.Run(s.title, func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
}

// run runs the commands in a directory that looks like the top of the
// repository.
func (s sample) run(t *testing.T) {
	dir := t.TempDir()
	program, err := exec.LookPath("corattach")
	if err != nil {
		t.Fatal(err)
	}
	samples, err := filepath.Abs(samplesDir)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"corattach": program, "samples": samples} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	env := bareEnv()
	if s.simulate != "" {
		url, simulator, err := serveSimulator(dir, strings.Fields(s.simulate))
		if err != nil {
			t.Fatal(err)
		}
		defer simulator.end()
		env = append(env, "COR_API_KEY=any", "COR_CLIENT_SECRET=any", "CORATTACH_BASE_URL="+url, "CORATTACH_AUTH_URL="+url+"/v1")
	}
	for i, command := range s.commands {
		if got := runCommand(t, dir, env, command); got != s.claims[i] {
			t.Errorf("%s\ncomes to  %+v\nthe page says %+v", command, got, s.claims[i])
		}
	}
}

// runCommand runs a command in a shell and returns what it comes to.
func runCommand(t *testing.T, dir string, env []string, command string) claim {
	var out, complaint bytes.Buffer
	shell := exec.Command("sh", "-c", command)
	shell.Dir, shell.Env, shell.Stdout, shell.Stderr = dir, env, &out, &complaint
	err := shell.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	got := claim{"no report", shell.ProcessState.ExitCode()}
	if rows := rowsLine.FindStringSubmatch(out.String()); rows != nil {
		got.verdicts = rows[1]
		if rows[1] == "" {
			got.verdicts = "no rows"
		}
	}
	last, code := lastLine(complaint.String()), fmt.Sprintf("exit %d: ", got.code)
	if !strings.HasPrefix(last, code) && !(strings.HasPrefix(last, "{") && strings.Contains(last, `"message":"`+code)) {
		t.Errorf("%s: the last line on standard error is %q", command, last)
	}
	t.Logf("%s\n%s%s", command, out.String(), complaint.String())
	return got
}

// TestSamplesAreOnThePage requires that the page has a command for every file of
// the samples.
func TestSamplesAreOnThePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(samplesDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := ""
	for _, block := range commandBlock.FindAllString(string(page), -1) {
		commands += block
	}
	for _, pattern := range []string{"*.csv", "*.csv.gz", "*.tsv", "faults/*", "config/*"} {
		files, err := filepath.Glob(filepath.Join(samplesDir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", pattern, err, len(files))
		}
		for _, file := range files {
			name, err := filepath.Rel(samplesDir, file)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`samples/` + regexp.QuoteMeta(filepath.ToSlash(name)) + `\s`).MatchString(commands) {
				t.Errorf("samples/%s is in no command of the page", name)
			}
		}
	}
}

// TestBenchScript runs the measurements on few rows: they go on working.
func TestBenchScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	script := exec.Command("bash", filepath.Join(samplesDir, "bench", "run"), "10000")
	script.Env = append(os.Environ(), "ROUNDS=1")
	out, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`encoding/csv, reading only +10000 +\d`, `corattach import --dry-run, every report +10000 +\d`, `from \.gz +10000 +\d`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no line like %s in\n%s", want, out)
		}
	}
}
