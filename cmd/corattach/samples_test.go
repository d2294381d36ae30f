package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	samplesDir = "../../samples"

	// shownURL is where the pages say that the simulator is.
	shownURL = "http://127.0.0.1:8089"
)

// scene is a part of a page: commands that are run one after another in one
// directory, and what the page says of them.
type scene struct {
	title    string
	simulate string // what corattach simulate is given; "-" when the scene has no simulator
	steps    []step
	claims   []claim // one for each command that reports rows; none where the page has no such statements
}

// step is a line of a page's commands.
type step struct {
	line   string
	output string // that the page shows; "" for none
}

// claim is what the samples' page says of a command: "2 matched + 1 held, exit 4".
type claim struct {
	verdicts string
	code     int
}

var (
	fencedBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	claimText   = regexp.MustCompile(`\*\*([^*]+), exit (\d+)\*\*`)
	rowsLine    = regexp.MustCompile(`(?m)^(?:rows|pairs) +\d+(?: = (.*))?$`)
	exitLine    = regexp.MustCompile(`(?m)^exit (\d+): `)
)

// readScene takes a part of a page apart.
func readScene(t *testing.T, title, text string) scene {
	s := scene{title: title, simulate: "-"}
	for _, block := range fencedBlock.FindAllStringSubmatch(text, -1) {
		switch lang, content := block[1], block[2]; lang {
		case "sh":
			for _, line := range strings.Split(strings.TrimSpace(content), "\n") {
				if given, found := strings.CutPrefix(line, "corattach simulate"); found {
					s.simulate = given
				} else if line != "" {
					s.steps = append(s.steps, step{line: line})
				}
			}
		case "text":
			if len(s.steps) == 0 {
				t.Fatalf("%s: output before the first command", title)
			}
			s.steps[len(s.steps)-1].output = content
		}
	}
	for _, said := range claimText.FindAllStringSubmatch(text, -1) {
		code, err := strconv.Atoi(said[2])
		if err != nil {
			t.Fatal(err)
		}
		s.claims = append(s.claims, claim{said[1], code})
	}
	return s
}

func readPage(t *testing.T, path string) string {
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestSamples runs every command of samples/README.md and holds the page to
// what it says.
func TestSamples(t *testing.T) {
	page := readPage(t, filepath.Join(samplesDir, "README.md"))
	parts := strings.Split(page, "\n### ")[1:]
	if len(parts) < 60 {
		t.Fatalf("the page has only %d samples", len(parts))
	}
	for _, part := range parts {
		part, _, _ = strings.Cut(part, "\n## ")
		title, text, _ := strings.Cut(part, "\n")
		s := readScene(t, title, text)
		if len(s.claims) == 0 || len(s.claims) != len(s.reporting()) {
			t.Fatalf("%s: %d commands, %d statements of what they come to", title, len(s.reporting()), len(s.claims))
		}
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			s.run(t, s.place(t))
		})
	}
}

// TestPages runs every command of the other pages, and compares what the pages
// show with what is printed.
func TestPages(t *testing.T) {
	for _, path := range []string{"README.md", "samples/operate.md", "report/README.md", "cmd/corattach/README.md"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			page := readPage(t, filepath.Join("../..", path))
			s := readScene(t, path, page)
			dir := s.place(t)
			for lang, name := range map[string]string{"csv": "staff.csv", "yaml": "night.yaml"} {
				if block := regexp.MustCompile("(?ms)^```" + lang + "\n(.*?)^```$").FindStringSubmatch(page); block != nil {
					okay(t, os.WriteFile(filepath.Join(dir, name), []byte(block[1]), 0o600))
				}
			}
			s.simulate = "" // for commands that send to COR
			s.run(t, dir)
		})
	}
}

// reporting are the commands of a scene that say what became of rows.
func (s scene) reporting() (commands []string) {
	for _, step := range s.steps {
		if regexp.MustCompile(`^corattach (import|detach|resume|explain|diff) `).MatchString(step.line) {
			commands = append(commands, step.line)
		}
	}
	return commands
}

