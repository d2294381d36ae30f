package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// conclude prints the result and the last line, and sets the exit code.
func (a *app) conclude(con *console, out *outputFlags, w *work, o *outcome, flags []string) error {
	var err error
	if out.JSON {
		err = o.Encode(a.out)
	} else {
		err = writeSummary(a.out, w.dir, &o.Summary)
	}
	if err != nil {
		return err
	}
	if o.Exit.Code == exitRefused {
		con.hint(refusalHint(w))
	}
	con.last(o.Exit.Code, o.Exit.Reason, o.commands(w.dir, flags))
	a.code = o.Exit.Code
	return nil
}

// commands are what there is to do next.
func (o *outcome) commands(dir string, flags []string) []command {
	var next []command
	if o.resumable > 0 && !o.DryRun && o.Exit.Code != exitRefused {
		resume := "corattach resume " + shellWord(dir)
		if strings.HasPrefix(o.Exit.Reason, "--canary") {
			resume += " --canary 0"
		}
		next = append(next, command{"resume", resume})
	}
	if r := o.Rows; r.Total > r.Matched+r.Unchanged+r.Duplicate+r.Planned {
		words := append([]string{"corattach", "import"}, flags...)
		words = append(words, filepath.Join(dir, report.FailedFile))
		for i := range words {
			words[i] = shellWord(words[i])
		}
		next = append(next, command{"import again", strings.Join(words, " ")})
	}
	return next
}

// givenWords writes the flags of the command line again, without those that
// failed.csv, which has a form of its own, must not be read with.
func givenWords(flags []given) []string {
	var words []string
	for _, g := range flags {
		switch g.name {
		case "delimiter", "encoding", "map":
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

// shellWord quotes what a shell would take apart.
func shellWord(word string) string {
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
		fmt.Fprintf(t, "input\t%s, %d rows\n", in.File, in.Rows)
	}
	fmt.Fprintf(t, "rows\t%d%s\n", s.Rows.Total, rowCounts(s.Rows))
	if s.DryRun {
		fmt.Fprintf(t, "users\t%d, %d requests planned\n", s.Users, s.Requests)
	} else {
		took := time.Duration(s.DurationSeconds * float64(time.Second)).Round(time.Millisecond)
		fmt.Fprintf(t, "users\t%d, %d requests in %d attempts, %d throttled, took %v\n", s.Users, s.Requests, s.Attempts, s.Throttled, took)
	}
	if s.OverAllocatedUsers > 0 {
		fmt.Fprintf(t, "over\t%d users are asked for with more than the allocation limit\n", s.OverAllocatedUsers)
	}
	if s.Extras > 0 {
		fmt.Fprintf(t, "extras\t%d pairs that COR returned are in no row\n", s.Extras)
	}
	for i, c := range s.Causes {
		if i == shownCauses {
			fmt.Fprintf(t, "\tand %d more causes in summary.json\n", s.CausesTotal-i)
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

func rowCounts(r report.Rows) string {
	counts := map[pipeline.Status]int64{
		pipeline.Matched: r.Matched, pipeline.Mismatched: r.Mismatched, pipeline.Missing: r.Missing, pipeline.Failed: r.Failed,
		pipeline.Unknown: r.Unknown, pipeline.Invalid: r.Invalid, pipeline.Held: r.Held, pipeline.Duplicate: r.Duplicate,
		pipeline.Unchanged: r.Unchanged, pipeline.NotSent: r.NotSent, pipeline.Planned: r.Planned,
	}
	var parts []string
	for _, status := range pipeline.Statuses() {
		if n := counts[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, status))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " = " + strings.Join(parts, " + ")
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
		c.warn(fmt.Sprintf("and %d more warnings", more))
	}
}
