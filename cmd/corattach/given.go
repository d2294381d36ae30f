package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
)

// given is a flag that was set on the command line, in the environment or in a
// configuration file.
type given struct {
	name   string
	values []string // as it would be written again; nil for a switch alone
	place  place
	from   string // the variable, or the line of the file; "" for the command line
}

// place is where a flag was given; one that is less outranks one that is more.
type place int

const (
	onCommandLine place = iota
	inSession           // of a run that is resumed: its last one
	inEnvironment
	inFile
)

// givenFlags returns the flags of the command line, in order, and after them
// those of environment and file.
func givenFlags(parsed *kong.Context, s *settings.Settings) []given {
	var flags []given
	for _, path := range parsed.Path {
		flag := path.Flag
		if flag == nil || flag.Name == settings.ConfigFlag || flag.Name == "help" {
			continue
		}
		if slices.ContainsFunc(flags, func(g given) bool { return g.name == flag.Name }) {
			continue
		}
		g := given{name: flag.Name, values: values(flag.Target.Interface())}
		if path.Resolved {
			g.setIn(s)
		}
		flags = append(flags, g)
	}
	return flags
}

// setIn says where a flag was set that is not on the command line.
func (g *given) setIn(s *settings.Settings) {
	var inAFile bool
	g.place = inEnvironment
	if g.from, inAFile = s.Origin(g.name); inAFile {
		g.place = inFile
	}
}

// oneLimit leaves out --strict where --max-invalid was given in a place that
// outranks it, and the other way round: they are one setting.
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

// oneTarget leaves out the URLs and the token file where --simulate was given in a
// place that outranks theirs, and --simulate where --base-url outranks it.
func oneTarget(flags []given) []given {
	named := func(name string) int { return slices.IndexFunc(flags, func(g given) bool { return g.name == name }) }
	simulate, base := named("simulate"), named("base-url")
	if simulate < 0 || flags[simulate].values != nil { // --simulate=false says nothing of a target
		return flags
	}
	if base >= 0 && flags[base].place < flags[simulate].place {
		return slices.Delete(flags, simulate, simulate+1)
	}
	nearest := flags[simulate].place
	return slices.DeleteFunc(flags, func(g given) bool {
		return g.place > nearest && slices.Contains([]string{"base-url", "auth-url", "token-file"}, g.name)
	})
}

// find returns a flag that was given, nil when it was not.
func (a *app) find(flag string) *given {
	i := slices.IndexFunc(a.given, func(g given) bool { return g.name == flag })
	if i < 0 {
		return nil
	}
	return &a.given[i]
}

// typed reports whether a flag was given on the command line.
func (a *app) typed(flag string) bool {
	g := a.find(flag)
	return g != nil && g.place == onCommandLine
}

// refuseBlank refuses flags that are given, but blank: a variable of a script may
// not be set.
func (a *app) refuseBlank(flags ...string) error {
	for _, name := range flags {
		if g := a.find(name); g != nil && len(g.values) == 1 && g.values[0] == "" {
			return usage("give a value, or leave it out for the default", "--%s is given, but blank", name)
		}
	}
	return nil
}

// words writes the given flags again, wherever they were set: those among flags,
// or all where that is nil. Left out are the URL of the ping, whose value holds a
// token, and the plan, which is one run's alone.
func (a *app) words(flags map[string]*kong.Flag) []string {
	var words []string
	for _, g := range a.given {
		if g.name == "ping-url" || g.name == "plan" || flags != nil && flags[g.name] == nil {
			continue
		}
		switch {
		case g.name == "dry-run" && g.values == nil && g.place != onCommandLine:
			words = append(words, "--dry-run=true") // the command that sends for real has to say --dry-run=false
		case g.values == nil:
			words = append(words, "--"+g.name)
		}
		for _, v := range g.values {
			words = append(words, "--"+g.name+"="+v)
		}
	}
	return words
}

// values returns what a flag would be written with; nil for a switch alone.
func values(target any) []string {
	switch v := target.(type) {
	case bool:
		if v {
			return nil
		}
		return []string{"false"}
	case []string:
		var escaped []string
		for _, one := range v {
			escaped = append(escaped, kong.JoinEscaped([]string{one}, ','))
		}
		return escaped
	case columnMap:
		var pairs []string
		for _, field := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, kong.JoinEscaped([]string{field + "=" + v[field]}, ';'))
		}
		return pairs
	}
	return []string{fmt.Sprint(target)}
}
