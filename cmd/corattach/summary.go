package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
)

// conclude prints the result and the last line, and sets the exit code.
func (a *app) conclude(con *console, out *outputFlags, w *work, o *outcome) error {
	var err error
	if out.JSON {
		err = o.Encode(a.out)
	} else {
		err = writeSummary(a.out, w.dir, &o.Summary)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) { // nobody reads on: what was wanted was read
		if a.watch != nil {
			a.watch.ended(a, con, exitInternal, o)
		}
		a.next = o.commands(w.dir)
		return &failure{exitInternal, fmt.Errorf("the result can't be printed: %w", err), "it stands in " + filepath.Join(w.dir, report.SummaryFile)}
	}
	for _, hint := range o.hints(w) {
		con.hint(hint)
	}
	if a.watch != nil {
		a.watch.ended(a, con, o.Exit.Code, o)
	}
	con.last(o.Exit.Code, o.Exit.Reason, o.commands(w.dir))
	a.code = o.Exit.Code
	return nil
}

// hints are what to do about how the run ended.
func (o *outcome) hints(w *work) []string {
	var hints []string
	if hint := o.hint(w); hint != "" {
		hints = append(hints, hint)
	}
	if o.raw > 0 {
		rest := " whole in the user_id column: mend them before you import the file, or the other rows of their users are sent without them"
		if o.raw == 1 {
			rest = " whole in the user_id column: mend it before you import the file, or the other rows of its user are sent without it"
		}
		hints = append(hints, "failed.csv has "+count(int64(o.raw), "record")+rest)
	}
	return hints
}

// hint is what to do about a run that ended in a way nobody wanted; "" when the
// last line says it.
func (o *outcome) hint(w *work) string {
	r, v := o.Rows, o.Vanished
	silent := o.Attempts > 0 && r.Matched+r.Mismatched+r.Missing+r.Failed+r.Unknown+v.Detached+v.StillAttached+v.Failed+v.Unknown == 0
	switch o.Exit.Code {
	case exitRefused:
		if slices.Contains(o.again, "--strict") && w.plan.Rows > 0 {
			return "mend the rows of failed.csv, or leave out --strict"
		}
		return refusalHint(w)
	case exitCredentials:
		return "check the credentials, what their account may do, and --auth-url; then resume"
	case exitUnavailable, exitRows:
		switch {
		case silent:
			return "COR was not reached: if --base-url is wrong, import again with the right one; if the network is down, resume later"
		case o.Exit.Code == exitUnavailable && o.Attempts == 0:
			return "no token was made: if --auth-url is wrong, import again with the right one; if COR or the network is down, resume later"
		case o.Exit.Code == exitUnavailable:
			return "resume later, when COR is back"
		}
	case exitGuard:
		if o.stop == pipeline.TooMuchGone {
			return "look at vanished.csv and at the export; --accept-change lets one run through, and the first of a job"
		}
		return "look at reconciliation.csv before you resume"
	}
	return ""
}

// commands are what there is to do next about the run in dir.
func (o *outcome) commands(dir string) []report.Command {
	var next []report.Command
	if o.Resumable > 0 {
		next = append(next, resumeOf(dir, o.resume))
	}
	if r := o.Rows; o.stop != pipeline.TooMuchGone && r.Total > r.Matched+r.Unchanged+r.Duplicate+r.Planned {
		next = append(next, importAgainOf(dir, o.again))
	}
	return next
}

// resumeOf is the command that goes on with a run.
func resumeOf(dir string, flags []string) report.Command {
	return report.Command{Name: "resume", Line: shellLine(append([]string{"corattach", "resume", dir}, flags...))}
}

// importAgainOf is the command that imports a run's failed.csv.
func importAgainOf(dir string, flags []string) report.Command {
	words := append(withoutEnvironment(), "corattach", "import")
	words = append(words, flags...)
	words = append(words, filepath.Join(dir, report.FailedFile))
	return report.Command{Name: "import again", Line: shellLine(words)}
}

// formFlags say what form a file has. failed.csv has a form of its own, and must
// not be read with them.
func formFlags() []string { return []string{"delimiter", "encoding", "map"} }

// withoutEnvironment begins a command that must not see formFlags, where the
// environment or the file it names may set them. All other flags of such a file
// are in the command.
func withoutEnvironment() []string {
	var words []string
	if runtime.GOOS == "windows" {
		return nil // cmd.exe has no env
	}
	for _, flag := range append(formFlags(), "config") {
		if name := "CORATTACH_" + strings.ToUpper(flag); isSet(name) {
			words = append(words, "-u", name)
		}
	}
	if words == nil {
		return nil
	}
	return append([]string{"env"}, words...)
}

