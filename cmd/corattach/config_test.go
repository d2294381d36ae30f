package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	gocmp "github.com/google/go-cmp/cmp"

	"corattach/cmd/corattach/console"
	"corattach/cmd/corattach/settings"
	"corattach/pipeline/journal"
	"corattach/pipeline/send"
)

// TestConfigSetsEveryFlag sets each flag of each command in a file of its own,
// and requires that it counts as given there with its value.
func TestConfigSetsEveryFlag(t *testing.T) {
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "CORATTACH_") {
			t.Setenv(name, "")
			_ = os.Unsetenv(name)
		}
	}
	set := 0
	for _, command := range newParser(t).Model.Leaves(false) {
		if len(command.Flags) == 0 {
			continue
		}
		args := strings.Fields(command.Path())
		for _, positional := range command.Positional {
			args = append(args, positional.Name)
		}
		for _, flag := range command.Flags {
			if flag.Hidden {
				continue
			}
			text, want := sampleValue(t, flag)
			file := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(file, []byte("# A line of comment.\n"+flag.Name+": "+text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			a := &app{console: console.New(io.Discard, io.Discard, nil)}
			args := append(slices.Clone(args), "--config", file)
			read := settings.Read(args)
			parser, err := a.parser(read, func(int) {})
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parser.Parse(args)
			if err != nil {
				t.Errorf("%s: %s: %v", command.Path(), text, err)
				continue
			}
			got := givenFlags(parsed, read)
			if len(got) != 1 || got[0].Name != flag.Name || got[0].from != file+" line 2" {
				t.Errorf("%s: %s: %+v", command.Path(), text, got)
				continue
			}
			if diff := gocmp.Diff("--"+flag.Name+want, written(got[0].Flag)); diff != "" {
				t.Errorf("%s: %s: %s", command.Path(), text, diff)
			}
			set++
		}
	}
	if set < 60 {
		t.Errorf("only %d flags were set", set)
	}
}

// TestFlagsFillSettings: what a run is made of and how it sends has a flag each.
func TestFlagsFillSettings(t *testing.T) {
	flags := reflect.TypeFor[struct {
		importCommand
		detachFlags
	}]()
	for _, settings := range []reflect.Type{reflect.TypeFor[journal.Settings](), reflect.TypeFor[send.Settings]()} {
		for _, field := range reflect.VisibleFields(settings) {
			flag, found := flags.FieldByName(field.Name)
			ofProbe := field.Name == "User" || field.Name == "Workspaces"
			if !ofProbe && (!found || flag.Type.Kind() != field.Type.Kind() || !flag.Type.ConvertibleTo(field.Type)) {
				t.Errorf("no flag fills %v of %v", field.Name, settings)
			}
		}
	}
}

// sampleValue is a value of a flag in a file, and how it is written again behind the
// flag's name.
func sampleValue(t *testing.T, flag *kong.Flag) (text, want string) {
	switch {
	case flag.IsBool():
		return "true", ""
	case flag.IsMap():
		return `{user_id: "a;b=c", source: D}`, `=source=D;user_id=a\;b=c`
	case flag.IsSlice():
		return `[A, "B,C"]`, `=A,B\,C`
	case flag.Enum != "":
		return flag.EnumSlice()[1], "=" + flag.EnumSlice()[1]
	case flag.HasDefault:
		// What stands in the environment by default may stand in a file.
		return flag.Default, "=" + strings.NewReplacer("5m", "5m0s", "168h", "168h0m0s").Replace(flag.Default)
	case flag.Target.Kind().String() == "string":
		return "'x: y'", "=x: y"
	}
	t.Fatalf("--%s: no value is known for it", flag.Name)
	return "", ""
}

func newParser(t *testing.T) *kong.Kong {
	a := &app{console: console.New(io.Discard, io.Discard, nil)}
	parser, err := a.parser(settings.Read(nil), func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return parser
}
