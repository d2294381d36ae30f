package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"corattach/pipeline"
)

// A configuration file is one YAML mapping from the names of flags, without
// dashes before them, to their values. A value is read as the same text after =
// on the command line would be, so that off is off and no boolean. Flags that
// repeat take a list, --map a mapping. One file serves all commands: a key has to
// be a flag of some command, and the others leave it alone.

// ConfigFlag is the flag that names the file; it can't stand in the file itself.
const ConfigFlag = "config"

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 64 << 10

// config is a configuration file.
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

// configOf reads the file that the command line names, or else the environment;
// nil when neither does.
func configOf(ctx *kong.Context) (*config, error) {
	path := Environment(Variable(ConfigFlag))
	for _, trace := range ctx.Path {
		if trace.Flag != nil && trace.Flag.Name == ConfigFlag {
			path = fmt.Sprint(ctx.FlagValue(trace.Flag))
			if path == "" {
				return nil, usage("give a value, or leave it out", "--config is given, but blank")
			}
		}
	}
	if path == "" {
		return nil, nil
	}
	file, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return file, file.check(settable(ctx.Model.Node))
}

// readConfig reads a file into its keys. Its errors are usage errors.
func readConfig(path string) (*config, error) {
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
		return usage(configHint, "--config: %s is empty", c.path)
	case err != nil:
		return usage(configHint, "%s", c.malformed(err))
	case !errors.Is(loader.Load(&second), io.EOF):
		return usage("keep one, without lines of ---", "--config: %s has more than one YAML document", c.path)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return usage(configHint, "%s is not a mapping of keys to values", c.place(root))
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], deref(root.Content[i+1])
		if other, found := c.find(key.Value); found {
			return usage("keep one of the two", "%s: %s is set in line %d already", c.place(key), key.Value, other.key.Line)
		}
		c.keys = append(c.keys, entry{key.Value, key, value})
	}
	return nil
}

// place is where a node stands.
func (c *config) place(n *yaml.Node) string { return fmt.Sprintf("%s line %d", c.path, n.Line) }

// malformed says why a file is no YAML, and where.
func (c *config) malformed(err error) string {
	var problem *yaml.LoadError
	if !errors.As(err, &problem) {
		return fmt.Sprintf("%s is no YAML: %v", c.path, err)
	}
	at := ""
	if problem.Mark.Line > 0 {
		at = fmt.Sprintf(" line %d", problem.Mark.Line)
	}
	return fmt.Sprintf("%s%s is no YAML: %s", c.path, at, problem.Message)
}

// LogFormat finds the log format that a file asks for, though the file may be
// wrong; "" when it asks for none. It waits for no pipe.
func LogFormat(path string) string {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	file, _ := readConfig(path)
	if file == nil {
		return ""
	}
	s, found := file.find("log-format")
	if !found {
		return ""
	}
	return s.value.Value
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// deref follows an alias to what it stands for.
func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (c *config) find(name string) (entry, bool) {
	i := slices.IndexFunc(c.keys, func(s entry) bool { return s.name == name })
	if i < 0 {
		return entry{}, false
	}
	return c.keys[i], true
}

// origin is where the file sets a flag.
func (c *config) origin(flag string) string {
	if s, found := c.find(flag); found {
		return c.place(s.key)
	}
	return ""
}

// check compares every key with the flags of all commands. One that only another
// command has must have a value that fits it there.
func (c *config) check(flags map[string]*kong.Flag) error {
	for _, s := range c.keys {
		flag := flags[s.name]
		if flag == nil {
			return c.unknown(s, flags)
		}
		if _, err := c.value(s, flag); err != nil {
			return err
		}
	}
	return nil
}

// resolve returns what the file sets a flag to, nil when it leaves it alone.
func (c *config) resolve(flag *kong.Flag) (any, error) {
	if c == nil {
		return nil, nil
	}
	s, found := c.find(flag.Name)
	if !found {
		return nil, nil
	}
	return c.value(s, flag)
}

// value is what a flag's mapper reads: the text as it would stand behind = on the
// command line, or a list of such texts.
func (c *config) value(s entry, flag *kong.Flag) (any, error) {
	var value any
	switch {
	case isNull(s.value):
		return nil, usage(`give a value, leave the line out, or write "" for a blank`, "%s: %s has no value", c.place(s.key), s.name)
	case s.value.Kind == yaml.ScalarNode:
		value = s.value.Value
	case s.value.Kind == yaml.SequenceNode && flag.IsSlice():
		value = texts(s.value)
	case s.value.Kind == yaml.MappingNode && flag.IsMap():
		value = pairs(s.value)
	}
	if value == nil {
		return nil, usage("it takes "+formOf(flag), "%s: %s has a value of another form", c.place(s.value), s.name)
	}
	value, err := checkValue(value, flag)
	if err != nil {
		return nil, usage(flagHint(flag), "%s: %s: %w", c.place(s.value), s.name, err)
	}
	return value, nil
}

// texts are the entries of a list; nil when one of them is no text.
func texts(list *yaml.Node) any {
	all := []any{}
	for _, item := range list.Content {
		if item = deref(item); item.Kind != yaml.ScalarNode || isNull(item) {
			return nil
		}
		all = append(all, item.Value)
	}
	return all
}

// pairs are the entries of a mapping as --map takes them; nil when one of them is
// no text or stands twice.
func pairs(mapping *yaml.Node) any {
	seen := make(map[string]bool)
	var all []string
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], deref(mapping.Content[i+1])
		if value.Kind != yaml.ScalarNode || isNull(value) || seen[key.Value] {
			return nil
		}
		seen[key.Value] = true
		all = append(all, key.Value+"="+value.Value)
	}
	return kong.JoinEscaped(all, ';')
}

