// Package settings sets flags from the environment and from a configuration file.
//
// The file is one YAML mapping from the names of flags, without dashes before them,
// to their values. A value is read as the same text after = on the command line
// would be, so that off is off and no boolean. Flags that repeat take a list, --map a
// mapping. One file serves all commands: a key has to be a flag of some command, and
// the others leave it alone.
package settings

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"corattach/pipeline"
)

// ConfigFlag is the flag that names the file; it can't stand in the file itself.
const ConfigFlag = "config"

// Settings are what environment and configuration file set flags to.
type Settings struct {
	Strange string // a warning about variables that set nothing; "" without any, and before Check

	args []string             // of the command line
	path string               // of the file; "" without one
	file map[string]yaml.Node // by the name of the flag
	err  error                // why the file can't be read
}

// Read reads the file that the command line names, or else the environment. What is
// wrong with it is said by Check.
func Read(args []string) *Settings {
	s := &Settings{args: args}
	if s.path = s.Early(ConfigFlag); s.path == "" {
		return s
	}
	content, err := os.ReadFile(s.path)
	if err == nil {
		s.err = s.parse(content)
	} else {
		s.err = pipeline.Usage("name a YAML file, and check who may read it", "--config: %w", err)
	}
	return s
}

// parse reads the keys.
func (s *Settings) parse(content []byte) error {
	if err := yaml.Load(content, &s.file, yaml.WithV3Defaults()); err != nil {
		text := strings.NewReplacer("construct errors: ", "", "<unknown position>: yaml: ", "", "map[string]libyaml.Node", "a mapping of keys to values").Replace(err.Error())
		return pipeline.Usage("the file has lines such as rate: 5 and max-invalid: 10%", "--config: %s: %s", s.path, text)
	}
	return nil
}

// Early is what a flag is set to, as far as that can be told of a command line that
// may be wrong; "" when it is not set.
func (s *Settings) Early(flag string) string {
	args := s.args
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	for i, arg := range slices.Backward(args) {
		if value, found := strings.CutPrefix(arg, "--"+flag+"="); found {
			return value
		}
		if arg == "--"+flag && i+1 < len(args) {
			return args[i+1]
		}
	}
	text := Environment(Variable(flag))
	if line, found := s.file[flag]; found && text == "" {
		_ = line.Load(&text)
	}
	return text
}

// Check compares every key of the file with the flags of all commands. One that only
// another command has must have a value that fits it there. It also looks for
// variables that set nothing. An error is a *pipeline.Failure.
func (s *Settings) Check(program *kong.Application) error {
	if s.err != nil {
		return s.err
	}
	flags := make(map[string]*kong.Flag)                            // of all commands: those of one name are alike
	for _, command := range slices.Backward(program.Leaves(true)) { // import, which is the first, speaks for all
		for _, flag := range command.Flags {
			if !flag.Hidden {
				flags[flag.Name] = flag
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.file)) {
		if flags[name] == nil { // the value may be a secret
			hint := "keys are the names of flags: corattach import --help lists them"
			if near := nearest(name, slices.Collect(maps.Keys(flags))); near != "" {
				hint = "did you mean " + near + "?"
			}
			return pipeline.Usage(hint, "--config: %s: %q is no flag of any command", s.place(s.file[name]), name)
		}
		if _, err := s.line(flags[name]); err != nil {
			return err
		}
	}
	s.Strange = strangeVariables(os.Environ(), slices.Collect(maps.Keys(flags)))
	return nil
}

// Resolve is a [kong.ResolverFunc]: it returns what a flag is set to that the command
// line does not give, nil when it is left alone. The environment outranks the file, and
// a flag is left alone when its rival, which its tag names, is set nearer to the command
// line. Hidden flags are set on the command line alone.
func (s *Settings) Resolve(ctx *kong.Context, command *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Hidden || flag.Name == "help" || flag.Name == ConfigFlag {
		return nil, nil
	}
	isRival := func(f *kong.Flag) bool { return f != nil && f.Name == flag.Tag.Get("rival") }
	if slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return isRival(p.Flag) && ctx.FlagValue(p.Flag) != false }) {
		return nil, nil
	}
	if value, err := inEnvironment(flag); value != nil || err != nil {
		return value, err
	}
	if i := slices.IndexFunc(command.Flags, isRival); i >= 0 {
		if value, err := inEnvironment(command.Flags[i]); err != nil || value != nil && value != false {
			return nil, err
		}
	}
	return s.line(flag)
}

// inEnvironment is what the environment sets a flag to; nil for nothing.
func inEnvironment(flag *kong.Flag) (any, error) {
	name := Variable(flag.Name)
	if text := Environment(name); text != "" {
		return checked(text, flag, name)
	}
	return nil, nil
}

// Origin is where a resolved flag was set: the variable, or the line of the file.
func (s *Settings) Origin(flag string) string {
	if name := Variable(flag); Environment(name) != "" {
		return name
	}
	return s.place(s.file[flag])
}

// line is what the file sets a flag to; nil for nothing.
func (s *Settings) line(flag *kong.Flag) (any, error) {
	node, found := s.file[flag.Name]
	if !found {
		return nil, nil
	}
	var value any
	var text string
	var list []string
	var mapping map[string]string
	switch {
	case node.Tag == "!!null":
	case node.Load(&text) == nil:
		value = text
	case flag.IsSlice() && node.Load(&list) == nil:
		texts := make([]any, len(list)) // as kong takes a list
		for i := range list {
			texts[i] = list[i]
		}
		value = texts
	case flag.IsMap() && node.Load(&mapping) == nil:
		var pairs []string
		for key, value := range mapping {
			pairs = append(pairs, key+"="+value)
		}
		value = kong.JoinEscaped(pairs, ';')
	}
	place := s.place(node)
	if value == nil {
		return nil, pipeline.Usage(Hint(flag), "--%s: no value is given, or one of another form (in %s)", flag.Name, place)
	}
	return checked(value, flag, place)
}

func (s *Settings) place(node yaml.Node) string { return fmt.Sprintf("%s line %d", s.path, node.Line) }

// checked returns a value as it is if the flag's mapper takes it, or the switch that
// it means. Otherwise the error names the place where it is set.
func checked(value any, flag *kong.Flag, place string) (any, error) {
	if flag.IsBool() && (value == "on" || value == "off") { // as in YAML 1.1
		return value == "on", nil
	}
	into := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, into)
	if err == nil && flag.Enum != "" && !slices.Contains(flag.EnumSlice(), into.String()) {
		err = fmt.Errorf("%q is not known", into.String())
	}
	if err != nil {
		return nil, pipeline.Usage(Hint(flag), "--%s: %s (it is set by %s)", flag.Name, Plainly(err.Error()), place)
	}
	if flag.IsBool() {
		return into.Bool(), nil
	}
	return value, nil
}

// Hint says what a flag is for, or lists what it can be.
func Hint(flag *kong.Flag) string {
	if flag.Enum != "" {
		return "it is one of " + strings.Join(flag.EnumSlice(), ", ")
	}
	return "--" + flag.Name + ": " + flag.Help
}
