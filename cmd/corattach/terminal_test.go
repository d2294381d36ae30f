package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestColours runs the program on a terminal and beside one: escapes are for a
// terminal alone, and not where they are unwanted.
func TestColours(t *testing.T) {
	t.Parallel()
	const logged, bar = "\x1b[", "sending"
	for name, test := range map[string]struct {
		env     []string
		flags   []string
		piped   bool // standard error is a file
		colours bool
		bar     bool
	}{
		"a terminal":        {env: []string{"TERM=xterm"}, colours: true, bar: true},
		"TERM is not known": {colours: true, bar: true},
		"NO_COLOR":          {env: []string{"TERM=xterm", "NO_COLOR=1"}, bar: true},
		"NO_COLOR=0":        {env: []string{"TERM=xterm", "NO_COLOR=0"}, bar: true}, // whatever its value
		"NO_COLOR is blank": {env: []string{"TERM=xterm", "NO_COLOR="}, colours: true, bar: true},
		"dumb":              {env: []string{"TERM=dumb"}},
		"dumb, with a bar":  {env: []string{"TERM=dumb"}, flags: []string{"--progress", "always"}, bar: true},
		"no bar":            {env: []string{"TERM=xterm"}, flags: []string{"--progress", "never"}, colours: true},
		"JSON":              {env: []string{"TERM=xterm"}, flags: []string{"--log-format", "json"}, bar: true},
		"a file":            {env: []string{"TERM=xterm"}, piped: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			input := filepath.Join(dir, "staff.csv")
			if err := os.WriteFile(input, []byte("user_id,workspace_id,percentage,source\nU1,W1,60,SAP\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.Command("corattach", append([]string{"import", "--simulate", input}, test.flags...)...)
			command.Dir, command.Env = dir, append(bareEnv(), test.env...)
			var file bytes.Buffer
			if test.piped {
				command.Stderr = &file
			}
			screen, err := pty.StartWithSize(command, &pty.Winsize{Rows: 24, Cols: 120})
			if errors.Is(err, pty.ErrUnsupported) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			shown, _ := io.ReadAll(screen) // ends in an error when the program is gone
			if err := command.Wait(); err != nil {
				t.Fatalf("%v: %s", err, shown)
			}
			said := string(shown)
			if test.piped {
				said = file.String()
			}
			if !regexp.MustCompile(`1 matched|"matched":1`).Match(shown) || !strings.Contains(said, "exit 0: ") {
				t.Fatalf("no run: %q", said)
			}
			if got := strings.Contains(said, logged); got != test.colours {
				t.Errorf("colours: %v, want %v: %q", got, test.colours, said)
			}
			if strings.Contains(string(shown), "(1/1)run") {
				t.Errorf("the result stands behind the bar: %q", shown)
			}
			if got := strings.Contains(said, "\r"+bar); got != test.bar {
				t.Errorf("a bar: %v, want %v: %q", got, test.bar, said)
			}
		})
	}
}
