package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
)

// Flags that several commands share. Those of the groups Input, Checks and
// Nightly, and --chunk, decide what a run's rows are: a run keeps them in its
// journal. Of a flag and the rival that its tag names, the one set nearer to the
// command line counts alone; the tag min is the least number, 0 without it; blank
// allows a blank text.

// attemptFlags say how requests are sent, whatever they are for.
type attemptFlags struct {
	Rate    float64       `group:"Sending" default:"5" placeholder:"5" help:"Attempts per second, of all workers and retries together; 0 = no limit."`
	Timeout time.Duration `group:"Sending" default:"30s" placeholder:"30s" help:"How long one attempt may take."`
	Retries int           `group:"Sending" default:"5" placeholder:"5" help:"How often a request is sent again after its first attempt."`
	MaxWait time.Duration `group:"Sending" default:"5m" placeholder:"5m" help:"How long to go on without a usable answer, before the run ends as unavailable."`
}

// importFlags are those of import alone.
type importFlags struct {
	DecimalComma    bool             `group:"Input" help:"The decimal separator in percentages is a comma."`
	PercentageUnit  string           `group:"Input" enum:"auto,percent,fraction" default:"auto" placeholder:"auto" help:"percent: 50 is 50 %; fraction: 0.5 is 50 %; auto: percent, and an input that looks like fractions is refused."`
	OverAllocation  string           `group:"Checks" enum:"warn,reject,off" default:"warn" placeholder:"warn" help:"What to do about a user above the allocation limit: warn, reject or off."`
	AllocationLimit string           `group:"Checks" default:"100" placeholder:"100" help:"What a user's percentages may add up to."`
	Canary          int              `group:"Sending" default:"0" placeholder:"0" help:"Send this many users first, and the others only if all rows of these match; 0 = off."`
	Repair          bool             `group:"Sending" help:"Detach and attach again what COR answers with another percentage."`
	Tolerance       pipeline.Percent `group:"Sending" default:"0" placeholder:"0" help:"Percentage points by which COR's figure may differ and still be matched, for a COR that rounds."`
	Job             string           `group:"Nightly" default:"default" placeholder:"default" help:"The series of runs that this one belongs to."`
	ChangedOnly     bool             `group:"Nightly" help:"Do not send what COR has confirmed before."`
	MaxAge          time.Duration    `group:"Nightly" default:"168h" placeholder:"168h" help:"With --changed-only, send again what was confirmed longer ago than this."`
	MaxDrop         pipeline.Limit   `group:"Nightly" default:"off" placeholder:"off" help:"Stop when more of the job's pairs or users than this are no longer in the input: N, N% or off."`
	MaxChange       pipeline.Limit   `group:"Nightly" default:"off" placeholder:"off" help:"Stop when the input asks for another percentage for more confirmed pairs than this: N, N% or off."`
	AcceptChange    bool             `group:"Nightly" help:"Let this one run through --max-drop and --max-change."`
}

// detachFlags say what a detach may take away.
type detachFlags struct {
	MaxDetach   pipeline.Limit `group:"Checks" default:"100" placeholder:"100" help:"Stop when more pairs than this would be detached: N, N% of the attached ones, or off."`
	Unprotected bool           `group:"Checks" help:"Detach also what is protected because it may still be wanted."`
}

// runFlags are those of all commands that make or resume a run from rows: how input is
// read, which input is good enough, how requests are cut, and all that follows.
type runFlags struct {
	Delimiter   string            `group:"Input" enum:"auto,comma,semicolon,tab,pipe" default:"auto" placeholder:"auto" help:"comma, semicolon, tab or pipe; auto: from each file's header."`
	Encoding    string            `group:"Input" default:"auto" placeholder:"auto" help:"The encoding of the files, such as windows-1252; auto: UTF-8, or UTF-16 by its byte order mark."`
	SkipLines   int               `group:"Input" default:"0" placeholder:"0" help:"Lines above the header, such as a title."`
	Map         map[string]string `group:"Input" placeholder:"FIELD=HEADER" help:"Read a field, such as user_id, from the column with this header; repeatable, or several with ; between; blank: none."`
	Source      string            `blank:"" group:"Input" placeholder:"NAME" help:"The source of rows that have none."`
	AllowSource []string          `group:"Input" placeholder:"NAME" help:"Accept this source beside the documented ones; repeatable, or several with a comma between."`
	MaxInvalid  pipeline.Limit    `rival:"strict" group:"Checks" default:"10%" placeholder:"10%" help:"Send nothing when more rows than this are invalid: N, N% or off."`
	Strict      bool              `rival:"max-invalid" group:"Checks" help:"Send nothing when any row is invalid: the same as --max-invalid 0."`
	AllowEmpty  bool              `group:"Checks" help:"Input without rows is no error."`
	MaxInputAge time.Duration     `group:"Checks" default:"off" placeholder:"off" help:"Stop when an input file is older than this, such as 24h."`
	Chunk       int               `group:"Sending" default:"0" placeholder:"0" help:"At most this many workspaces in one request; 0 = all of the user's."`

	attemptFlags
	Burst       int            `min:"1" group:"Sending" default:"1" placeholder:"1" help:"Attempts that may leave at once."`
	Workers     int            `min:"1" group:"Sending" default:"4" placeholder:"4" help:"Users sent at the same time."`
	MaxFailures pipeline.Limit `group:"Sending" default:"off" placeholder:"off" help:"Stop when more users than this have a failed, unknown, missing or mismatched row: N, N% or off."`
	MaxDuration time.Duration  `group:"Sending" default:"off" placeholder:"off" help:"Start nothing new after this time, such as 2h."`

	targetFlags
	keepFlags
	outputFlags
	MetricsFile string `group:"Output" placeholder:"F.prom" help:"Write metrics of the run for Prometheus' textfile collector; a file for each job."`
	PingURL     string `group:"Output" placeholder:"URL" help:"Call URL/start, and then URL after success or URL/fail, as healthchecks.io expects it. Better set in the environment: others can see a command line."`
}

