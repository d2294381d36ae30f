package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
)

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
