package main

import (
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestManPage requires that the man page has each command with its flags and
// arguments, and nothing else that roff takes for an order.
func TestManPage(t *testing.T) {
	program := newParser(t).Model
	page := manPage(program, build{Version: "1.2.3", Time: "2026-11-23T03:15:00Z"})
	if title := `.TH CORATTACH 1 "2026-11-23" "corattach 1.2.3"`; !strings.HasPrefix(page, title+"\n") {
		t.Errorf("it begins with %.60q, not with %q", page, title)
	}
	for _, command := range program.Leaves(true) {
		_, part, found := strings.Cut(page, "\n.SS "+roff(command.Summary())+"\n")
		if !found {
			t.Errorf("%s is not in it", command.Summary())
			continue
		}
		part, _, _ = strings.Cut(part, ".SS ")
		for _, flag := range command.Flags {
			if !strings.Contains(part, "\n.B "+roff(flag.String())+"\n"+roff(withVariable(flag.Value))+"\n") {
				t.Errorf("%s: %s is not in it", command.Summary(), flag)
			}
		}
		for _, argument := range command.Positional {
			if !strings.Contains(part, "\n.I "+roff(argument.Summary())+"\n") {
				t.Errorf("%s: %s is not in it", command.Summary(), argument.Summary())
			}
		}
	}
	known := regexp.MustCompile(`(?m)^\.(TH|SH|SS|TP|PP|B|I|br|nh|ad)\b.*`)
	if wrong := regexp.MustCompile(`(?m)^[.'].*`).FindString(known.ReplaceAllString(page, "")); wrong != "" {
		t.Errorf("roff does not know %q", wrong)
	}
	if strings.Contains(page, "__") {
		t.Error("a hidden command is in it")
	}
}

// TestRoff escapes what roff would take for its own.
func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		" 10% of a-b\n":           `10% of a\-b`,
		`C:\new`:                  `C:\enew`,
		".TH\n'br":                "\\&.TH\n\\&'br",
		"Examples:\n  one\n\nend": "Examples:\n.br\n\\&  one\n.PP\nend",
		"":                        ".PP",
	} {
		if diff := gocmp.Diff(want, roff(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
