package main

import (
	"fmt"
	"math"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/send"
)

// Flags that several commands share. Those of the groups Input, Checks and
// Nightly, and --chunk, decide what a run's rows are: a run keeps them in its
// journal.

// inputFlags say how input is read.
type inputFlags struct {
	Delimiter   string    `group:"Input" default:"auto" placeholder:"auto" help:"comma, semicolon, tab or pipe; auto: from each file's header."`
	Encoding    string    `group:"Input" default:"auto" placeholder:"auto" help:"The encoding of the files, such as windows-1252; auto: UTF-8, or UTF-16 by its byte order mark."`
	SkipLines   int       `group:"Input" default:"0" placeholder:"0" help:"Lines above the header, such as a title."`
	Map         columnMap `group:"Input" placeholder:"FIELD=HEADER" help:"Read a field, such as user_id, from the column with this header; repeatable, or several with ; between; blank: none."`
	Source      string    `group:"Input" placeholder:"NAME" help:"The source of rows that have none."`
	AllowSource []string  `group:"Input" placeholder:"NAME" help:"Accept this source beside the documented ones; repeatable, or several with a comma between."`
}

// percentageFlags say how percentages are read.
type percentageFlags struct {
	DecimalComma   bool   `group:"Input" help:"The decimal separator in percentages is a comma."`
	PercentageUnit string `group:"Input" enum:"auto,percent,fraction" default:"auto" placeholder:"auto" help:"percent: 50 is 50 %; fraction: 0.5 is 50 %; auto: percent, and an input that looks like fractions is refused."`
}

// checkFlags say which input is good enough.
type checkFlags struct {
	MaxInvalid  string      `group:"Checks" default:"10%" placeholder:"10%" help:"Send nothing when more rows than this are invalid: N, N% or off."`
	Strict      bool        `group:"Checks" help:"Send nothing when any row is invalid: the same as --max-invalid 0."`
	AllowEmpty  bool        `group:"Checks" help:"Input without rows is no error."`
	MaxInputAge offDuration `group:"Checks" default:"off" placeholder:"off" help:"Stop when an input file is older than this, such as 24h."`
}

// allocationFlags say what a user's percentages may add up to.
type allocationFlags struct {
	OverAllocation  string `group:"Checks" enum:"warn,reject,off" default:"warn" placeholder:"warn" help:"What to do about a user above the allocation limit: warn, reject or off."`
	AllocationLimit string `group:"Checks" default:"100" placeholder:"100" help:"What a user's percentages may add up to."`
}

// chunkFlag says how requests are cut.
type chunkFlag struct {
	Chunk int `group:"Sending" default:"0" placeholder:"0" help:"At most this many workspaces in one request; 0 = all of the user's."`
}

// sendFlags say how a run sends.
type sendFlags struct {
	Rate        float64     `group:"Sending" default:"5" placeholder:"5" help:"Attempts per second, of all workers and retries together; 0 = no limit."`
	Burst       int         `group:"Sending" default:"1" placeholder:"1" help:"Attempts that may leave at once."`
	Workers     int         `group:"Sending" default:"4" placeholder:"4" help:"Users sent at the same time."`
	Timeout     duration    `group:"Sending" default:"30s" placeholder:"30s" help:"How long one attempt may take."`
	Retries     int         `group:"Sending" default:"5" placeholder:"5" help:"How often a request is sent again after its first attempt."`
	MaxWait     duration    `group:"Sending" default:"5m" placeholder:"5m" help:"How long to go on without a usable answer, before the run ends as unavailable."`
	MaxFailures string      `group:"Sending" default:"off" placeholder:"off" help:"Stop when more users than this have a failed, unknown, missing or mismatched row: N, N% or off."`
	MaxDuration offDuration `group:"Sending" default:"off" placeholder:"off" help:"Start nothing new after this time, such as 2h."`
}

// attachFlags say how a run attaches.
type attachFlags struct {
	Canary    int    `group:"Sending" default:"0" placeholder:"0" help:"Send this many users first, and the others only if all rows of these match; 0 = off."`
	Repair    bool   `group:"Sending" help:"Detach and attach again what COR answers with another percentage."`
	Tolerance string `group:"Sending" default:"0" placeholder:"0" help:"Percentage points by which COR's figure may differ and still be matched, for a COR that rounds."`
}

