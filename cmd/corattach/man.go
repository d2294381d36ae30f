package main

import (
	"bytes"
	"fmt"
	"strings"

	"corattach/cmd/corattach/settings"
)

type manCommand struct{}

// Run prints the man page, which packages hold: what the help says of each command,
// as it stands. The page has the date of the commit: the same source makes the same
// page.
func (*manCommand) Run(a *app) error {
	version, _, at := built()
	date, _, _ := strings.Cut(at, "T")
	page := new(bytes.Buffer)
	fmt.Fprintf(page, ".TH CORATTACH 1 %q %q\n.SH NAME\ncorattach \\- import rows into COR\n", date, "corattach "+version)
	parser, err := a.parser(new(settings.Settings), func(int) {})
	if err != nil {
		return err
	}
	section := func(kind, name string, words ...string) {
		parser.Stdout = new(bytes.Buffer)
		_, _ = parser.Parse(append(words, "--help"))
		fmt.Fprintf(page, "%s %s\n.nf\n%s.fi\n", kind, roff(name), roff(fmt.Sprint(parser.Stdout)))
	}
	section(".SH", "DESCRIPTION")
	fmt.Fprintln(page, ".SH COMMANDS")
	for _, command := range parser.Model.Leaves(true) {
		section(".SS", command.Path(), strings.Fields(command.Path())...)
	}
	return a.console.Result(page.Bytes())
}

// roff escapes a text.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'").Replace(text)
}
