package settings

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

const envPrefix = "CORATTACH_"

// Variable is the name of the environment variable that sets a flag.
func Variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Environment returns a variable without surrounding whitespace; "" when it is
// not set or blank, which is the same.
func Environment(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// strangeVariables is a warning about variables that look like a flag's and are
// none; "" when there are none.
func strangeVariables(environ, flags []string) string {
	known := []string{Variable(ConfigFlag)}
	for _, name := range flags {
		known = append(known, Variable(name))
	}
	var strange []string
	for _, assignment := range environ {
		name, value, _ := strings.Cut(assignment, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || strings.TrimSpace(value) == "" {
			continue
		}
		if near := nearest(name, known); near != "" {
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

// nearest returns the name that may have been meant, "" when none is within two
// letters.
func nearest(name string, names []string) string {
	plain := plainName(name)
	near, best := "", min(2, len(plain)/2)+1
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

// Plainly says in words what kong says in terms of its parser.
func Plainly(text string) string {
	text = regexp.MustCompile(`expected \S+ value but got .*|missing value, expecting .*`).ReplaceAllString(text, "no value is given")
	return regexp.MustCompile(`bool value must be .* but got ("[^"]*")`).ReplaceAllString(text, "$1 is neither true nor false")
}
