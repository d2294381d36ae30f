package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/reader"
)

// inputFlags say how input is read, checked and grouped. A run keeps them in
// its journal.
type inputFlags struct {
	Delimiter    string            `group:"Input" default:"auto" placeholder:"auto" help:"comma, semicolon, tab or pipe; auto: from each file's header."`
	Encoding     string            `group:"Input" default:"auto" placeholder:"auto" help:"Of the files, such as windows-1252; auto: UTF-8, or UTF-16 by its byte order mark."`
	DecimalComma bool              `group:"Input" help:"The comma takes the point's place in percentages."`
	Map          map[string]string `group:"Input" placeholder:"FIELD=HEADER" help:"Read a field from the column with this header; repeatable, or several with ; between."`
	Source       string            `group:"Input" placeholder:"NAME" help:"Fills a source that is absent or blank."`
	AllowSource  []string          `group:"Input" placeholder:"NAME" help:"Accept a source beyond the documented ones; repeatable, or several with a comma between."`

	MaxInvalid      string `group:"Checks" default:"10%" placeholder:"10%" help:"Send nothing when more rows than this are invalid: N, N% or off."`
	Strict          bool   `group:"Checks" help:"The same as --max-invalid 0."`
	OverAllocation  string `group:"Checks" enum:"warn,reject,off" default:"warn" placeholder:"warn" help:"What to do about a user above the allocation limit: warn, reject or off."`
	AllocationLimit string `group:"Checks" default:"100" placeholder:"100" help:"What a user's percentages may add up to."`
	AllowEmpty      bool   `group:"Checks" help:"Input without rows is no error."`

	Chunk int `group:"Sending" default:"0" placeholder:"0" help:"Workspaces per request; 0 = all."`
}

// sendFlags say how a run sends.
type sendFlags struct {
	Rate        float64  `group:"Sending" default:"5" placeholder:"5" help:"Attempts per second, of all workers and retries together; 0 = no limit."`
	Burst       int      `group:"Sending" default:"1" placeholder:"1" help:"Attempts that may leave at once."`
	Workers     int      `group:"Sending" default:"4" placeholder:"4" help:"Users served at a time."`
	Timeout     duration `group:"Sending" default:"30s" placeholder:"30s" help:"For one attempt."`
	Retries     int      `group:"Sending" default:"5" placeholder:"5" help:"Of one request, after its first attempt."`
	MaxWait     duration `group:"Sending" default:"5m" placeholder:"5m" help:"Without a readable answer, before the run ends as unavailable."`
	MaxFailures string   `group:"Sending" default:"off" placeholder:"off" help:"Stop when more users than this have a failed, unknown, missing or mismatched row: N, N% or off."`
	MaxDuration string   `group:"Sending" default:"off" placeholder:"off" help:"Start nothing new after this time, such as 2h."`
	Canary      int      `group:"Sending" default:"0" placeholder:"0" help:"Users that go first and must all match before the others are sent."`
	Repair      bool     `group:"Sending" help:"Detach and attach again what COR answers with another percentage."`
}

// targetFlags say where a run sends to.
type targetFlags struct {
	endpointFlags
	Simulate bool `group:"Target" help:"Send to a simulator inside this process, which knows every user and workspace."`
}

// endpointFlags say where COR is and with which token it is asked.
type endpointFlags struct {
	BaseURL   string `group:"Target" placeholder:"URL" help:"Of the Integrations API; default https://integrations.projectcor.com."`
	AuthURL   string `group:"Target" placeholder:"URL" help:"Of the token endpoint; default https://api.projectcor.com/v1."`
	TokenFile string `group:"Target" placeholder:"FILE" help:"Holds an access token; nobody else may be able to read it."`
}

// outputFlags say what is printed and where runs are kept.
type outputFlags struct {
	RunsDir  string `group:"Output" default:"runs" placeholder:"runs" help:"Where runs keep their directories."`
	JSON     bool   `group:"Output" name:"json" help:"Print the summary as one JSON document."`
	Progress string `group:"Output" enum:"auto,always,never" default:"auto" placeholder:"auto" help:"auto: a bar on a terminal, a line every 30 s elsewhere; always or never."`
	logFlags
}

// logFlags say how is told what happens.
type logFlags struct {
	LogFormat string `group:"Output" enum:"auto,console,json" default:"auto" placeholder:"auto" help:"auto: console, in colour on a terminal; console; or json."`
	LogLevel  string `group:"Output" enum:"debug,info,warn,error" default:"info" placeholder:"info" help:"debug, info, warn or error."`
}

// settings turns the flags into what the journal keeps.
func (f *inputFlags) settings(a *app) journal.Settings {
	s := journal.Settings{
		Delimiter: f.Delimiter, Encoding: f.Encoding, DecimalComma: f.DecimalComma, Map: f.Map, Source: f.Source,
		AllowSource: f.AllowSource, MaxInvalid: f.MaxInvalid, OverAllocation: f.OverAllocation,
		AllocationLimit: f.AllocationLimit, AllowEmpty: f.AllowEmpty, Chunk: f.Chunk,
	}
	if f.Strict && a.isGiven("strict") { // and not outranked
		s.MaxInvalid = "0"
	}
	return s
}

// rules is what settings mean.
type rules struct {
	read       reader.Options
	plan       pipeline.Rules
	maxInvalid pipeline.Guard
	allowEmpty bool
}