// planFlag is the plan that was approved.
type planFlag struct {
	Plan string `group:"Sending" placeholder:"DIGEST" help:"Send only if the requests are those of the dry run that printed this digest."`
}

// nightlyFlags say what a run makes of earlier ones.
type nightlyFlags struct {
	Job          string   `group:"Nightly" default:"default" placeholder:"default" help:"The series of runs that this one belongs to."`
	ChangedOnly  bool     `group:"Nightly" help:"Do not send what COR has confirmed before."`
	MaxAge       duration `group:"Nightly" default:"168h" placeholder:"168h" help:"With --changed-only, send again what was confirmed longer ago than this."`
	MaxDrop      string   `group:"Nightly" default:"off" placeholder:"off" help:"Stop when more of the job's pairs or users than this are no longer in the input: N, N% or off."`
	MaxChange    string   `group:"Nightly" default:"off" placeholder:"off" help:"Stop when the input asks for another percentage for more confirmed pairs than this: N, N% or off."`
	AcceptChange bool     `group:"Nightly" help:"Let this one run through --max-drop and --max-change."`
}

// detachFlags say what a detach may take away.
type detachFlags struct {
	MaxDetach   string `group:"Checks" default:"100" placeholder:"100" help:"Stop when more pairs than this would be detached: N, N% of the attached ones, or off."`
	Unprotected bool   `group:"Checks" help:"Detach also what is protected because it may still be wanted."`
}

// runsFlag says where runs are.
type runsFlag struct {
	RunsDir filePath `group:"Runs" default:"runs" placeholder:"runs" help:"Where runs keep their directories."`
}

// keepFlags say how runs share a runs directory.
type keepFlags struct {
	KeepRuns int      `group:"Runs" default:"0" placeholder:"0" help:"At the end, delete the oldest runs beyond this number, but none that can be resumed; 0 = keep all."`
	WaitLock duration `group:"Runs" default:"0s" placeholder:"0s" help:"How long to wait for another run to end."`
}

// logFlags say how is told what happens.
type logFlags struct {
	LogFormat string `group:"Output" enum:"auto,console,json" default:"auto" placeholder:"auto" help:"console: for people; json: every line is JSON, the result too; auto: console."`
	LogLevel  string `group:"Output" enum:"debug,info,warn,error" default:"info" placeholder:"info" help:"The lowest level that is logged: debug, info, warn or error."`
}

// outputFlags say what is printed.
type outputFlags struct {
	JSON     bool   `group:"Output" name:"json" help:"Print the summary as one JSON document."`
	Quiet    bool   `group:"Output" help:"Print nothing at all when the exit code is 0."`
	Progress string `group:"Output" enum:"auto,always,never" default:"auto" placeholder:"auto" help:"auto: a bar on a terminal, a line every 30 s elsewhere; always or never."`
	logFlags
}

// open sets up the console as the flags ask for it.
func (f *logFlags) open(a *app) {
	a.console.Format(f.LogFormat, f.LogLevel)
	a.warnStrange()
}

// open sets up the console as the flags ask for it.
func (f *outputFlags) open(a *app) {
	if f.Quiet {
		a.console.Hush()
		f.Progress = "never"
	}
	f.logFlags.open(a)
}

// fill sets what the flags say.
func (f *inputFlags) fill(s *journal.Settings) {
	s.Delimiter, s.Encoding, s.SkipLines = f.Delimiter, f.Encoding, f.SkipLines
	s.Map, s.Source, s.AllowSource = f.Map, f.Source, f.AllowSource
}

func (f *percentageFlags) fill(s *journal.Settings) {
	s.DecimalComma, s.PercentageUnit = f.DecimalComma, f.PercentageUnit
}

func (f *checkFlags) fill(a *app, s *journal.Settings) {
	s.MaxInvalid, s.AllowEmpty, s.MaxInputAge = f.MaxInvalid, f.AllowEmpty, time.Duration(f.MaxInputAge)
	if f.Strict && a.find("strict") != nil { // and not outranked
		s.MaxInvalid = "0"
	}
}

