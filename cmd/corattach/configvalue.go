package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"
)

// Validate has nothing to do: the whole file is checked when it is read.
func (c *config) Validate(*kong.Application) error { return nil }

// Resolve returns what the file sets a flag to, nil when it leaves it alone or
// the environment sets it. The command line is served before.
func (c *config) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if slices.ContainsFunc(flag.Envs, isSet) {
		return nil, nil
	}
	s, found := c.find(flag.Name)
	if !found {
		return nil, nil
	}
	return c.value(s, flag)
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
	if c == nil {
		return ""
	}
	s, found := c.find(flag)
	if !found {
		return ""
	}
	return c.place(s.key)
}

// value is what a flag's mapper reads: a text, a list or a mapping of texts. It
// is tried on the mapper, so that an error names the line.
func (c *config) value(s entry, flag *kong.Flag) (any, error) {
	value, err := c.decode(s, flag)
	if err != nil {
		return nil, err
	}
	if text, ok := value.(string); ok && flag.Enum != "" && !slices.Contains(flag.EnumSlice(), text) {
		return nil, usage("it is one of "+strings.Join(flag.EnumSlice(), ", "), "%s: %s: %q is not known", c.place(s.value), s.name, text)
	}
	into := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, into); err != nil {
		return nil, usage(flagHint(flag), "%s: %s: %w", c.place(s.value), s.name, plainly(err))
	}
	return value, nil
}

// flagHint says what a flag is for.
func flagHint(flag *kong.Flag) string { return "--" + flag.Name + ": " + flag.Help }

func (c *config) decode(s entry, flag *kong.Flag) (any, error) {
	if isNull(s.value) {
		return nil, usage(`give a value, leave the line out, or write "" for a blank`, "%s: %s has no value", c.place(s.key), s.name)
	}
	switch {
	case s.value.Kind == yaml.ScalarNode && flag.IsBool():
		return truth(s.value.Value), nil
	case s.value.Kind == yaml.ScalarNode:
		return s.value.Value, nil
	case s.value.Kind == yaml.SequenceNode && flag.IsSlice():
		return c.list(s)
	case s.value.Kind == yaml.MappingNode && flag.IsMap():
		return c.mapping(s)
	}
	return nil, c.wrongForm(s, flag)
}

// truth lets on and off stand for true and false.
func truth(text string) string {
	switch strings.ToLower(text) {
	case "on":
		return "true"
	case "off":
		return "false"
	}
	return text
}

func (c *config) list(s entry) (any, error) {
	list := []any{}
	for _, item := range s.value.Content {
		if item = deref(item); item.Kind != yaml.ScalarNode || isNull(item) {
			return nil, usage("write one text for each", "%s: an entry of %s is no text", c.place(item), s.name)
		}
		list = append(list, item.Value)
	}
	return list, nil
}

func (c *config) mapping(s entry) (any, error) {
	mapping := make(map[string]any)
	for i := 0; i+1 < len(s.value.Content); i += 2 {
		key, value := s.value.Content[i], deref(s.value.Content[i+1])
		if value.Kind != yaml.ScalarNode || isNull(value) {
			return nil, usage("write one text for each", "%s: %s of %s is no text", c.place(key), key.Value, s.name)
		}
		if _, twice := mapping[key.Value]; twice {
			return nil, usage("keep one of the two", "%s: %s of %s is set already", c.place(key), key.Value, s.name)
		}
		mapping[key.Value] = value.Value
	}
	return mapping, nil
}

func (c *config) wrongForm(s entry, flag *kong.Flag) error {
	takes := fmt.Sprintf("one value, as in %s: %s", s.name, flag.FormatPlaceHolder())
	switch {
	case flag.IsMap():
		takes = fmt.Sprintf("a mapping, as in %s: {user_id: Employee}", s.name)
	case flag.IsSlice():
		takes = fmt.Sprintf("a list, as in %s: [A, B]", s.name)
	case flag.IsBool():
		takes = "true or false"
	}
	return usage("it takes "+takes, "%s: %s has a value of another form", c.place(s.value), s.name)
}
