package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs"
	"corattach/pipeline/send"
)

type resumeCommand struct {
	Run_        filePath `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	EvenIfOlder bool     `help:"Send although a later run has sent for one of this run's users."`
	sendFlags
	attachFlags
	targetFlags
	runsFlag
	keepFlags
	outputFlags
	monitorFlags
	fixedFlags
}

// fixedFlags decide what a run's rows are: a resume takes them only to refuse what
// differs from the run.
type fixedFlags struct {
	inputFlags
	percentageFlags
	checkFlags
	allocationFlags
	chunkFlag
	nightlyFlags
	detachFlags
}

// hideFixed takes the fixed flags out of the help of resume. Hidden flags are set
// on the command line alone.
func hideFixed(k *kong.Kong) error {
	for _, node := range k.Model.Children {
		if node.Name != "resume" {
			continue
		}
		for _, flag := range node.Flags {
			if flag.Name == "chunk" || flag.Group != nil && slices.Contains([]string{"Input", "Checks", "Nightly"}, flag.Group.Key) {
				flag.Hidden = true
			}
		}
	}
	return nil
}

// Help is shown below the description.
func (*resumeCommand) Help() string {
	return `Input, checks, grouping and nightly settings are those of the run; they can't be changed. A flag below that is not given now has the
value that it had in the run's last session.

` + credentialsHelp + "\n\n" + examples("corattach resume last", "corattach resume --rate 2 runs/20261123T031500Z-ab12cd")
}

// Run sends what has no definite answer yet.
func (c *resumeCommand) Run(a *app, parsed *kong.Context) error {
	if err := a.refuseBlank("base-url", "auth-url", "token-file", "runs-dir"); err != nil {
		return err
	}
	dir, err := runs.Find(string(c.RunsDir), string(c.Run_), false)
	if err != nil {
		return err
	}
	header, words, err := runs.LastSession(dir)
	if err != nil {
		return err
	}
	visible := visibleFlags(parsed.Selected())
	if err := a.inherit(visible, words); err != nil {
		return err
	}
	c.outputFlags.open(a)
	a.watch.patient = true
	if err := a.watchRun(&c.monitorFlags, header.Job); err != nil {
		return err
	}
	return c.resume(a, dir, header, visible)
}

func (c *resumeCommand) resume(a *app, dir string, header journal.Header, visible map[string]*kong.Flag) error {
	if err := c.keepFlags.check(); err != nil {
		return err
	}
	var sending send.Settings
	if err := c.sendFlags.fill(&sending); err != nil {
		return err
	}
	if err := c.attachFlags.fill(&sending); err != nil {
		return err
	}
	if a.typed("job") && c.Job != header.Job {
		return otherSetting("job", header.Job, c.Job)
	}
	outcome, err := runs.Resume(a.ctx, a.cut, runs.Resumption{
		Dir: dir, Sending: sending, EvenIfOlder: c.EvenIfOlder,
		Check:   func(then journal.Settings) error { return a.sameSettings(c.settings(a), then) },
		Connect: c.connect(a),
		Common: runs.Common{
			RunsDir: filepath.Dir(dir), KeepRuns: c.KeepRuns, WaitLock: c.wait(), Version: version(), JournalFile: a.journalFile,
			Flags: a.words(visible),
		},
	}, a.host(&c.outputFlags))
	return a.conclude(&c.outputFlags, outcome, err)
}

// visibleFlags are the flags of a command that are not hidden, by name.
func visibleFlags(command *kong.Node) map[string]*kong.Flag {
	flags := make(map[string]*kong.Flag)
	for _, flag := range command.Flags {
		if !flag.Hidden {
			flags[flag.Name] = flag
		}
	}
	return flags
}

// inherit sets the flags that the last session of a run had and the command line
// does not give; they outrank environment and file. The target is that of the
// run's header, and what overrides a refusal is never inherited.
func (a *app) inherit(flags map[string]*kong.Flag, words []string) error {
	for _, word := range words {
		name, value, assigned := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		flag := flags[name]
		if flag == nil || a.typed(name) || slices.Contains([]string{"base-url", "auth-url", "simulate", "runs-dir", "even-if-older"}, name) {
			continue
		}
		if !assigned {
			value = "true"
		}
		scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
		if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, flag.Target); err != nil {
			return usage("give it again", "the run's last session had --%s=%s: %s", name, value, settings.Plainly(err.Error()))
		}
		a.given = slices.DeleteFunc(a.given, func(g given) bool { return g.name == name })
		a.given = append(a.given, given{name: name, values: values(flag.Target.Interface()), place: inSession, from: "the run's last session"})
	}
	return nil
}

// connect reaches the target of the run, unless the command line gives another
// one.
func (c *resumeCommand) connect(a *app) func(then pipeline.Target) runs.Connect {
	return func(then pipeline.Target) runs.Connect {
		return func(ctx context.Context) (runs.Connection, error) {
			f := c.targetFlags
			f.settle(a)
			f.Simulate = f.Simulate && a.typed("simulate")
			other := f.Simulate || a.typed("base-url") || a.typed("auth-url")
			switch {
			case then.BaseURL == pipeline.SimulatorURL && !other:
				f = targetFlags{Simulate: true}
			case then.BaseURL != pipeline.SimulatorURL && !f.Simulate:
				if !a.typed("base-url") {
					f.BaseURL = then.BaseURL
				}
				if !a.typed("auth-url") {
					f.AuthURL = then.AuthURL
				}
			}
			t, err := f.target()
			if err != nil {
				return runs.Connection{}, err
			}
			connect, err := a.connect(t, string(f.TokenFile))
			if err != nil {
				return runs.Connection{}, err
			}
			return connect(ctx)
		}
	}
}

// settings are what the fixed flags say.
func (c *resumeCommand) settings(a *app) journal.Settings {
	var s journal.Settings
	c.inputFlags.fill(&s)
	c.percentageFlags.fill(&s)
	c.checkFlags.fill(a, &s)
	c.allocationFlags.fill(&s)
	c.nightlyFlags.fill(&s)
	c.detachFlags.fill(&s)
	s.Chunk = c.Chunk
	return s
}

// sameSettings refuses settings that the command line gives and that differ from
// the run's.
func (a *app) sameSettings(now, then journal.Settings) error {
	given, made := settingWords(&now), settingWords(&then)
	for _, g := range a.given {
		name := g.name
		if name == "strict" {
			name = "max-invalid"
		}
		if value, is := given[name]; is && g.place == onCommandLine && value != made[name] {
			return otherSetting(name, made[name], value)
		}
	}
	return nil
}

func otherSetting(name, then, now string) error {
	return usage("leave it out, or start a new run", "the run was made with --%s=%s, and --%s=%s is given", name, then, name, now)
}

// settingWords are the settings by the names of their flags.
func settingWords(s *journal.Settings) map[string]string {
	return map[string]string{
		"delimiter": s.Delimiter, "encoding": s.Encoding, "skip-lines": strconv.Itoa(s.SkipLines),
		"decimal-comma": strconv.FormatBool(s.DecimalComma), "percentage-unit": s.PercentageUnit,
		"map": fmt.Sprint(values(columnMap(s.Map))), "source": s.Source, "allow-source": fmt.Sprint(s.AllowSource),
		"max-invalid": s.MaxInvalid, "over-allocation": s.OverAllocation, "allocation-limit": s.AllocationLimit,
		"allow-empty": strconv.FormatBool(s.AllowEmpty), "max-input-age": offDuration(s.MaxInputAge).String(), "chunk": strconv.Itoa(s.Chunk),
		"changed-only": strconv.FormatBool(s.ChangedOnly), "max-age": time.Duration(s.MaxAge).String(),
		"max-drop": s.MaxDrop, "max-change": s.MaxChange, "accept-change": strconv.FormatBool(s.AcceptChange),
		"max-detach": s.MaxDetach, "unprotected": strconv.FormatBool(s.Unprotected),
	}
}