// resumeWords are the flags that a resume goes on with: those of the run that say
// how it sends, as its last session had them. A canary that has failed is asked
// to be given up.
func resumeWords(log *journal.Log) []string {
	kept := []string{
		"rate", "burst", "workers", "timeout", "retries", "max-wait", "max-failures", "max-duration", "canary", "repair", "token-file",
		"metrics-file", "keep-runs",
	}
	last := log.Header.Flags
	if n := len(log.Sessions); n > 0 {
		last = log.Sessions[n-1].Flags
	}
	var words []string
	if log.End != nil && log.End.Stop == pipeline.TooMuchGone {
		words = append(words, "--accept-change")
	}
	for _, name := range kept {
		if name == "canary" && log.End != nil && log.End.Stop == pipeline.CanaryFailed {
			words = append(words, "--canary=0")
			continue
		}
		word := wordOf(last, name)
		if word == "" {
			word = wordOf(log.Header.Flags, name)
		}
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

// wordOf returns the word that gives a flag, "" when there is none.
func wordOf(words []string, name string) string {
	for _, word := range words {
		if flag, _, _ := strings.Cut(word, "="); flag == "--"+name {
			return word
		}
	}
	return ""
}

// givenWords writes the flags that were given again, wherever they were set and
// so without --config, and without formFlags and secretFlags.
func givenWords(flags []given) []string {
	var words []string
	for _, g := range flags {
		if slices.Contains(formFlags(), g.name) || slices.Contains(secretFlags(), g.name) {
			continue
		}
		if g.values == nil {
			words = append(words, "--"+g.name)
		}
		for _, v := range g.values {
			words = append(words, "--"+g.name+"="+v)
		}
	}
	return words
}

// shellLine is a command to paste.
func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellWord(word)
	}
	return strings.Join(quoted, " ")
}

// shellWord quotes what a shell would take apart: sh, or cmd.exe on Windows.
func shellWord(word string) string {
	if runtime.GOOS == "windows" {
		if word == "" || strings.ContainsAny(word, " \t&|<>^()%!;,") {
			return `"` + word + `"`
		}
		return word
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// shownCauses bounds the causes of the summary for people; summary.json has
// more.
const shownCauses = 5

// writeSummary prints what a person wants to know first.
func writeSummary(w io.Writer, dir string, s *report.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	kind := "run"
	if s.DryRun {
		kind = "dry run"
	}
	fmt.Fprintf(t, "%s\t%s to %s\n", kind, s.RunID, s.Target)
	for _, in := range s.Inputs {
		fmt.Fprintf(t, "input\t%s, %s\n", in.File, count(in.Rows, "row"))
	}
	fmt.Fprintf(t, "rows\t%d%s\n", s.Rows.Total, rowCounts(s.Rows))
	if s.DryRun {
		fmt.Fprintf(t, "users\t%d, %s planned\n", s.Users, count(s.Requests, "request"))
	} else {
		took := time.Duration(s.DurationSeconds * float64(time.Second)).Round(time.Millisecond)
		fmt.Fprintf(t, "users\t%d, %s in %s, %d throttled, took %v\n",
			s.Users, count(s.Requests, "request"), count(s.Attempts, "attempt"), s.Throttled, took)
	}
	if s.OverAllocatedUsers > 0 {
		fmt.Fprintf(t, "over\t%s above the allocation limit\n", count(s.OverAllocatedUsers, "user"))
	}
	if s.Extras > 0 {
		fmt.Fprintf(t, "extras\t%s that COR returned and no row lists\n", count(s.Extras, "pair"))
	}
	if s.Vanished.Total > 0 {
		fmt.Fprintf(t, "vanished\t%s of %s%s\n", count(s.Vanished.Total, "pair"), count(s.Vanished.Users, "user"), vanishedCounts(s.Vanished))
	}
	for i, c := range s.Causes {
		if i == shownCauses {
			fmt.Fprintf(t, "\tand %s in summary.json\n", count(int64(s.CausesTotal-i), "more cause"))
			break
		}
		fmt.Fprintf(t, "cause\t%s\n", causeText(c))
	}
	balance := "every row stands in the report once"
	if !s.Balanced {
		balance = "NO: " + s.Exit.Reason
	}
	fmt.Fprintf(t, "balanced\t%s\n", balance)
	fmt.Fprintf(t, "reports\t%s\n", dir)
	return t.Flush()
}

// count writes a number and its noun, in the plural unless it is one.
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func rowCounts(r report.Rows) string {
	var parts []string
	for status, n := range r.ByStatus() {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, pipeline.Status(status)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " = " + strings.Join(parts, " + ")
}

// vanishedCounts is what became of the vanished pairs, as ": 2 detached, 1 failed".
func vanishedCounts(v report.Vanished) string {
	counts := map[pipeline.VanishedResult]int64{
		pipeline.Listed: v.Listed, pipeline.DetachPlanned: v.Planned, pipeline.Detached: v.Detached, pipeline.StillAttached: v.StillAttached,
		pipeline.DetachFailed: v.Failed, pipeline.DetachUnknown: v.Unknown, pipeline.DetachNotSent: v.NotSent,
	}
	var parts []string
	for _, result := range pipeline.VanishedResults() {
		if n := counts[result]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, result))
		}
	}
	return ": " + strings.Join(parts, ", ")
}

func causeText(c report.Cause) string {
	text := fmt.Sprintf("%d %v", c.Rows, c.Status)
	if c.ErrorCode != "" {
		text += " " + c.ErrorCode
	}
	if c.WorkspaceID != "" {
		text += fmt.Sprintf(" workspace %q", c.WorkspaceID)
	}
	return text + ": " + strings.Join(c.Lines[:min(len(c.Lines), 3)], ", ")
}

// warnings prints the first warnings.
func (c *console) warnings(w *work) {
	for _, text := range w.warnings {
		c.warn(text)
	}
	if more := w.warned - len(w.warnings); more > 0 {
		c.warn("and " + count(int64(more), "more warning"))
	}
}