// place returns a directory that looks like the top of the repository.
func (s scene) place(t *testing.T) string {
	dir := t.TempDir()
	samples, err := filepath.Abs(samplesDir)
	okay(t, err)
	okay(t, os.Symlink(samples, filepath.Join(dir, "samples")))
	return dir
}

// notRun are commands that the pages show and no test runs: they would build and
// test the whole again.
var notRun = regexp.MustCompile(`^go (install|test) |PATH=`)

// run runs the commands of a scene in dir.
func (s scene) run(t *testing.T, dir string) {
	bare, url := bareEnv(), ""
	cor := bare // where COR is the simulator
	if s.simulate != "-" {
		at, simulator, err := serveSimulator(dir, strings.Fields(s.simulate))
		okay(t, err)
		defer simulator.end()
		url = at
		cor = append(cor, "CORATTACH_BASE_URL="+url, "CORATTACH_AUTH_URL="+url+"/v1")
		if s.claims != nil { // the exports stand elsewhere on the samples' page
			cor = append(cor, "COR_API_KEY=any", "COR_CLIENT_SECRET=any")
		}
	}
	var exports string
	claims := s.claims
	for _, step := range s.steps {
		line := strings.ReplaceAll(strings.ReplaceAll(step.line, shownURL, url), "go run ./cmd/corattach", "corattach")
		switch {
		case notRun.MatchString(line):
			continue
		case strings.HasPrefix(line, "export "):
			exports += line + "\n"
			continue
		}
		env := cor
		if strings.Contains(line, " --simulate") || strings.HasPrefix(line, "corattach resume") {
			env = bare
		}
		got, printed := runCommand(t, dir, env, exports+line)
		want := claim{code: shownCode(step.output)}
		if claims != nil && strings.HasPrefix(line, "corattach ") {
			want, claims = claims[0], claims[1:]
		} else {
			got.verdicts = ""
		}
		if got != want {
			t.Errorf("%s\ncomes to  %+v\nthe page says %+v\n%s", step.line, got, want, printed)
		}
		if !shows(step.output, printed) {
			t.Errorf("%s\nprints\n%s\nthe page shows\n%s", step.line, printed, step.output)
		}
	}
}

// shownCode is the exit code in an output that a page shows, 0 without one.
func shownCode(output string) int {
	code := 0
	if shown := exitLine.FindStringSubmatch(output); shown != nil {
		code, _ = strconv.Atoi(shown[1])
	}
	return code
}

// varying is what differs from run to run.
var varying = regexp.MustCompile(`\d{8}T\d{6}Z-[0-9a-f]{6}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?|\d\d:\d\d:\d\d|\b[0-9.]+m?s\b`)

// shows reports whether a page shows what was printed. An ellipsis on the page
// stands for anything.
func shows(page, printed string) bool {
	if page == "" {
		return true
	}
	pattern := regexp.QuoteMeta(varying.ReplaceAllString(page, "~"))
	pattern = strings.ReplaceAll(strings.ReplaceAll(pattern, "…\n", "(?s:.*)"), "…", ".*")
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(varying.ReplaceAllString(printed, "~"))
}

// runCommand runs a command in a shell. It returns what it comes to and all that
// it prints.
func runCommand(t *testing.T, dir string, env []string, command string) (claim, string) {
	t.Helper()
	var out bytes.Buffer
	shell := exec.Command("sh", "-c", command)
	shell.Dir, shell.Env, shell.Stdout, shell.Stderr = dir, env, &out, &out
	err := shell.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	got := claim{"no report", shell.ProcessState.ExitCode()}
	if rows := rowsLine.FindStringSubmatch(out.String()); rows != nil {
		got.verdicts = rows[1]
		if rows[1] == "" {
			got.verdicts = "no rows"
		}
	}
	return got, out.String()
}

