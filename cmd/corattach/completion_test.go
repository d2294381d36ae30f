package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"corattach/cmd/corattach/completion"
	"corattach/pipeline/runs"
)

// TestComplete holds what is offered for a line to what kong's model has there.
func TestComplete(t *testing.T) {
	root := newParser(t).Model.Node
	list := func(dir string) []completion.Suggestion {
		return []completion.Suggestion{{Text: "last"}, {Text: "20261123T031500Z-ab12cd"}, {Text: "in-" + dir}}
	}
	for line, want := range map[string]string{
		"im":                                "words import",
		"auth ":                             "words check",
		"auth check --tok":                  "words --token-file",
		"help re":                           "words resume report",
		"nonsense ver":                      "words version",
		"import --max-w":                    "words --max-wait",
		"import --config":                   "words --config",
		"import ":                           "files",
		"import a.csv b":                    "files",
		"import - ":                         "files",
		"import -- --dry":                   "files",
		"import --log-format ":              "words auto console json",
		"import --log-format c":             "words console",
		"import --log-format=":              "words --log-format=auto --log-format=console --log-format=json",
		"import --log-format=j":             "words --log-format=json",
		"import --dry-run ":                 "files",
		"import --rate ":                    "words",
		"import --rate 5 ":                  "files",
		"import --token-file ":              "files",
		"import --token-file=":              "files",
		"import --config ":                  "files",
		"import --runs-dir ":                "directories",
		"import --nonsense=":                "words",
		"simulate --known ":                 "files",
		"resume ":                           "words last 20261123T031500Z-ab12cd in-runs",
		"resume 2":                          "words 20261123T031500Z-ab12cd",
		"resume --runs-dir elsewhere in":    "words in-elsewhere",
		"resume --runs-dir=elsewhere in":    "words in-elsewhere",
		"resume runs/":                      "directories",
		"resume last ":                      "words",
		"report l":                          "words last",
		"completion ":                       "words bash zsh fish",
		"--config night.yaml import --dry-": "words --dry-run",
		"__":                                "words",
		"version ":                          "words",
	} {
		text, words := completion.Complete(root, strings.Split(line, " "), list)
		for _, w := range words {
			text += " " + w.Text
		}
		if diff := gocmp.Diff(want, text); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}

// shellDrivers are programs for the shells. Each completes the words it is given
// with a script, and prints one candidate a line, and what the shell was told
// beside that.
func shellDrivers() map[string]string {
	return map[string]string{
		"bash": `
			complete() { :; }
			compopt() { echo "$@"; }
			source "$0"
			COMP_WORDS=(corattach "$@")
			COMP_CWORD=$#
			_corattach
			printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `
			compdef() { :; }
			compset() { print -r -- compset "$@"; }
			_files() { print -r -- files "$@"; }
			_describe() { print -rl -- "${(@P)3}"; }
			source "$0"
			words=(corattach "$@")
			CURRENT=$#words
			_corattach`,
		"fish": `
			source $argv[1]
			complete -C "corattach $argv[2..-1]"`,
	}
}

// completed is a line and what its shell makes of it.
type completed struct{ line, want string }

func shellCases() map[string][]completed {
	return map[string][]completed{
		"bash": {
			{"im", "import"},
			{"import --log-f", "--log-format"},
			{"import --log-format c", "console"},
			{"import --log-format = j", "json"},
			{"import --log-format =", "auto console json"},
			{"import --token-file = a", "-o default"},
			{"import --base-url http : //x --log-format = c", "console"},
			{"import --runs-dir ru", "-o dirnames -o filenames"},
			{"import ", "-o default"},
			{"resume ", "last 20261123T031500Z-ab12cd"},
			{"import --rate ", ""},
		},
		"zsh": {
			{"im", "import:Read, check, group, send, reconcile and report."},
			{"import --log-format c", "console"},
			{"import --log-format=j", "--log-format=json"},
			{"import --token-file=a", "compset -P --[^=]#= files"},
			{"import --runs-dir ru", "compset -P --[^=]#= files -/"},
			{"resume ", "last:the newest real run 20261123T031500Z-ab12cd"},
			{"import --max-wait", `--max-wait:How long to go on without a usable answer, before the run ends as unavailable.`},
			{"import --rate ", ""},
		},
		"fish": {
			{"im", "import\tRead, check, group, send, reconcile and report."},
			{"import --log-format c", "console"},
			{"import --log-format=j", "--log-format=json"},
			{"import --token-file=sta", "--token-file=staff.csv"},
			{"import sta", "staff.csv"},
			{"import --runs-dir ru", "runs/"},
			{"import --runs-dir=ru", "--runs-dir=runs/"},
			{"resume ", "last\tthe newest real run 20261123T031500Z-ab12cd"},
			{"import --rate ", ""},
		},
	}
}

// TestCompletionScripts has each shell read its script and complete lines with
// it. A shell that is not there is left out, unless TEST_SHELLS asks for all.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := filepath.Join(dir, "runs", "20261123T031500Z-ab12cd")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"staff.csv": "", filepath.Join("runs", run[len(run)-23:], runs.JournalFile): ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Base(run), filepath.Join(dir, "runs", "last")); err != nil {
		if runtime.GOOS != "windows" { // links can always be made elsewhere
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for shell, driver := range shellDrivers() {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				if os.Getenv("TEST_SHELLS") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			completeLines(t, shell, driver, dir)
		})
	}
}

// completeLines holds a shell to its cases, in a directory with a run.
func completeLines(t *testing.T, shell, driver, dir string) {
	script := filepath.Join(dir, "corattach."+shell)
	content, err := exec.Command("corattach", "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(shell, "-n", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range shellCases()[shell] {
		args := append([]string{"-c", driver, script}, strings.Split(c.line, " ")...)
		command := exec.Command(shell, args...)
		command.Dir, command.Env = dir, append(bareEnv(), "HOME="+dir)
		out, err := command.CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		got := strings.Join(lines, " ")
		if got != c.want || err != nil {
			t.Errorf("%s\n got %q, %v\nwant %q", c.line, got, err, c.want)
		}
	}
}
