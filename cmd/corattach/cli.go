package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
)

// cli is the command line: one field per command.
type cli struct {
	Config configPath `placeholder:"FILE" help:"YAML file that sets flags; the command line and the environment go before it."`

	Import     importCommand     `cmd:"" help:"Read, check, group, send, reconcile and report."`
	Resume     resumeCommand     `cmd:"" help:"Go on with a run that was interrupted, stopped, or left rows without an answer."`
	Report     reportCommand     `cmd:"" help:"Write a run's reports again from its journal and input, offline."`
	Explain    explainCommand    `cmd:"" help:"Tell everything about one user in a run, offline: rows, requests, attempts, answers, verdicts."`
	Diff       diffCommand       `cmd:"" help:"Tell what changed between two runs, row by row: input, COR, or both."`
	Simulate   simulateCommand   `cmd:"" help:"Serve the COR simulator, both APIs on one loopback port."`
	Auth       authCommand       `cmd:"" help:"Check the credentials."`
	Completion completionCommand `cmd:"" settingless:"" help:"Print the script with which a shell completes command lines."`
	Complete   completeCommand   `cmd:"" name:"__complete" hidden:"" passthrough:"" settingless:""`
	Version    versionCommand    `cmd:"" settingless:"" help:"Say which version this is."`
}

// Help is shown below the flags.
func (*cli) Help() string {
	return examples("corattach import --dry-run staff.csv", "corattach auth check", "corattach import --canary 5 staff.csv", "corattach resume last")
}

const description = `Import rows of user, workspace and percentage into COR, and report what COR made of each of them.

Every flag can also be set by an environment variable, --max-invalid by CORATTACH_MAX_INVALID,
or by a line of the file that --config names: max-invalid: 10%.
Credentials come from COR_API_KEY and COR_CLIENT_SECRET, from COR_ACCESS_TOKEN, or from --token-file.`

// app is what a command works with.
type app struct {
	streams
	ctx   context.Context  // ends at the first signal; its cause is then a *stopped
	cut   context.Context  // ends at the second
	given []given          // flags that were set on the command line, in the environment or in a file
	code  int              // how a command that returned no error ends
	watch *watch           // of a real run that has not ended; else nil
	next  []report.Command // what the last line gives to go on with, should the command fail from here on

	config *config // what --config names; nil without it

	logFormat string   // asked for, even where the command line is wrong
	console   *console // nil until the command has one

	// journal stands between a journal and its file; tests put faults there.
	journal func(journal.File) journal.File
}

// given is a flag that was set on the command line, in the environment or in a
// configuration file.
type given struct {
	name   string
	values []string
	place  place
	from   string // the variable, or the line of the file; "" for the command line
}

// place is where a flag was given; one that is less goes before one that is more.
type place int

const (
	onCommandLine place = iota
	inEnvironment
	inFile
)

// run is the whole program: it returns the exit code.
func run(args []string, std streams) int {
	a := &app{streams: std, logFormat: logFormat(args), journal: func(f journal.File) journal.File { return f }}
	return a.run(args)
}

