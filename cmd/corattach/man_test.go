package main

import (
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// TestManPage requires that the man page has each command with its flags and
// arguments, and nothing else that roff takes for an order.
func TestManPage(t *testing.T) {
	got := runHere("__man")
	page := got.stdout
	if title := `.TH CORATTACH 1 "`; got.code != pipeline.ExitDone || got.stderr != "" || !strings.HasPrefix(page, title) {
		t.Errorf("exit %d: %s; it begins with %.60q, not with %q", got.code, got.stderr, page, title)
	}
	for _, command := range newParser(t).Model.Leaves(true) {
		_, part, found := strings.Cut(page, "\n.SS "+roff(command.Path())+"\n")
		if !found {
			t.Errorf("%s is not in it", command.Path())
			continue
		}
		part, _, _ = strings.Cut(part, ".SS ")
		for _, flag := range command.Flags {
			if has := strings.Contains(part, " "+roff("--"+flag.Name)); has == flag.Hidden {
				t.Errorf("%s: %s is in it: %v", command.Path(), flag, has)
			}
		}
		for _, argument := range command.Positional {
			if !strings.Contains(part, "\n  "+roff(argument.Summary())) {
				t.Errorf("%s: %s is not in it", command.Path(), argument.Summary())
			}
		}
	}
	known := regexp.MustCompile(`(?m)^\.(TH|SH|SS|nf|fi)\b.*`)
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
		"10% of a-b\n":  "10% of a\\-b\n",
		`C:\new`:        `C:\enew`,
		"a\n.TH\n'br\n": "a\n\\&.TH\n\\&'br\n",
	} {
		if diff := gocmp.Diff(want, roff(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