// TestSamplesAreOnThePage requires that the page has a command for every file of
// the samples.
func TestSamplesAreOnThePage(t *testing.T) {
	commands := ""
	for _, block := range fencedBlock.FindAllString(readPage(t, filepath.Join(samplesDir, "README.md")), -1) {
		commands += block
	}
	for _, pattern := range []string{"*.csv", "*.csv.gz", "*.tsv", "faults/*", "config/*"} {
		files, err := filepath.Glob(filepath.Join(samplesDir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", pattern, err, len(files))
		}
		for _, file := range files {
			name, err := filepath.Rel(samplesDir, file)
			okay(t, err)
			if !regexp.MustCompile(`samples/` + regexp.QuoteMeta(filepath.ToSlash(name)) + `\s`).MatchString(commands) {
				t.Errorf("samples/%s is in no command of the page", name)
			}
		}
	}
}

// TestLinks: every link of a page leads to a file, and to a heading of it.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	noLetter := regexp.MustCompile(`[^\w -]`)
	okay(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		for _, found := range link.FindAllStringSubmatch(readPage(t, path), -1) {
			target := path
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(path), found[1])
			}
			content, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			known := found[2] == ""
			for line := range strings.Lines(string(content)) {
				heading := noLetter.ReplaceAllString(strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#"))), "")
				known = known || strings.HasPrefix(line, "#") && strings.ReplaceAll(heading, " ", "-") == found[2]
			}
			if !known {
				t.Errorf("%s: %s has no heading %s", path, target, found[2])
			}
		}
		return nil
	}))
}

// TestReadme: a page that a new user reads to its end, with the lines that start
// the nights as they stand in the samples.
func TestReadme(t *testing.T) {
	page := readPage(t, "../../README.md")
	if n := strings.Count(page, "\n"); n > 160 {
		t.Errorf("%d lines", n)
	}
	crontab := readPage(t, filepath.Join(samplesDir, "cron/corattach.crontab"))
	lines := regexp.MustCompile("(?ms)^```crontab\n(.*?)^```$").FindStringSubmatch(page)
	if lines == nil || !strings.HasSuffix(crontab, "\n"+lines[1]) {
		t.Errorf("the README shows\n%v", lines)
	}
}

// TestReportPage: report/README.md has every file of a run, every column of its
// CSV files and every field of its summary.
func TestReportPage(t *testing.T) {
	page := readPage(t, "../../report/README.md")
	dir := scene{}.place(t)
	for _, command := range []string{
		"corattach import --dry-run samples/nightly.csv && mv runs/2* dry", "corattach import --simulate --rate 0 samples/nightly.csv",
	} {
		if got, printed := runCommand(t, dir, bareEnv(), command); got.code != 0 {
			t.Fatal(printed)
		}
	}
	var names []string
	for _, run := range []string{"dry", "runs/last/"} {
		entries, err := os.ReadDir(filepath.Join(dir, run))
		okay(t, err)
		for _, entry := range entries {
			if entry.IsDir() {
				names = append(names, entry.Name()+"/")
				continue
			}
			names = append(names, entry.Name())
			names = append(names, namesIn(t, filepath.Join(dir, run, entry.Name()))...)
		}
	}
	if len(names) < 60 {
		t.Fatalf("%q", names)
	}
	for _, name := range names {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("report/README.md says nothing of %s", name)
		}
	}
}

// namesIn are the columns or fields of a report.
func namesIn(t *testing.T, path string) (names []string) {
	content, err := os.ReadFile(path)
	okay(t, err)
	switch filepath.Ext(path) {
	case ".csv":
		names, err = csv.NewReader(bytes.NewReader(content)).Read()
		okay(t, err)
	case ".json":
		var fields map[string]any
		okay(t, json.Unmarshal(content, &fields))
		for name := range fields {
			names = append(names, name)
		}
	}
	return names
}

// TestBenchScript runs the measurements on few rows: they go on working.
func TestBenchScript(t *testing.T) {
	t.Parallel()
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
