package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/console"
	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
	"corattach/pipeline/journal"
)

// cli is the command line: one field per command.
type cli struct {
	Config filePath `placeholder:"FILE" help:"YAML file that sets flags. The command line and the environment outrank it."`

	Import     importCommand     `cmd:"" help:"Read, check, group, send, reconcile and report."`
	Detach     detachCommand     `cmd:"" help:"Take workspaces away from users: one detach request per user and source."`
	Resume     resumeCommand     `cmd:"" help:"Go on with a run that was interrupted, stopped, or left rows without an answer."`
	Report     reportCommand     `cmd:"" help:"Write a run's reports again from its journal and input, offline."`
	Runs       runsCommand       `cmd:"" help:"List the runs of a runs directory, newest first."`
	Explain    explainCommand    `cmd:"" help:"Show everything about one user in a run, offline: rows, requests, attempts, answers, verdicts."`
	Diff       diffCommand       `cmd:"" help:"Show what changed between two runs, row by row: input, COR, or both."`
	Simulate   simulateCommand   `cmd:"" help:"Serve the COR simulator, both APIs on one loopback port."`
	Probe      probeCommand      `cmd:"" help:"Find out what COR does where its documentation is silent, with a user and two workspaces made for this."`
	Auth       authCommand       `cmd:"" help:"Check the credentials."`
	Completion completionCommand `cmd:"" settingless:"" help:"Print the script with which a shell completes command lines."`
	Complete   completeCommand   `cmd:"" name:"__complete" hidden:"" passthrough:"" settingless:""`
	Man        manCommand        `cmd:"" name:"__man" hidden:"" settingless:""`
	Version    versionCommand    `cmd:"" settingless:"" help:"Print the version."`
}

// settingless is the tag of commands that read no settings: they work whatever
// the environment and the configuration file hold.
const settingless = "settingless"

const description = `Import rows of user, workspace and percentage into COR, and report what COR made of each of them.

Every flag can also be set by an environment variable, such as CORATTACH_MAX_INVALID=10%,
or in the file that --config names, by a line such as max-invalid: 10%.
` + credentialsHelp

// Help is shown below the description.
func (*cli) Help() string {
	return examples("corattach import --dry-run staff.csv", "corattach auth check", "corattach import --canary 5 staff.csv", "corattach resume last") + `

Exit codes:
    0  every row is accounted for and matched, unchanged, duplicate, detached or planned
    1  internal error, a report that can't be written, or broken accounting
    2  wrong usage or configuration, or a file that can't be opened
    3  the input was refused; nothing was sent
    4  some rows failed, or are unknown, invalid, held, protected or not sent
    5  some rows are mismatched, missing or still attached; of diff: something changed
    6  stopped by a guard, such as --canary or --max-drop
    7  the credentials were refused
    8  COR is unavailable, can't be trusted, or throttled for longer than --max-wait
   11  another run holds the lock
  129, 130, 143  stopped by SIGHUP, SIGINT or SIGTERM; resume goes on`
}

// examples are commands to start from, as a help shows them.
func examples(commands ...string) string {
	return "Examples:\n  " + strings.Join(commands, "\n  ")
}

// app is what a command works with.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	ctx      context.Context // ends at the first signal; its cause is then a pipeline.Stop
	cut      context.Context // ends at the second
	console  *console.Console
	settings *settings.Settings // what environment and file set; nil where a command reads neither
	strange  string             // a warning about variables that set nothing, until it is said; "" for none
	given    []given            // flags that were set on the command line, in the environment or in a file
	watch    watch
	code     int // how a command that returned no error ends

	// journalFile stands between a journal and its file; nil for nothing. Tests
	// put faults there.
	journalFile func(journal.File) journal.File
}

// run is the whole program: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{stdin: stdin, stdout: stdout, stderr: stderr}).run(args)
}

// run does what the arguments ask for. It returns when that is done or, whatever
// hangs, soon after a second signal.
func (a *app) run(args []string) int {
	forced, release := a.listen()
	defer release()
	ended := make(chan int, 1)
	go func() { ended <- a.work(args) }()
	select {
	case code := <-ended:
		a.console.Close(false)
		return code
	case stop := <-forced:
		code := pipeline.ExitSignal + stop.Signal
		a.console.End(code, stop.Reason+"; a second signal ended the process at once", resumeCommands(a.console.Dir()))
		a.console.Close(true)
		return code
	}
}

