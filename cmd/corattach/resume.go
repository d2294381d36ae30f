package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/monitor"
	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs"
)

type resumeCommand struct {
	Run_        string `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	EvenIfOlder bool   `help:"Send although a later run has sent for one of this run's users."`
	runFlags
	importFlags
	detachFlags
}

// Run sends what has no definite answer yet.
func (c *resumeCommand) Run(a *app, parsed *kong.Context) error {
	dir, err := runs.Find(c.RunsDir, c.Run_, false)
	if err != nil {
		return err
	}
	log, err := journal.Read(filepath.Join(dir, runs.JournalFile))
	if err != nil {
		return err
	}
	defer log.Close()
	words := log.Flags
	if n := len(log.Sessions); n > 0 {
		words = log.Sessions[n-1].Flags
	}
	if err := a.inherit(parsed.Selected().Flags, words); err != nil {
		return err
	}
	a.open(parsed.Selected().Flags)
	a.patient = true
	if a.monitor, err = monitor.New(c.MetricsFile, c.PingURL, log.Job, agent()); err != nil {
		return err
	}
	if err := a.sameSettings(log.Header); err != nil {
		return err
	}
	f := c.targetFlags // that of the run, unless the command line gives another one
	switch then := log.Target; {
	case then.BaseURL != pipeline.SimulatorURL && !f.Simulate:
		f.BaseURL, f.AuthURL = cmp.Or(f.BaseURL, then.BaseURL), cmp.Or(f.AuthURL, then.AuthURL)
	case f.BaseURL+f.AuthURL == "":
		f.Simulate, f.TokenFile = true, ""
	}
	t, err := f.target()
	if err != nil {
		return err
	}
	r := runs.Resumption{Dir: dir, EvenIfOlder: c.EvenIfOlder, Common: a.common(c)}
	r.RunsDir = filepath.Dir(dir)
	r.Connect = func(ctx context.Context) (runs.Connection, error) { // without anything to resume no credentials are needed
		connect, err := a.connect(t, f.TokenFile, nil)
		if err != nil {
			return runs.Connection{}, err
		}
		return connect(ctx)
	}
	outcome, err := runs.Resume(a.ctx, a.cut, r, a.host(c.outputFlags))
	return a.conclude(c.JSON, outcome, err)
}

// inherit sets the flags that the last session of a run had and the command line
// does not give; they outrank environment and file. What overrides a refusal is
// never inherited.
func (a *app) inherit(flags []*kong.Flag, words []string) error {
	for _, word := range words {
		name, value, assigned := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == name && !f.Hidden })
		if i < 0 || a.typed(name) || name == "runs-dir" || name == "even-if-older" {
			continue
		}
		if !assigned {
			value = "true"
		}
		if err := flags[i].Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), flags[i].Target); err != nil {
			return pipeline.Usage("give it again", "the run's last session had %s: %s", word, settings.Plainly(err.Error()))
		}
		a.given = slices.DeleteFunc(a.given, func(g given) bool { return g.Name == name })
		a.given = append(a.given, given{flags[i], "the run's last session"})
	}
	return nil
}

// sameSettings refuses settings that the command line gives and that differ from
// the run's.
func (a *app) sameSettings(then journal.Header) error {
	run := reflect.ValueOf(struct {
		Job string
		journal.Settings
	}{then.Job, then.Settings})
	text := func(v reflect.Value) string { return strings.TrimPrefix(fmt.Sprint(v), "map") }
	for _, g := range a.given {
		name, now := g.Name, g.Target
		if name == "strict" && now.Bool() {
			name, now = "max-invalid", reflect.ValueOf("0")
		}
		was := run.FieldByNameFunc(func(field string) bool { return strings.EqualFold(field, strings.ReplaceAll(name, "-", "")) })
		if was.IsValid() && text(was) != text(now) {
			return pipeline.Usage("leave it out, or start a new run", "the run was made with --%s=%s, and --%[1]s=%[3]s is given", name, text(was), text(now))
		}
	}
	return nil
}
