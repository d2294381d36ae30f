package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
)

// What is wrong with a command line, said so that it can be fixed at once.

// usageFailure is what kong refuses, with what to do about it.
func usageFailure(err error, args []string) error {
	var known *pipeline.Failure
	if errors.As(err, &known) {
		return known
	}
	command, selected := "corattach", false
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		command, selected = parse.Context.Selected().FullPath(), true
	}
	text := settings.Plainly(err.Error())
	if unknownFlag(text) == "-v" {
		text = "unknown flag -v"
	}
	if missing, found := strings.CutPrefix(text, `expected "`); found {
		text = fmt.Sprintf(`%s needs "%s`, command, missing)
	}
	if long := longWithOneDash(text, args); long != "" {
		return usage("flags have two dashes: -"+long, "unknown flag %s", long)
	}
	if hint := commandHint(text, args); hint != "" && !selected {
		return usage(hint, "%s", text)
	}
	return usage(flagsHint(text, args, command), "%s", text)
}

// flagsHint says what to do about the flags of a command.
func flagsHint(text string, args []string, command string) string {
	flag := unknownFlag(text)
	over := slices.Index(args, "--")
	switch {
	case settings.NamesSecret(flag):
		return "credentials do not belong on a command line: " + credentialsHint
	case flag == "-v":
		return "--log-level debug says more; corattach version prints the version"
	case over >= 0 && slices.Contains(args[over:], unexpected(text)):
		return "flags stand before --, and files behind it"
	}
	return command + " --help lists what there is"
}

// commandHint says which command may be meant by what is none; "" when there is
// nothing to say.
func commandHint(text string, args []string) string {
	first := slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
	if first < 0 || unexpected(text) != args[first] {
		return ""
	}
	word := args[first]
	if slices.Contains([]string{"run", "start", "send", "sync", "attach", "upload"}, word) {
		return "corattach import FILE starts a run, corattach runs lists the existing ones"
	}
	if _, err := os.Stat(word); err == nil {
		return "a command comes first, as in " + command("import", word)
	}
	return ""
}

// unknownFlag is the flag that does not exist; "" when something else is wrong.
func unknownFlag(text string) string { return complaint(text, "unknown flag ") }

// unexpected is the argument that nothing takes; "" when something else is wrong.
func unexpected(text string) string { return complaint(text, "unexpected argument ") }

func complaint(text, about string) string {
	rest, found := strings.CutPrefix(text, about)
	if !found {
		return ""
	}
	rest, _, _ = strings.Cut(rest, ", did you mean")
	return rest
}

// longWithOneDash finds the argument that was read as several flags of one
// letter, though a long one was meant; "" when there is none.
func longWithOneDash(text string, args []string) string {
	letter := regexp.MustCompile(`^unknown flag (-[^-])`).FindStringSubmatch(text)
	if letter == nil {
		return ""
	}
	i := slices.IndexFunc(args, func(arg string) bool { return len(arg) > 2 && strings.HasPrefix(arg, letter[1]) })
	if i < 0 {
		return ""
	}
	return args[i]
}

// traced adds to a complaint about flags where these were set, unless it was on the
// command line. Other errors are returned as they are.
func (a *app) traced(err error) error {
	var f *pipeline.Failure
	if !errors.As(err, &f) || f.Code != pipeline.ExitUsage {
		return err
	}
	var places []string
	for _, name := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(f.Error(), -1) {
		g := a.find(name[1])
		if g == nil || g.from == "" {
			continue
		}
		if text := fmt.Sprintf("--%s is set by %s", g.name, g.from); !slices.Contains(places, text) {
			places = append(places, text)
		}
	}
	if places == nil {
		return err
	}
	return &pipeline.Failure{Code: f.Code, Err: fmt.Errorf("%w (%s)", f.Err, strings.Join(places, ", ")), Hint: f.Hint}
}

// wantedFormat finds which log format is asked for in arguments and settings that
// may be wrong: whoever reads JSON gets the complaint as JSON too.
func wantedFormat(args []string) string {
	return cmp.Or(asked(args, "log-format"), settings.LogFormat(asked(args, settings.ConfigFlag)))
}

// asked is the last value of a flag, or else what the environment sets it to.
func asked(args []string, flag string) string {
	last := settings.Environment(settings.Variable(flag))
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, "--"+flag+"="); found {
			last = value
		}
		if arg == "--"+flag && i+1 < len(args) {
			last = args[i+1]
		}
	}
	return last
}
