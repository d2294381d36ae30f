package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// What is wrong with a command line, said so that it can be mended at once.

// usageFailure is what kong refuses, with what to do about it.
func usageFailure(err error, args []string) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	command, selected := "corattach", false
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		command, selected = parse.Context.Selected().FullPath(), true
	}
	if missing, found := strings.CutPrefix(err.Error(), `expected "`); found {
		err = fmt.Errorf(`%s needs "%s`, command, missing)
	}
	hint := command + " --help lists what there is"
	over := slices.Index(args, "--")
	file := slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
	switch long := longWithOneDash(err, args); {
	case long != "":
		return &failure{exitUsage, fmt.Errorf("unknown flag %s", long), "flags have two dashes: -" + long}
	case namesSecret(unknownFlag(err)):
		hint = "credentials do not belong on a command line: " + credentialsHint
	case over >= 0 && slices.Contains(args[over:], unexpected(err)):
		hint = "flags stand before --, and files behind it"
	case !selected && file >= 0 && unexpected(err) == args[file] && exists(args[file]):
		hint = "a command comes first, as in corattach import " + shellWord(args[file])
	}
	return &failure{exitUsage, setBy(plainly(err), args), hint}
}

// unknownFlag is the flag that there is not; "" when it is not that.
func unknownFlag(err error) string {
	flag, found := strings.CutPrefix(err.Error(), "unknown flag ")
	if !found {
		return ""
	}
	flag, _, _ = strings.Cut(flag, ", did you mean")
	return flag
}

// setBy names the variable that gave a flag a value it can't have, where kong
// does not.
func setBy(err error, args []string) error {
	flag := regexp.MustCompile(`^(--[a-z-]+) must be one of`).FindStringSubmatch(err.Error())
	if flag == nil || slices.ContainsFunc(args, func(arg string) bool { return arg == flag[1] || strings.HasPrefix(arg, flag[1]+"=") }) {
		return err
	}
	env := "CORATTACH_" + strings.ToUpper(strings.ReplaceAll(flag[1][2:], "-", "_"))
	if !isSet(env) {
		return err
	}
	return fmt.Errorf("%w (it is set by %s)", err, env)
}

// longWithOneDash finds the argument that was read as several flags of one
// letter, though a long one was meant; "" when there is none.
func longWithOneDash(err error, args []string) string {
	letter := regexp.MustCompile(`^unknown flag (-[^-])`).FindStringSubmatch(err.Error())
	if letter == nil {
		return ""
	}
	i := slices.IndexFunc(args, func(arg string) bool { return len(arg) > 2 && strings.HasPrefix(arg, letter[1]) })
	if i < 0 {
		return ""
	}
	return args[i]
}

// unexpected is the argument that nothing takes; "" when it is not that.
func unexpected(err error) string {
	argument, _ := strings.CutPrefix(err.Error(), "unexpected argument ")
	argument, _, _ = strings.Cut(argument, ", did you mean")
	return argument
}

// plainly says in words what kong says in terms of its parser.
func plainly(err error) error {
	text := err.Error()
	for _, r := range []struct{ pattern, words string }{
		{`expected \S+ value but got "EOL" \(<EOL>\)`, "no value is given"},
		{`missing value, expecting .*`, "no value is given"},
		{`expected \S+ value but got "(-\S*)" \((?:long|short) flag\).*`, "no value is given before $1"},
		{`expected a (?:valid 64 bit )?(?:u?int|float) but got ("[^"]*")(?: \(string\))?`, "$1 is no number"},
		{`bool value must be true, 1, yes, false, 0 or no but got ("[^"]*")`, "$1 is neither true nor false"},
		{` \(from envar (\w+)=".*"\)`, " (it is set by $1)"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.words)
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// traced adds to a complaint about a flag where that one was set, unless it was
// on the command line.
func (a *app) traced(f *failure) *failure {
	if f.code != exitUsage {
		return f
	}
	name := regexp.MustCompile(`--([a-z-]+)`).FindStringSubmatch(f.Error())
	if name == nil {
		return f
	}
	g := a.find(name[1])
	if g == nil || g.from == "" {
		return f
	}
	return &failure{f.code, fmt.Errorf("%w (--%s is set by %s)", f.err, g.name, g.from), f.hint}
}
