package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
)

// usageFailure is what kong refuses, with what to do about it.
func usageFailure(err error) error {
	if known, found := errors.AsType[*pipeline.Failure](err); found {
		return known
	}
	command, hint := "corattach", ""
	text := settings.Plainly(err.Error())
	if parse, found := errors.AsType[*kong.ParseError](err); found && parse.Context.Selected() != nil {
		command = parse.Context.Selected().FullPath()
		for _, flag := range parse.Context.Selected().Flags {
			if strings.HasPrefix(text, "--"+flag.Name+": ") {
				hint = settings.Hint(flag)
			}
		}
	}
	if missing, found := strings.CutPrefix(text, `expected "`); found {
		text = fmt.Sprintf(`%s needs "%s`, command, missing)
	}
	switch {
	case hint != "":
	case regexp.MustCompile(`(?i)^unknown flag .*(api[-_]?key|secret|token|password)`).MatchString(text):
		hint = "credentials do not belong on a command line: " + credentialsHint
	case regexp.MustCompile(`^unknown flag -[^-]`).MatchString(text):
		text, _, _ = strings.Cut(text, ", did you mean")
		hint = "flags have two dashes, such as --dry-run"
	default:
		hint = command + " --help lists what there is"
	}
	return pipeline.Usage(hint, "%s", text)
}

// traced adds to a complaint about flags where these were set, unless it was on the
// command line. Other errors are returned as they are.
func (a *app) traced(err error) error {
	f, found := errors.AsType[*pipeline.Failure](err)
	if !found || f.Code != pipeline.ExitUsage {
		return err
	}
	for _, g := range a.given {
		if g.from != "" && strings.Contains(f.Error(), "--"+g.Name) {
			err = pipeline.Usage(f.Hint, "%w (--%s is set by %s)", err, g.Name, g.from)
		}
	}
	return err
}