// formOf says what stands behind a flag's name in a file.
func formOf(flag *kong.Flag) string {
	switch {
	case flag.IsMap():
		return fmt.Sprintf("a mapping of different fields, as in %s: {user_id: Employee}", flag.Name)
	case flag.IsSlice():
		return fmt.Sprintf("a list of texts, as in %s: [A, B]", flag.Name)
	case flag.IsBool():
		return "true or false"
	}
	return fmt.Sprintf("one value, as in %s: %s", flag.Name, flag.FormatPlaceHolder())
}

// checkValue tries a value on the mapper of its flag, so that whoever set it can
// be named, and returns it as the mapper takes it: on and off stand for true and
// false.
func checkValue(value any, flag *kong.Flag) (any, error) {
	switch text, _ := value.(string); {
	case flag.IsBool() && strings.EqualFold(text, "on"):
		value = "true"
	case flag.IsBool() && strings.EqualFold(text, "off"):
		value = "false"
	case flag.Enum != "" && !slices.Contains(flag.EnumSlice(), text):
		return nil, fmt.Errorf("%q is not known", text)
	}
	into := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, into); err != nil {
		return nil, errors.New(Plainly(err.Error()))
	}
	return value, nil
}

// flagHint says what a flag is for, or lists what it can be.
func flagHint(flag *kong.Flag) string {
	if flag.Enum != "" {
		return "it is one of " + strings.Join(flag.EnumSlice(), ", ")
	}
	return "--" + flag.Name + ": " + flag.Help
}

// settable are the flags of all commands that environment and file can set, by
// name: those of one name are alike.
func settable(root *kong.Node) map[string]*kong.Flag {
	flags := make(map[string]*kong.Flag)
	for _, flag := range root.Flags {
		if flag.Name != ConfigFlag && flag.Name != "help" && !flag.Hidden {
			flags[flag.Name] = flag
		}
	}
	for _, child := range slices.Backward(root.Children) { // import, which is the first, speaks for all
		maps.Copy(flags, settable(child))
	}
	return flags
}

// unknown refuses a key, with the flag that may have been meant. It never repeats
// the value.
func (c *config) unknown(s entry, flags map[string]*kong.Flag) error {
	if NamesSecret(s.name) {
		return usage("set COR_API_KEY and COR_CLIENT_SECRET or COR_ACCESS_TOKEN in the environment, or name a file with token-file",
			"%s: %s: credentials must not stand in this file", c.place(s.key), s.name)
	}
	hint := "keys are the names of flags: corattach import --help lists them"
	if near := nearest(s.name, slices.Collect(maps.Keys(flags))); near != "" {
		hint = "did you mean " + near + "?"
	}
	return usage(hint, "%s: %q is no flag of any command", c.place(s.key), s.name)
}

// NamesSecret reports whether credentials are meant by a name that no flag has.
func NamesSecret(name string) bool {
	plain := plainName(name)
	return slices.ContainsFunc([]string{"apikey", "secret", "token", "password"}, func(secret string) bool { return strings.Contains(plain, secret) })
}

// Plainly says in words what kong says in terms of its parser.
func Plainly(text string) string {
	for _, r := range []struct{ pattern, words string }{
		{`expected \S+ value but got "EOL" \(<EOL>\)`, "no value is given"},
		{`missing value, expecting .*`, "no value is given"},
		{`expected \S+ value but got "(-\S*)" \((?:long|short) flag\).*`, "no value is given before $1"},
		{`expected a (?:valid 64 bit )?(?:u?int|float) but got ("[^"]*")(?: \(string\))?`, "$1 is no number"},
		{`bool value must be true, 1, yes, false, 0 or no but got ("[^"]*")`, "$1 is neither true nor false"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.words)
	}
	return text
}

func usage(hint, format string, args ...any) error {
	return &pipeline.Failure{Code: pipeline.ExitUsage, Err: fmt.Errorf(format, args...), Hint: hint}
}
