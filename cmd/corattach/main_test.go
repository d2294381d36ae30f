package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// update rewrites the expectations of the scripts: go test -run TestScripts -update.
var update = flag.Bool("update", false, "write what the program prints into the scripts of testdata")

// TestMain lets tests run the program itself: "corattach" is on PATH.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"corattach": program})
}

// suite are the tests, in a process that has credentials for all of them. They mostly
// wait, for retries and for the disk: more of them run at a time than there are cores.
type suite struct{ *testing.M }

func (s suite) Run() int {
	flag.Parse()
	_ = flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
	_ = os.Setenv("COR_API_KEY", "key")
	_ = os.Setenv("COR_CLIENT_SECRET", "not-told")
	return s.M.Run()
}

// program is main, for tests that ask for it in a process that may open no
// socket.
func program() {
	if os.Getenv("TEST_NO_SOCKETS") != "" {
		if err := denySockets(); err != nil {
			fmt.Fprintln(os.Stderr, "sockets can't be denied:", err)
			os.Exit(99)
		}
	}
	main()
}

// TestScripts runs every case of testdata/script. Beside testscript's own
// commands there are:
//
//	exits CODE corattach ARG...   runs the program and compares its exit code and its last line; see collect
//	again CODE PURPOSE            runs the command to paste that is a resume, an import, …
//	collect                       the same collecting, after a run in the background
//	await FILE TEXT               waits until a file holds a text
//	simulator ARG...              starts corattach simulate, in place of an earlier one; its URL is $COR,
//	                              and its requests go to a new sim.log
//	shutdown                      ends the simulator
//	paste FILE TEXT...            writes a file from Go-quoted words, for bytes a script can't hold
//
// $NL is a line break.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script")
}

// quickExit keeps the race detector from waiting a second at the end of every
// process.
const quickExit = "atexit_sleep_ms=0"

func runScripts(t *testing.T, dir string) {
	samples, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SAMPLES", samples)
			e.Setenv("NL", "\n")
			e.Setenv("GORACE", quickExit)
			e.Values[simulatorKey{}] = new(*simulator)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "again": again, "collect": func(ts *testscript.TestScript, _ bool, _ []string) { collect(ts) },
			"simulator": startSimulator, "shutdown": stopSimulator, "await": await, "paste": paste,
		},
	})
}

// exits runs a program and requires its exit code, which the last line on
// standard error must give too.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE corattach ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	collect(ts)
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
	last := lastLine(ts.ReadFile("stderr"))
	if strings.HasPrefix(last, "{") {
		var line struct {
			Code int `json:"exit_code"`
		}
		ts.Check(json.Unmarshal([]byte(last), &line))
		last = fmt.Sprintf("exit %d: ", line.Code)
	}
	silent := len(args) > 2 && slices.Contains([]string{"version", "help", "completion"}, args[2]) || slices.Contains(args, "--help")
	if !silent && !strings.HasPrefix(last, fmt.Sprintf("exit %d: ", code)) {
		ts.Fatalf("the last line on standard error does not give exit code %d: %s", code, last)
	}
}

// lastLine is the last line as a terminal shows it: what stands before a carriage
// return is written over.
func lastLine(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexAny(text, "\r\n")+1:]
}

// suggested finds the command for a purpose, such as resume or import, among those
// to paste.
func suggested(stderr, purpose string) (string, bool) {
	for line := range strings.Lines(stderr) {
		command, found := strings.CutPrefix(strings.TrimSpace(line), "next: ")
		if found && strings.HasPrefix(command, "corattach "+purpose+" ") {
			return command, true
		}
	}
	return "", false
}

// again runs a command to paste, through a shell as whoever pastes it would.
func again(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: again CODE PURPOSE")
	}
	said := ts.ReadFile("stderr")
	command, found := suggested(said, args[1])
	if !found {
		ts.Fatalf("no command to paste is a %s:\n%s", args[1], said)
	}
	exits(ts, false, []string{args[0], "sh", "-c", command})
}

// await waits until a file holds a text.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if content, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && bytes.Contains(content, []byte(args[1])) {
			return
		}
	}
	ts.Fatalf("%s never holds %q", args[0], args[1])
}

// paste writes a file of bytes: paste FILE "text\x00"...
func paste(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: paste FILE TEXT...")
	}
	var content []byte
	for _, arg := range args[1:] {
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(arg, `"`, `\"`) + `"`)
		ts.Check(err)
		content = append(content, text...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}

// TestHelp pins the help of each command, so that the documents need not repeat
// a flag.
func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	commands := []string{""}
	_ = kong.Visit(newParser(t).Model.Node, func(v kong.Visitable, next kong.Next) error {
		if node, ok := v.(*kong.Node); ok && node.Type == kong.CommandNode && !node.Hidden {
			commands = append(commands, node.Path())
		}
		return next(nil)
	})
	for _, command := range commands {
		t.Run(cmp.Or(command, "corattach"), func(t *testing.T) {
			var out, complaint bytes.Buffer
			code := run(strings.Fields(command+" --help"), strings.NewReader(""), &out, &complaint)
			if code != 0 || complaint.Len() > 0 {
				t.Fatalf("exit code %d, %q on standard error", code, complaint.String())
			}
			if !strings.Contains(out.String(), "\nExamples:\n") {
				t.Error("the help has no examples")
			}
			golden := filepath.Join("testdata", "help", strings.ReplaceAll(cmp.Or(command, "corattach"), " ", "-")+".txt")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("%s differs (-update writes it again):\n%s", golden, diff)
			}
		})
	}
}
