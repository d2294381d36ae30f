// Package settings sets flags from the environment and from a configuration file.
package settings

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"
)

const envPrefix = "CORATTACH_"

// Variable is the name of the environment variable that sets a flag.
func Variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Environment returns a variable without surrounding whitespace; "" when it is
// not set or blank, which is the same.
func Environment(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// Settings are what environment and configuration file set flags to. They are a
// [kong.Resolver]: the command line was served before.
type Settings struct {
	file *config // nil without --config
}

// Validate has nothing to do: a file is checked when it is read, a variable when
// its flag is resolved.
func (s *Settings) Validate(*kong.Application) error { return nil }

// Resolve returns what a flag is set to, nil when it is left alone. The
// environment outranks the file. Hidden flags are set on the command line alone.
func (s *Settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Hidden || flag.Name == "help" || flag.Name == ConfigFlag {
		return nil, nil
	}
	name := Variable(flag.Name)
	text := Environment(name)
	if text == "" {
		return s.file.resolve(flag)
	}
	value, err := checkValue(text, flag)
	if err != nil {
		return nil, usage(flagHint(flag), "--%s: %w (it is set by %s)", flag.Name, err, name)
	}
	return value, nil
}

// Origin is where a resolved flag was set: the variable, or the line of the file.
func (s *Settings) Origin(flag string) (from string, inFile bool) {
	if name := Variable(flag); Environment(name) != "" {
		return name, false
	}
	return s.file.origin(flag), true
}

// Read reads the settings of the command that ctx has selected. strange is a warning
// about variables that set nothing, "" without any. An error is a
// *pipeline.Failure.
func Read(ctx *kong.Context) (s *Settings, strange string, err error) {
	file, err := configOf(ctx)
	if err != nil {
		return nil, "", err
	}
	return &Settings{file}, strangeVariables(os.Environ(), settable(ctx.Model.Node)), nil
}

// strangeVariables is a warning about variables that look like a flag's and are
// none; "" when there are none.
func strangeVariables(environ []string, flags map[string]*kong.Flag) string {
	known := map[string]bool{Variable(ConfigFlag): true}
	for name := range flags {
		known[Variable(name)] = true
	}
	var strange []string
	for _, assignment := range environ {
		name, value, _ := strings.Cut(assignment, "=")
		if !strings.HasPrefix(name, envPrefix) || known[name] || strings.TrimSpace(value) == "" {
			continue
		}
		if near := nearest(name, slices.Collect(maps.Keys(known))); near != "" {
			name += " (did you mean " + near + "?)"
		}
		strange = append(strange, name)
	}
	if strange == nil {
		return ""
	}
	slices.Sort(strange)
	return fmt.Sprintf("no flag answers to %s: ignored", strings.Join(strange, ", "))
}

// maxTypos is how many letters a name may be away from the one that was meant.
const maxTypos = 2

// nearest returns the name that may have been meant, "" when none is near.
func nearest(name string, names []string) string {
	plain := plainName(name)
	near, best := "", min(maxTypos, len(plain)/2)+1
	for _, other := range slices.Sorted(slices.Values(names)) {
		if far := levenshtein.ComputeDistance(plain, plainName(other)); far < best {
			near, best = other, far
		}
	}
	return near
}

// plainName is a name without what people write differently: Max_Invalid,
// --max-invalid and CORATTACH_MAX_INVALID are one.
func plainName(name string) string {
	plain := strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(name))
	return strings.TrimPrefix(plain, "corattach")
}
