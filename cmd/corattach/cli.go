package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"corattach/pipeline"
	"corattach/pipeline/journal"
)

// cli is the command line: one field per command.
type cli struct {
	Import   importCommand   `cmd:"" help:"Read, check, group, send, reconcile and report."`
	Resume   resumeCommand   `cmd:"" help:"Go on with a run that was interrupted, stopped, or left rows without an answer."`
	Report   reportCommand   `cmd:"" help:"Write a run's reports again from its journal and input, offline."`
	Simulate simulateCommand `cmd:"" help:"Serve the COR simulator, both APIs on one loopback port."`
	Version  versionCommand  `cmd:"" help:"Say which version this is."`
}

const description = `Import rows of user, workspace and percentage into COR, and report what COR made of each of them.

Every flag can also be set by an environment variable: --max-invalid by CORATTACH_MAX_INVALID.
Credentials come from COR_API_KEY and COR_CLIENT_SECRET, from COR_ACCESS_TOKEN, or from --token-file.`

// app is what a command works with.
type app struct {
	streams
	ctx   context.Context // ends at the first signal; its cause is then a *stopped
	cut   context.Context // ends at the second
	given []given         // flags that were set on the command line or in the environment
	code  int             // how a command that returned no error ends
	watch *watch          // of a real run that has not ended; else nil

	logFormat string   // asked for, even where the command line is wrong
	console   *console // nil until the command has one

	// journal stands between a journal and its file; tests put faults there.
	journal func(journal.File) journal.File
}

// given is a flag that was set on the command line or in the environment.
type given struct {
	name   string
	values []string
}

// run is the whole program: it returns the exit code.
func run(args []string, std streams) int {
	a := &app{streams: std, logFormat: logFormat(args), journal: func(f journal.File) journal.File { return f }}
	return a.run(args)
}

func (a *app) run(args []string) int {
	helped := -1
	var grammar cli
	parser, err := kong.New(&grammar,
		kong.Name("corattach"), kong.Description(description), kong.Writers(a.out, a.err),
		kong.Exit(func(code int) { helped = code }), kong.DefaultEnvars("CORATTACH"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
	)
	if err != nil {
		return a.fail(err)
	}
	switch {
	case len(args) == 0:
		parser.Stdout = a.err
		_, _ = parser.Parse([]string{"--help"})
		fmt.Fprintf(a.err, "\nexit %d: no command is given\n", exitUsage)
		return exitUsage
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	}
	parsed, err := parser.Parse(args)
	if helped >= 0 {
		return helped
	}
	if err != nil {
		return a.fail(&failure{exitUsage, err, usageHint(err)})
	}
	a.given = givenFlags(parsed)
	stop := a.listen()
	defer stop()
	if err := parsed.Run(a); err != nil {
		return a.fail(err)
	}
	return a.code
}

func usageHint(err error) string {
	command := "corattach"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Command() != "" {
		command += " " + strings.Fields(parse.Context.Command())[0]
	}
	return command + " --help lists what there is"
}

// fail says what is wrong and what to do, and returns the exit code.
func (a *app) fail(err error) int {
	f := explain(err)
	con := a.console
	if con == nil {
		con = a.newConsole(&outputFlags{LogFormat: a.logFormat, LogLevel: "info"})
	}
	if a.watch != nil {
		a.watch.ended(a, con, f.code, nil)
	}
	con.fail(f)
	return f.code
}

// logFormat finds what --log-format asks for in arguments that may be wrong:
// whoever reads JSON gets the complaint as JSON too.
func logFormat(args []string) string {
	const flag = "--log-format"
	format := os.Getenv("CORATTACH_LOG_FORMAT")
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, flag+"="); found {
			format = value
		}
		if arg == flag && i+1 < len(args) {
			format = args[i+1]
		}
	}
	return format
}

func oneLine(text string) string {
	first, _, more := strings.Cut(text, "\n")
	if more {
		return first + " …"
	}
	return first
}

// listen ends a.ctx at the first SIGINT, SIGTERM or SIGHUP, and a.cut at the
// second. The returned function ends the listening.
func (a *app) listen() func() {
	ctx, end := context.WithCancelCause(context.Background())
	cut, cutOff := context.WithCancelCause(context.Background())
	a.ctx, a.cut = ctx, cut
	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may go; the run goes on
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		for _, stop := range []context.CancelCauseFunc{end, cutOff} {
			select {
			case s := <-signals:
				stop(stoppedBy(s))
			case <-done:
				return
			}
		}
		<-done
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		<-joined
		end(nil)
		cutOff(nil)
	}
}

func stoppedBy(s os.Signal) *stopped {
	number, _ := s.(syscall.Signal)
	name := map[syscall.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"}[number]
	return &stopped{pipeline.Stop{Kind: pipeline.Interrupted, Reason: "stopped by " + name}, int(number), name}
}

// givenFlags returns the flags of the command line, in order, and after them
// those of the environment, with their values as they would be written again.
func givenFlags(parsed *kong.Context) []given {
	var flags []given
	for _, path := range parsed.Path {
		if path.Flag == nil || slices.ContainsFunc(flags, func(g given) bool { return g.name == path.Flag.Name }) {
			continue
		}
		flags = append(flags, given{path.Flag.Name, values(path.Flag.Target.Interface())})
	}
	for _, flag := range parsed.Flags() {
		if slices.ContainsFunc(flags, func(g given) bool { return g.name == flag.Name }) || !slices.ContainsFunc(flag.Envs, isSet) {
			continue
		}
		flags = append(flags, given{flag.Name, values(flag.Target.Interface())})
	}
	return flags
}

func isSet(env string) bool {
	_, set := os.LookupEnv(env)
	return set
}

// values returns what a flag would be written with; nil for a flag alone.
func values(target any) []string {
	switch v := target.(type) {
	case bool:
		if v {
			return nil
		}
		return []string{"false"}
	case []string:
		return v
	}
	return []string{fmt.Sprint(target)}
}