func (a *app) run(args []string) (code int) {
	defer func() {
		if fault := recover(); fault != nil {
			_, _ = a.err.Write(debug.Stack())
			code = a.fail(&failure{exitInternal, fmt.Errorf("internal error: %v", fault),
				"this is a fault of the program: report it with the lines above; what a run has sent is in its journal"})
		}
	}()
	helped := -1
	parser, err := a.parser(func(code int) { helped = code })
	if err != nil {
		return a.fail(err)
	}
	switch {
	case len(args) == 0 && a.logFormat == "json":
		return a.fail(usage("corattach --help lists the commands", "no command is given"))
	case len(args) == 0:
		parser.Stdout = a.err
		_, _ = parser.Parse([]string{"--help"})
		fmt.Fprintf(a.err, "\nexit %d: no command is given\n", exitUsage)
		return exitUsage
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	parsed, err := parser.Parse(args)
	if helped >= 0 {
		return helped
	}
	if err != nil {
		a.logFormat = cmp.Or(a.logFormat, configFormat(args))
		return a.fail(usageFailure(err, args))
	}
	a.given = oneLimit(givenFlags(parsed, a.config))
	if asked := a.find("log-format"); asked != nil && len(asked.values) > 0 {
		a.logFormat = asked.values[0]
	}
	stop := a.listen()
	defer stop()
	if err := parsed.Run(); err != nil {
		return a.fail(a.traced(explain(err)))
	}
	return a.code
}

// parser reads command lines. It calls exit after it has printed a help.
func (a *app) parser(exit func(code int)) (*kong.Kong, error) {
	return kong.New(new(cli),
		kong.Name("corattach"), kong.Description(description), kong.Writers(a.out, a.err),
		kong.Exit(exit), kong.DefaultEnvars("CORATTACH"), kong.Bind(a),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
	)
}

// fail says what is wrong and what to do, and returns the exit code.
func (a *app) fail(err error) int {
	f := explain(err)
	con := a.console
	if con == nil {
		con = a.newConsole(&outputFlags{logFlags: logFlags{a.logFormat, "info"}})
	}
	if a.watch != nil {
		a.watch.ended(a, con, f.code, nil)
	}
	con.fail(f, a.next)
	return f.code
}

// logFormat finds what --log-format asks for in arguments that may be wrong:
// whoever reads JSON gets the complaint as JSON too.
func logFormat(args []string) string { return asked(args, "--log-format", "CORATTACH_LOG_FORMAT") }

// configFormat finds the same in the file that the arguments name, which may be
// wrong too. It waits for no pipe.
func configFormat(args []string) string {
	path := asked(args, "--config", "CORATTACH_CONFIG")
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	file, err := readConfig(path)
	if err != nil {
		return ""
	}
	format, _ := file.find("log-format")
	if format.value == nil {
		return ""
	}
	return format.value.Value
}

// asked is the last value of a flag, or else what the environment sets it to.
func asked(args []string, flag, env string) string {
	last := os.Getenv(env)
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, flag+"="); found {
			last = value
		}
		if arg == flag && i+1 < len(args) {
			last = args[i+1]
		}
	}
	return last
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

// givenFlags returns the flags of the command line, in order, after them those
// of the configuration file and those of the environment, with their values as
// they would be written again.
func givenFlags(parsed *kong.Context, file *config) []given {
	var flags []given
	add := func(flag *kong.Flag, at place, from string) {
		named := func(g given) bool { return g.name == flag.Name }
		if _, file := flag.Target.Interface().(configPath); !file && !slices.ContainsFunc(flags, named) {
			flags = append(flags, given{flag.Name, values(flag.Target.Interface()), at, from})
		}
	}
	for _, path := range parsed.Path {
		switch {
		case path.Flag == nil:
		case path.Resolved:
			add(path.Flag, inFile, file.origin(path.Flag.Name))
		default:
			add(path.Flag, onCommandLine, "")
		}
	}
	for _, flag := range parsed.Flags() {
		if i := slices.IndexFunc(flag.Envs, isSet); i >= 0 {
			add(flag, inEnvironment, flag.Envs[i])
		}
	}
	return flags
}

// oneLimit leaves out --strict where --max-invalid stands in a place that goes
// before, and the other way round: they are one setting.
func oneLimit(flags []given) []given {
	named := func(name string) int { return slices.IndexFunc(flags, func(g given) bool { return g.name == name }) }
	strict, limit := named("strict"), named("max-invalid")
	if strict < 0 || limit < 0 {
		return flags
	}
	off := len(flags[strict].values) > 0 // --strict=false says nothing of a limit
	switch before, after := flags[strict].place, flags[limit].place; {
	case before < after && !off:
		return slices.Delete(flags, limit, limit+1)
	case before > after:
		return slices.Delete(flags, strict, strict+1)
	}
	return flags
}

// find returns a flag that was given, nil when it was not.
func (a *app) find(flag string) *given {
	i := slices.IndexFunc(a.given, func(g given) bool { return g.name == flag })
	if i < 0 {
		return nil
	}
	return &a.given[i]
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