// compile checks the settings and turns them into rules for the named files.
func compile(s journal.Settings, files []string) (rules, error) {
	r := rules{allowEmpty: s.AllowEmpty}
	delimiters := map[string]byte{
		"auto": 0, "comma": ',', ",": ',', "semicolon": ';', ";": ';', "tab": '\t', "\t": '\t', `\t`: '\t', "pipe": '|', "|": '|',
	}
	delimiter, known := delimiters[s.Delimiter]
	if !known {
		return r, usage("use comma, semicolon, tab, pipe or auto", "--delimiter: %q is no delimiter", s.Delimiter)
	}
	if err := reader.CheckEncoding(s.Encoding); err != nil {
		return r, usage("names such as utf-8, utf-16le, windows-1252 and iso-8859-15 are known", "--encoding: %w", err)
	}
	sources := pipeline.Sources()
	for _, name := range s.AllowSource {
		if strings.TrimSpace(name) == "" {
			return r, usage("name a source", "--allow-source: the name is blank")
		}
		sources = append(sources, pipeline.Source(upper(name)))
	}
	source := pipeline.Source(upper(s.Source))
	if source != "" && !slices.Contains(sources, source) {
		return r, usage("add --allow-source "+string(source)+" if COR knows it", "--source: %q is not one of COR's sources", s.Source)
	}
	if err := reader.CheckMap(s.Map); err != nil {
		return r, usage("write --map FIELD=HEADER, a FIELD being user_id, workspace_id, percentage or source", "--map: %w", err)
	}
	r.read = reader.Options{
		Delimiter: delimiter, Encoding: s.Encoding, DecimalComma: s.DecimalComma, Map: s.Map, Source: source, Sources: sources,
	}
	return r, r.compileChecks(s, files)
}

func (r *rules) compileChecks(s journal.Settings, files []string) error {
	var err error
	if r.maxInvalid, err = pipeline.ParseGuard(s.MaxInvalid); err != nil {
		return usage(guardHint, "--max-invalid: %w", err)
	}
	limit, ok := pipeline.ParseDecimal(s.AllocationLimit, '.')
	if !ok {
		return usage("use a number such as 100 or 137.5", "--allocation-limit: %q is no percentage", s.AllocationLimit)
	}
	if s.Chunk < 0 {
		return usage("use 0 for all workspaces in one request", "--chunk: %d is negative", s.Chunk)
	}
	over := map[string]pipeline.OverAllocation{
		"warn": pipeline.WarnOver, "reject": pipeline.RejectOver, "off": pipeline.IgnoreOver,
	}
	r.plan = pipeline.Rules{OverAllocation: over[s.OverAllocation], Limit: limit, Chunk: s.Chunk, Files: files}
	return nil
}

// upper is the name of a source as it is compared and sent.
func upper(name string) string {
	return reader.UpperASCII(strings.Trim(name, " \t"))
}

// settings checks the flags and turns them into what the runner needs.
func (f *sendFlags) settings() (pipeline.Settings, error) {
	s := pipeline.Settings{
		Rate: f.Rate, Burst: f.Burst, Workers: f.Workers, Timeout: time.Duration(f.Timeout), Retries: f.Retries,
		MaxWait: time.Duration(f.MaxWait), Canary: f.Canary, Repair: f.Repair,
	}
	for _, check := range []struct {
		bad   bool
		flag  string
		bound string
		hint  string
	}{
		{f.Rate < 0 || math.IsNaN(f.Rate) || math.IsInf(f.Rate, 0), "--rate", "must be a number from 0", "use attempts per second, or 0 for no limit"},
		{f.Burst < 1, "--burst", "must be at least 1", "1 leaves no burst"},
		{f.Workers < 1, "--workers", "must be at least 1", "4 is the default"},
		{f.Timeout <= 0, "--timeout", "must be above 0", "use a time such as 30s"},
		{f.Retries < 0, "--retries", "must be at least 0", "0 sends each request once"},
		{f.MaxWait <= 0, "--max-wait", "must be above 0", "use a time such as 5m"},
		{f.Canary < 0, "--canary", "must be at least 0", "use the number of users that go first, or 0"},
	} {
		if check.bad {
			return s, usage(check.hint, "%s: %s", check.flag, check.bound)
		}
	}
	var err error
	if s.MaxFailures, err = pipeline.ParseGuard(f.MaxFailures); err != nil {
		return s, usage(guardHint, "--max-failures: %w", err)
	}
	if f.MaxDuration != "off" {
		if s.MaxDuration, err = time.ParseDuration(f.MaxDuration); err != nil || s.MaxDuration <= 0 {
			return s, usage("use a time such as 2h30m, or off", "--max-duration: %q is no duration", f.MaxDuration)
		}
	}
	return s, nil
}

const guardHint = "use a number, a percentage, or off for no limit"

// filePath is the name of a file as it is given, byte for byte: kong would replace
// what is no UTF-8.
type filePath string

// Decode takes the next word of the command line.
func (p *filePath) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("file")
	if err == nil {
		*p = filePath(fmt.Sprint(token.Value))
	}
	return err
}

func paths(given []filePath) []string {
	names := make([]string, len(given))
	for i, p := range given {
		names[i] = string(p)
	}
	return names
}

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
