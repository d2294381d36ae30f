package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"
)

// configPath names a YAML file that sets flags. What the command line or the
// environment sets as well is theirs.
//
// The file is one mapping from the names of flags, without dashes before them, to
// their values. A value is read as the same text after = on the command line
// would be, so that off is off and no boolean. Flags that repeat take a list,
// --map a mapping. One file serves all commands: a key has to be a flag of some
// command, and the others leave it alone.
type configPath string

// BeforeResolve reads the file when kong knows its name, and before the flags
// get their values.
func (configPath) BeforeResolve(a *app, ctx *kong.Context, trace *kong.Path) error {
	if command := ctx.Selected(); command == nil || command.Tag.Has(settingless) {
		return nil
	}
	path, _ := ctx.FlagValue(trace.Flag).(configPath)
	file, err := readConfig(string(path))
	if err != nil {
		return err
	}
	if err := file.check(ctx.Model.Node); err != nil {
		return err
	}
	a.config = file
	ctx.AddResolver(file)
	return nil
}

// settingless is the tag of commands that need no settings: they work whatever
// is in a file that the environment names.
const settingless = "settingless"

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 64 << 10

// config is a configuration file. It is a [kong.Resolver].
type config struct {
	path string
	keys []entry
}

// entry is a key of a configuration file with its value.
type entry struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// readConfig reads a file into its keys. Its errors are usage errors.
func readConfig(path string) (*config, error) {
	if path == "" {
		return nil, usage("give a value, or leave it out", "--config is given, but blank")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usage("check the path and who may read it", "--config: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	switch {
	case err != nil:
		return nil, usage("name a YAML file", "--config: %w", err)
	case len(content) > maxConfig:
		return nil, usage("name a YAML file", "--config: %s is larger than 64 KiB", path)
	}
	c := &config{path: path}
	return c, c.parse(content)
}

const configHint = "the file has lines such as rate: 5 and max-invalid: 10%"

// parse reads the keys.
func (c *config) parse(content []byte) error {
	loader, err := yaml.NewLoader(bytes.NewReader(content))
	if err != nil {
		return err
	}
	var document, second yaml.Node
	err = loader.Load(&document)
	blank := errors.Is(err, io.EOF) || err == nil && isNull(document.Content[0])
	switch {
	case blank:
		return usage(configHint, "--config: nothing stands in %s", c.path)
	case err != nil:
		return usage(configHint, "%s", c.malformed(err))
	case !errors.Is(loader.Load(&second), io.EOF):
		return usage("keep one, without lines of ---", "--config: %s has more than one YAML document", c.path)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return usage(configHint, "%s is no list of keys and values", c.place(root))
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], deref(root.Content[i+1])
		s := entry{key.Value, key, value}
		for _, other := range c.keys {
			if other.name == s.name {
				return usage("keep one of the two", "%s: %s is set in line %d already", c.place(key), s.name, other.key.Line)
			}
		}
		c.keys = append(c.keys, s)
	}
	return nil
}

// place is where a node stands.
func (c *config) place(n *yaml.Node) string { return fmt.Sprintf("%s line %d", c.path, n.Line) }

// malformed says why a file is no YAML, and where.
func (c *config) malformed(err error) string {
	var problem *yaml.LoadError
	switch {
	case !errors.As(err, &problem):
		return fmt.Sprintf("%s is no YAML: %v", c.path, err)
	case problem.Mark.Line == 0:
		return fmt.Sprintf("%s is no YAML: %s", c.path, problem.Message)
	}
	return fmt.Sprintf("%s line %d is no YAML: %s", c.path, problem.Mark.Line, problem.Message)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// deref follows an alias to what it stands for.
func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// check holds every key to the flags of all commands. A key that only another
// command has must have a value that fits it there.
func (c *config) check(root *kong.Node) error {
	flags := settable(root)
	for _, s := range c.keys {
		if len(flags[s.name]) == 0 {
			return c.unknown(s, flags)
		}
		_, problem := c.value(s, flags[s.name][0])
		fits := problem == nil || slices.ContainsFunc(flags[s.name][1:], func(flag *kong.Flag) bool {
			_, err := c.value(s, flag)
			return err == nil
		})
		if !fits {
			return problem
		}
	}
	return nil
}

// settable are the flags of all commands that a file can set, by name.
func settable(root *kong.Node) map[string][]*kong.Flag {
	flags := make(map[string][]*kong.Flag)
	for _, flag := range root.Flags {
		if _, names := flag.Target.Interface().(configPath); !names && flag.Name != "help" && !flag.Hidden {
			flags[flag.Name] = append(flags[flag.Name], flag)
		}
	}
	for _, child := range root.Children {
		for name, more := range settable(child) {
			flags[name] = append(flags[name], more...)
		}
	}
	return flags
}

// unknown refuses a key, with the flag that may have been meant.
func (c *config) unknown(s entry, flags map[string][]*kong.Flag) error {
	plain := plainName(s.name)
	if namesSecret(s.name) {
		return usage("set COR_API_KEY and COR_CLIENT_SECRET or COR_ACCESS_TOKEN in the environment, or name a file with token-file",
			"%s: %s: credentials must not stand in this file", c.place(s.key), s.name)
	}
	hint, best := "keys are the names of flags: corattach import --help lists them", min(maxTypos, len(plain)/2)+1
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if far := levenshtein.ComputeDistance(plain, plainName(name)); far < best {
			hint, best = "did you mean "+name+"?", far
		}
	}
	return usage(hint, "%s: %q is no flag of any command", c.place(s.key), s.name)
}

// maxTypos is how many letters a name may be away from the one that was meant.
const maxTypos = 2

// namesSecret reports whether credentials are meant by a name that no flag has.
func namesSecret(name string) bool {
	plain := plainName(name)
	return slices.ContainsFunc([]string{"apikey", "secret", "token", "password"}, func(secret string) bool { return strings.Contains(plain, secret) })
}

// plainName is a name without what people write differently: Max_Invalid,
// --max-invalid and CORATTACH_MAX_INVALID are one.
func plainName(name string) string {
	plain := strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(name))
	return strings.TrimPrefix(plain, "corattach")
}