func (f *allocationFlags) fill(s *journal.Settings) {
	s.OverAllocation, s.AllocationLimit = f.OverAllocation, f.AllocationLimit
}

func (f *nightlyFlags) fill(s *journal.Settings) {
	s.ChangedOnly, s.MaxAge = f.ChangedOnly, time.Duration(f.MaxAge)
	s.MaxDrop, s.MaxChange, s.AcceptChange = f.MaxDrop, f.MaxChange, f.AcceptChange
}

func (f *detachFlags) fill(s *journal.Settings) {
	s.MaxDetach, s.Unprotected = f.MaxDetach, f.Unprotected
}

// fill checks the flags and sets what they say.
func (f *sendFlags) fill(s *send.Settings) error {
	s.Rate, s.Burst, s.Workers, s.Timeout, s.Retries = f.Rate, f.Burst, f.Workers, time.Duration(f.Timeout), f.Retries
	s.MaxWait, s.MaxDuration = time.Duration(f.MaxWait), time.Duration(f.MaxDuration)
	for _, check := range []struct {
		bad   bool
		flag  string
		bound string
		hint  string
	}{
		{f.Rate < 0 || math.IsNaN(f.Rate) || math.IsInf(f.Rate, 0), "--rate", "must be a number from 0", "use attempts per second, or 0 for no limit"},
		{f.Burst < 1, "--burst", "must be at least 1", "1 allows no burst"},
		{f.Workers < 1, "--workers", "must be at least 1", "4 is the default"},
		{f.Timeout <= 0, "--timeout", "must be above 0", "use a time such as 30s"},
		{f.Retries < 0, "--retries", "must be at least 0", "0 sends each request once"},
		{f.MaxWait <= 0, "--max-wait", "must be above 0", "use a time such as 5m"},
	} {
		if check.bad {
			return usage(check.hint, "%s: %s", check.flag, check.bound)
		}
	}
	var err error
	if s.MaxFailures, err = pipeline.ParseLimit(f.MaxFailures); err != nil {
		return usage("use a number, a percentage, or off for no limit", "--max-failures: %w", err)
	}
	return nil
}

// fill checks the flags and sets what they say.
func (f *attachFlags) fill(s *send.Settings) error {
	s.Canary, s.Repair = f.Canary, f.Repair
	if f.Canary < 0 {
		return usage("use the number of users that go first, or 0", "--canary: must be at least 0")
	}
	tolerance, ok := pipeline.ParseDecimal(f.Tolerance, '.')
	if !ok || tolerance > pipeline.Hundred {
		return usage("use percentage points such as 0.01", "--tolerance: %q is no number from 0 to 100 with up to four decimals", f.Tolerance)
	}
	s.Tolerance = tolerance
	return nil
}

// check refuses what makes no sense.
func (f *keepFlags) check() error {
	switch {
	case f.KeepRuns < 0:
		return usage("use 0 to keep all", "--keep-runs: %d is negative", f.KeepRuns)
	case f.WaitLock < 0:
		return usage("use a time such as 10m", "--wait-lock: %v is negative", time.Duration(f.WaitLock))
	}
	return nil
}

func (f *keepFlags) wait() time.Duration { return time.Duration(f.WaitLock) }

// duration is a time with its unit, as 30s or 2h30m.
type duration time.Duration

// UnmarshalText reads what time.ParseDuration does.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no time such as 30s or 2h30m", text)
	}
	*d = duration(parsed)
	return nil
}

// String returns the time as it can be given again.
func (d duration) String() string { return time.Duration(d).String() }

// offDuration is a duration above 0, or 0 for off.
type offDuration time.Duration

// UnmarshalText reads off, or what time.ParseDuration does.
func (d *offDuration) UnmarshalText(text []byte) error {
	*d = 0
	if string(text) == "off" {
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed <= 0 {
		return fmt.Errorf("%q is neither off nor a time such as 24h or 2h30m", text)
	}
	*d = offDuration(parsed)
	return nil
}

// String returns the time as it can be given again.
func (d offDuration) String() string {
	if d == 0 {
		return "off"
	}
	return time.Duration(d).String()
}