// work runs the command and says how it failed, if it did.
func (a *app) work(args []string) int {
	if err := a.guarded(args); err != nil {
		return a.fail(err)
	}
	return a.code
}

// guarded turns a panic of the command into an error.
func (a *app) guarded(args []string) (err error) {
	defer pipeline.Recover(&err)
	return a.command(args)
}

// command parses the arguments and runs what they name.
func (a *app) command(args []string) error {
	a.console.Format(wantedFormat(args), "info")
	helped := false
	parser, err := a.parser(func(int) { helped = true })
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return a.commandless(parser)
	}
	parsed, err := parser.Parse(aliases(args))
	if helped {
		return nil
	}
	if err != nil {
		return usageFailure(err, args)
	}
	a.given = oneTarget(oneLimit(givenFlags(parsed, a.settings)))
	return a.traced(parsed.Run())
}

// commandless shows people the help, and complains.
func (a *app) commandless(parser *kong.Kong) error {
	if !a.console.IsJSON() {
		parser.Stdout = a.console
		_, _ = parser.Parse([]string{"--help"})
		fmt.Fprintln(a.console)
	}
	return usage("corattach import --dry-run FILE is a good first one", "no command is given")
}

// aliases spells out what people type from habit.
func aliases(args []string) []string {
	switch args[0] {
	case "help":
		return append(slices.Clone(args[1:]), "--help")
	case "--version", "-v", "-V":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// parser reads command lines. It calls exit after it has printed a help.
func (a *app) parser(exit func(code int)) (*kong.Kong, error) {
	return kong.New(new(cli),
		kong.Name("corattach"), kong.Description(description), kong.Writers(a.console.Stdout(), a.console), kong.Exit(exit), kong.Bind(a),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
		kong.KindMapper(reflect.Int, kong.MapperFunc(decimal)), kong.ValueFormatter(withVariable), kong.PostBuild(hideFixed), kong.WithBeforeResolve(a.readSettings),
	)
}

// readSettings has the flags of a command resolved from environment and file. kong
// calls it for each word of the command; once is enough.
func (a *app) readSettings(ctx *kong.Context) error {
	command := ctx.Selected()
	if a.settings != nil || command == nil || command.Tag.Has(settingless) {
		return nil
	}
	read, strange, err := settings.Read(ctx)
	if err != nil {
		return err
	}
	a.settings, a.strange = read, strange
	ctx.AddResolver(read)
	return nil
}

// warnStrange warns about variables that set nothing, once.
func (a *app) warnStrange() {
	if a.strange != "" {
		a.console.Warn(a.strange, "")
		a.strange = ""
	}
}

// withVariable adds to the help of a flag the variable that sets it.
func withVariable(value *kong.Value) string {
	if value.Flag == nil || value.Flag.Name == "help" {
		return value.Help
	}
	return fmt.Sprintf("%s ($%s).", strings.TrimSuffix(value.Help, "."), settings.Variable(value.Flag.Name))
}

// fail says what is wrong and what to do, tells whoever watches the run, and
// returns the exit code.
func (a *app) fail(err error) (code int) {
	defer func() {
		if value := recover(); value != nil { // in what tells others
			f := failureOf(&pipeline.PanicError{Value: value, Stack: debug.Stack()})
			code = f.Code
			a.console.Fail(f, stackOf(f), nil)
		}
	}()
	a.warnStrange()
	f := failureOf(err)
	a.endWatch(f.Code, f.Error())
	a.console.Fail(f, stackOf(err), next(err))
	return f.Code
}

// resumeCommands is the command that goes on with the run in dir; nil for "".
func resumeCommands(dir string) []string {
	if dir == "" {
		return nil
	}
	return []string{command("resume", dir)}
}

// command is a command to paste.
func command(words ...string) string {
	return shellescape.QuoteCommand(append([]string{"corattach"}, words...))
}