// runsFlag says where runs are.
type runsFlag struct {
	RunsDir string `group:"Runs" default:"runs" placeholder:"runs" help:"Where runs keep their directories."`
}

// keepFlags say how runs share a runs directory.
type keepFlags struct {
	runsFlag
	KeepRuns int           `group:"Runs" default:"0" placeholder:"0" help:"At the end, delete the oldest runs beyond this number, but none that can be resumed; 0 = keep all."`
	WaitLock time.Duration `group:"Runs" default:"0s" placeholder:"0s" help:"How long to wait for another run to end."`
}

// logFlags say how is told what happens.
type logFlags struct {
	LogFormat string `group:"Output" enum:"auto,console,json" default:"auto" placeholder:"auto" help:"console: for people; json: every line is JSON, the result too; auto: console."`
	LogLevel  string `group:"Output" enum:"debug,info,warn,error" default:"info" placeholder:"info" help:"The lowest level that is logged: debug, info, warn or error."`
}

// outputFlags say what is printed.
type outputFlags struct {
	JSON     bool   `group:"Output" name:"json" help:"Print the result as one JSON document."`
	Quiet    bool   `group:"Output" help:"Print nothing at all when the exit code is 0."`
	Progress string `group:"Output" enum:"auto,always,never" default:"auto" placeholder:"auto" help:"auto: a bar on a terminal, a line every 30 s elsewhere; always or never."`
	logFlags
}

// fill sets the fields of a struct from the flags of the same name and kind.
func fill(to, flags any) {
	target, source := reflect.ValueOf(to).Elem(), reflect.ValueOf(flags).Elem()
	for _, field := range reflect.VisibleFields(target.Type()) {
		if value := source.FieldByName(field.Name); value.IsValid() && value.Kind() == field.Type.Kind() && value.CanConvert(field.Type) {
			target.FieldByIndex(field.Index).Set(value.Convert(field.Type))
		}
	}
}

// given is a flag that was set.
type given struct {
	*kong.Flag
	from string // the variable, the line of the file, or a run's last session; "" for the command line
}

// givenFlags returns the flags of the command line, in order, and after them
// those of environment and file.
func givenFlags(parsed *kong.Context, s *settings.Settings) []given {
	var flags []given
	for _, path := range parsed.Path {
		flag := path.Flag
		switch {
		case flag == nil, flag.Name == settings.ConfigFlag, flag.Name == "help":
		case slices.ContainsFunc(flags, func(g given) bool { return g.Flag == flag }):
		case path.Resolved:
			flags = append(flags, given{flag, s.Origin(flag.Name)})
		default:
			flags = append(flags, given{flag, ""})
		}
	}
	return flags
}

// typed reports whether a flag was given on the command line.
func (a *app) typed(flag string) bool {
	return slices.ContainsFunc(a.given, func(g given) bool { return g.Name == flag && g.from == "" })
}

// words writes the given flags again, wherever they were set. Left out are the URL of
// the ping, whose value holds a token, the plan, which is one run's alone, and the
// hidden flags of a resume, which are settings of its run.
func (a *app) words() []string {
	var words []string
	for _, g := range a.given {
		if g.Name == "ping-url" || g.Name == "plan" || g.Hidden {
			continue
		}
		word := written(g.Flag)
		if word == "--dry-run" && g.from != "" {
			word = "--dry-run=true" // the command that sends for real has to say --dry-run=false
		}
		words = append(words, word)
	}
	return words
}

// written returns the word that sets a flag to what it is set to.
func written(flag *kong.Flag) string {
	value := fmt.Sprint(flag.Target)
	switch v := flag.Target.Interface().(type) {
	case bool:
		if v {
			return "--" + flag.Name
		}
	case time.Duration:
		if v == 0 {
			value = flag.Default
		}
	case []string:
		value = kong.JoinEscaped(v, ',')
	case map[string]string:
		var pairs []string
		for _, field := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, field+"="+v[field])
		}
		value = kong.JoinEscaped(pairs, ';')
	}
	return "--" + flag.Name + "=" + value
}
