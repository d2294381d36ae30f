package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type manCommand struct{}

// Run prints the man page, which packages hold.
func (*manCommand) Run(a *app, ctx *kong.Context) error {
	info, _ := debug.ReadBuildInfo()
	return a.console.Result([]byte(manPage(ctx.Model, buildOf(info))))
}

// manPage writes in roff what the help says of each command. The page has the date
// of the commit: the same source makes the same page.
func manPage(program *kong.Application, b build) string {
	w := new(strings.Builder)
	summary, description, _ := strings.Cut(program.Help, "\n")
	date, _, _ := strings.Cut(b.Time, "T")
	fmt.Fprintf(w, ".TH %s 1 %q %q\n.nh\n.ad l\n", strings.ToUpper(program.Name), date, program.Name+" "+b.Version)
	fmt.Fprintf(w, ".SH NAME\n%s \\- %s\n", program.Name, roff(summary))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B %s\n.I command\n[flags]\n", program.Name)
	fmt.Fprintf(w, ".SH DESCRIPTION\n%s\n.PP\n%s\n", roff(description), roff(program.Detail))
	io.WriteString(w, ".SH FLAGS OF EVERY COMMAND\n")
	writeFlags(w, program.Flags)
	io.WriteString(w, ".SH COMMANDS\n")
	for _, command := range program.Leaves(true) {
		fmt.Fprintf(w, ".SS %s\n%s\n.PP\n%s\n", roff(command.Summary()), roff(command.Help), roff(command.Detail))
		for _, argument := range command.Positional {
			fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(argument.Summary()), roff(argument.Help))
		}
		writeFlags(w, command.Flags)
	}
	return w.String()
}

// writeFlags lists flags group by group, those of none first.
func writeFlags(w io.Writer, flags []*kong.Flag) {
	groups := []string{""}
	members := map[string][]*kong.Flag{}
	for _, flag := range flags {
		group := ""
		if flag.Group != nil {
			group = flag.Group.Title
		}
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
		members[group] = append(members[group], flag)
	}
	for _, group := range groups {
		if group != "" {
			fmt.Fprintf(w, ".PP\n%s:\n", roff(group))
		}
		for _, flag := range members[group] {
			fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(flag.String()), roff(withVariable(flag.Value)))
		}
	}
}

// roff escapes a text. An empty line ends a paragraph; a line that begins with a
// space stays a line of its own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(strings.TrimSpace(text))
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		switch {
		case line == "":
			lines[i] = ".PP"
		case line[0] == ' ':
			lines[i] = ".br\n\\&" + line
		case line[0] == '.' || line[0] == '\'':
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
