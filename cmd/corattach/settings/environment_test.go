package settings

import (
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// flagsOfTests are the flags of a program with one command.
type flagsOfTests struct {
	Config string
	Import struct {
		Rate     float64  `default:"5"`
		Strict   bool     ``
		Progress string   `enum:"auto,never" default:"auto"`
		Set      []string `sep:"none"`
		Secret   string   `hidden:""`
	} `cmd:""`
}

// parse reads a command line with the settings around it.
func parse(t *testing.T, args ...string) (flagsOfTests, *Settings, error) {
	t.Helper()
	var flags flagsOfTests
	var read *Settings
	parser, err := kong.New(&flags, kong.WithBeforeResolve(func(ctx *kong.Context) (err error) {
		if read != nil {
			return nil
		}
		read = Read(args)
		ctx.AddResolver(kong.ResolverFunc(read.Resolve))
		return read.Check(ctx.Model)
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"import"}, args...))
	return flags, read, err
}

func TestEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		name, value string
		want        float64
		strict      bool
		err         string
	}{
		"set":                    {"CORATTACH_RATE", "7", 7, false, ""},
		"with whitespace around": {"CORATTACH_RATE", "\t 7 \r\n", 7, false, ""},
		"blank":                  {"CORATTACH_RATE", " \n", 5, false, ""},
		"empty":                  {"CORATTACH_RATE", "", 5, false, ""},
		"wrong":                  {"CORATTACH_RATE", "fast", 5, false, `--rate: expected a float but got "fast" (string) (it is set by CORATTACH_RATE)`},
		"a switch":               {"CORATTACH_STRICT", "yes", 5, true, ""},
		"a switch, wrong":        {"CORATTACH_STRICT", "perhaps", 5, false, `--strict: "perhaps" is neither true nor false (it is set by CORATTACH_STRICT)`},
		"no choice":              {"CORATTACH_PROGRESS", "sometimes", 5, false, `--progress: "sometimes" is not known (it is set by CORATTACH_PROGRESS)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(c.name, c.value)
			flags, read, err := parse(t)
			if c.err != "" {
				if err == nil || !hasSuffix(err.Error(), c.err) {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil || read.Strange != "" || flags.Import.Rate != c.want || flags.Import.Strict != c.strict {
				t.Errorf("%+v, %q, %v", flags, read.Strange, err)
			}
		})
	}
}

func hasSuffix(text, end string) bool {
	return len(text) >= len(end) && text[len(text)-len(end):] == end
}

func TestCommandLineOutranksEnvironment(t *testing.T) {
	t.Setenv("CORATTACH_RATE", "fast") // which nobody reads then
	flags, s, err := parse(t, "--rate", "3")
	if err != nil || flags.Import.Rate != 3 {
		t.Errorf("%+v, %v", flags, err)
	}
	if from := s.Origin("rate"); from != "CORATTACH_RATE" {
		t.Error(from)
	}
}

// What a command takes on its command line alone is set by nothing else.
func TestHiddenFlagsAreNotResolved(t *testing.T) {
	t.Setenv("CORATTACH_SECRET", "x")
	if flags, _, err := parse(t); err != nil || flags.Import.Secret != "" {
		t.Errorf("%+v, %v", flags, err)
	}
}

func TestStrangeVariables(t *testing.T) {
	got := strangeVariables([]string{
		"CORATTACH_RATE=1", "CORATTACH_CONFIG=x", "CORATTACH_RTAE=1", "CORATTACH_FROBNICATE=2", "CORATTACH_BLANK= ", "PATH=x", "CORATTACHED=1",
	}, []string{"rate", "strict"})
	want := "no flag answers to CORATTACH_FROBNICATE, CORATTACH_RTAE (did you mean CORATTACH_RATE?): ignored"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
