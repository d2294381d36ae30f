package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/console"
	"corattach/cmd/corattach/monitor"
	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
)

// cli is the command line: one field per command.
type cli struct {
	Config string `placeholder:"FILE" help:"YAML file that sets flags. The command line and the environment outrank it."`

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
	Completion completionCommand `cmd:"" help:"Print the script with which a shell completes command lines."`
	Complete   completeCommand   `cmd:"" name:"__complete" hidden:"" passthrough:""`
	Man        manCommand        `cmd:"" name:"__man" hidden:""`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// app is what a command works with.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	ctx     context.Context // ends at the first signal; its cause is then a pipeline.Stop
	cut     context.Context // ends at the second
	console *console.Console
	given   []given          // flags that were set on the command line, in the environment or in a file
	monitor *monitor.Monitor // nil when nobody is told: of a dry run, of a resume without anything to do
	summary *report.Summary  // nil for a run that came to no report
	patient bool             // of a resume that has not begun: a mistake, or another run, is the caller's business alone
	code    int              // how the command ends
	reason  string           // of the code; "" for a command that has no last line
	next    []string         // what to paste then

	journalFile func(journal.File) journal.File // that of runs.Common: for tests
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
	go func() {
		a.end(a.command(args))
		ended <- a.code
	}()
	select {
	case code := <-ended:
		return code
	case first := <-forced:
		code := pipeline.ExitSignal + first.Signal
		a.console.Abort(code, first.Reason+"; a second signal ended the process at once")
		return code
	}
}

// command parses the arguments and runs what they name. A panic of that is an error.
func (a *app) command(args []string) (err error) {
	defer pipeline.Recover(&err)
	set := settings.Read(args)
	a.console.Format(set.Early("log-format"), "info")
	helped := false
	parser, err := a.parser(set, func(int) { helped = true })
	if err != nil {
		return err
	}
	if len(args) == 0 {
		if !a.console.IsJSON() {
			parser.Stdout = a.console
			_, _ = parser.Parse([]string{"--help"})
			fmt.Fprintln(a.console)
		}
		return pipeline.Usage("corattach import --dry-run FILE is a good first one", "no command is given")
	}
	switch args[0] {
	case "help":
		args = append(slices.Clone(args[1:]), "--help")
	case "--version", "-v":
		args = append([]string{"version"}, args[1:]...)
	}
	parsed, err := parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return usageFailure(err)
	}
	a.given = givenFlags(parsed, set)
	a.open(parsed.Selected().Flags)
	if set.Strange != "" {
		a.console.Warn(set.Strange, "")
	}
	return a.traced(parsed.Run())
}

// parser reads command lines. It calls exit after it has printed a help.
func (a *app) parser(set *settings.Settings, exit func(code int)) (*kong.Kong, error) {
	return kong.New(new(cli), append(parsers(),
		kong.Name("corattach"), kong.Description(description), kong.Writers(a.console.Stdout(), a.console), kong.Exit(exit), kong.Bind(a, set),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
		kong.ValueFormatter(withVariable), kong.PostBuild(complete),
	)...)
}

// BeforeResolve has environment and file set flags. A command without any, such as
// version, works whatever the file holds.
func (*cli) BeforeResolve(ctx *kong.Context, set *settings.Settings) error {
	if command := ctx.Selected(); command == nil || len(command.Flags) == 0 {
		return nil
	}
	ctx.AddResolver(kong.ResolverFunc(set.Resolve))
	return set.Check(ctx.Model)
}

// complete adds to the commands what their tags can't say: the details of their helps,
// and that a resume hides what decides what its run's rows are and where they go. It
// takes these flags only to refuse what differs from the run; hidden flags are set on
// the command line alone.
func complete(k *kong.Kong) error {
	texts, fixed := details(), []string{"Input", "Checks", "Nightly", "chunk", "base-url", "auth-url", "simulate"} // groups and flags
	return kong.Visit(k.Model.Node, func(v kong.Visitable, next kong.Next) error {
		command, ok := v.(*kong.Node)
		if !ok {
			return next(nil)
		}
		command.Detail = texts[command.Path()]
		for _, flag := range command.Flags {
			if flag.Name == "token-file" {
				command.Detail = strings.Replace(command.Detail, "Examples:", credentialsHelp+"\n\nExamples:", 1)
			}
			isFixed := slices.Contains(fixed, flag.Name) || flag.Group != nil && slices.Contains(fixed, flag.Group.Key)
			flag.Hidden = flag.Hidden || isFixed && command.Name == "resume"
		}
		return next(nil)
	})
}

// withVariable adds to the help of a flag the variable that sets it.
func withVariable(value *kong.Value) string {
	if value.Flag == nil || value.Flag.Name == "help" {
		return value.Help
	}
	return fmt.Sprintf("%s ($%s).", strings.TrimSuffix(value.Help, "."), settings.Variable(value.Flag.Name))
}

// open sets up the console as the flags of a command ask for it.
func (a *app) open(flags []*kong.Flag) {
	set := make(map[string]string)
	for _, flag := range flags {
		set[flag.Name] = fmt.Sprint(flag.Target)
	}
	if level := set["log-level"]; level != "" {
		a.console.Format(set["log-format"], level)
	}
	a.console.Quiet(set["quiet"] == "true")
}

// end tells whoever watches the run how it ended, and writes the last lines: of an
// error what is wrong and what to do.
func (a *app) end(err error) {
	var f *pipeline.Failure
	if err != nil {
		f = failureOf(err)
		a.code, a.reason = f.Code, f.Error()
	}
	if panicked := a.endWatch(); panicked != nil {
		f = failureOf(panicked)
		a.code = f.Code
	}
	switch {
	case f != nil:
		a.console.Fail(f, a.next)
	case a.reason != "":
		a.console.End(a.code, a.reason, a.next)
	}
}

// failureOf is the one place that turns errors into exit codes and hints.
func failureOf(err error) *pipeline.Failure {
	if _, panicked := errors.AsType[*pipeline.PanicError](err); panicked {
		return &pipeline.Failure{Code: pipeline.ExitInternal, Err: err,
			Hint: "this is a fault of the program: report it with the lines above; what a run has sent is in its journal"}
	}
	if known, found := errors.AsType[*pipeline.Failure](err); found {
		return known
	}
	if stop, found := errors.AsType[pipeline.Stop](err); found && stop.Kind == pipeline.Interrupted {
		return &pipeline.Failure{Code: pipeline.ExitSignal + stop.Signal, Err: err}
	}
	return pipeline.Internal("", err)
}
