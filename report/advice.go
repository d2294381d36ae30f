package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"corattach/pipeline"
)

// adviceToResume is about a row that has no definite answer yet.
const adviceToResume = "resume sends it again"

// Advise says what to do about a row that is not as it should be: the one table
// for terminal, page and explain. It is "" for a row that is.
func (r *Run) Advise(l *pipeline.Line) string {
	switch {
	case l.Subject != "" && r.Command == "detach":
		return "correct the ids of unmapped.csv, or leave them out of the file: what COR does not know can't be detached"
	case l.Subject == pipeline.UnknownEither:
		return "check the users of unmapped.csv and their workspaces in COR, create what it lacks, then import failed.csv"
	case l.Subject != "":
		return fmt.Sprintf("create the %ss of unmapped.csv in COR under their source, or correct their ids, then import failed.csv", l.Subject)
	case l.Resumable && !r.endsForGood():
		return adviceToResume
	case overwritten(l):
		return "decide which of the two ids is meant and remove the other from the input"
	case l.Status == pipeline.Mismatched && slices.Contains(r.Flags, "--repair"):
		return "if COR rounds, a wider --tolerance accepts its figure; otherwise look at the user in COR"
	case l.Status == pipeline.Invalid && namesFlag(l.Reason):
		return "if all of the input is like this row, " + r.Command + " the input again with the flag that the reason names; if not, fix the row in failed.csv"
	case l.Status == pipeline.NotSent && r.Stop.Kind != pipeline.RanToEnd:
		return "" // the advice on the stop says it
	}
	return map[pipeline.Status]string{
		pipeline.Mismatched:    "if COR keeps the old percentage, --repair detaches and attaches the pair again; if COR rounds, a wider --tolerance accepts its figure",
		pipeline.Missing:       "check that the workspace exists in COR and is mapped under this source, then import failed.csv",
		pipeline.Failed:        "fix what COR refused, then " + r.Command + " failed.csv",
		pipeline.Unknown:       "look at the user in COR: what was sent may have been applied",
		pipeline.Invalid:       "fix the row in failed.csv: its reason says what is wrong",
		pipeline.Held:          "fix the invalid row of the same user: this row is sent together with it",
		pipeline.NotSent:       "an earlier part of the same request was not accepted: fix that first",
		pipeline.StillAttached: "look at the user in COR, then detach failed.csv",
		pipeline.Protected:     "the reason says who may still want the pair: leave it out of the file, or give --unprotected when it has to go",
	}[l.Status]
}

// AdviseStop says what to do about the end of the run; "" when its reason says it.
func (r *Run) AdviseStop() string {
	switch kind, outcomes := r.Stop.Kind, r.Traffic.All; {
	case kind == pipeline.Credentials:
		return "check the credentials, what their account may do, and --auth-url, then resume"
	case kind == pipeline.Unavailable && outcomes == Outcomes{}:
		return "check --auth-url; if it is right, resume when COR and the network are back"
	case kind == pipeline.Unavailable && outcomes.Throttled > 0:
		return "resume when COR takes requests again; a lower --rate is throttled less"
	case kind == pipeline.Unavailable:
		return "check --base-url; if it is right, resume when COR and the network are back"
	case kind == pipeline.InputRefused && !slices.ContainsFunc(r.Inputs, func(in pipeline.Input) bool { return in.Rows > 0 }):
		return "check the export; when it may be empty, --allow-empty lets it through"
	case kind == pipeline.InputRefused && slices.Contains(r.Flags, "--strict"):
		return "fix the rows of failed.csv and " + r.Command + " it; --strict lets no invalid row through"
	case kind == pipeline.InputRefused:
		return "fix the rows of failed.csv and " + r.Command + " it; --max-invalid says how many invalid rows a run may have"
	}
	return map[string]string{
		"--canary":        "look at what the first users met; when it is fixed, or as it should be, resume with --canary 0",
		"--max-drop":      "look at the export and at vanished.csv; when it is right, --accept-change lets one run through, also the first of a job",
		"--max-change":    "look at the percentages of the export; when they are right, --accept-change lets one run through",
		"--max-detach":    "look at reconciliation.csv; when all of it has to go, raise --max-detach",
		"--max-failures":  "look at the causes before you resume",
		"--max-input-age": "check the export: its file is older than allowed",
		"--plan":          "the input or the settings have changed since the dry run: look at what a new one shows",
	}[r.Stop.Guard]
}

// advice returns what to do about a run with these causes, the end of the run
// first, each thing once.
func (r *Run) advice(causes []*Cause, todo Todo) []string {
	var said []string
	if todo.Commas {
		said = append(said, r.Command+" the input again with --decimal-comma")
	}
	refused := r.Stop.Kind == pipeline.InputRefused
	for _, c := range causes[:min(len(causes), causesShown)] {
		switch {
		case c.Advice == "", slices.Contains(said, c.Advice):
		case todo.Commas && c.Status == pipeline.Invalid, refused && !namesFlag(c.Reason): // that is said otherwise
		case c.Status == pipeline.Held, c.Advice == adviceToResume: // the invalid row, and the next command, say it
		default:
			said = append(said, c.Advice)
		}
	}
	if text := r.AdviseStop(); text != "" && (!refused || len(said) == 0) {
		said = slices.Insert(said, 0, text)
	}
	return said
}

// namesFlag reports whether the reason of an invalid row names a flag that may read it.
func namesFlag(reason string) bool {
	return strings.Contains(reason, pipeline.NotUTF8) || strings.Contains(reason, pipeline.DecimalComma)
}

// overwritten reports whether another id of the input is the same user and
// workspace at COR: sending such a row again would overwrite the other one.
func overwritten(l *pipeline.Line) bool { return strings.HasPrefix(l.Reason, pipeline.OneAtCOR) }

// neverResumed reports whether resume would send nothing, whatever the rows are like.
func (r *Run) neverResumed() bool { return r.DryRun || r.Stop.Unsent }

// endsForGood reports whether the run is not to be resumed by a command that is
// pasted: its canary was not matched, or nothing of it can be resumed.
func (r *Run) endsForGood() bool { return r.neverResumed() || r.Stop.Guard == "--canary" }

// Todo is what the rows of a run, or some of them, leave to be done.
type Todo struct {
	Resumable   int64           // rows that resume would send
	Fixable     bool            // failed.csv has rows that can be fixed and sent from there
	Overwritten bool            // it has rows that must not be sent again
	Commas      bool            // the whole input is to be read again, with --decimal-comma
	Planned     bool            // a dry run has rows that would be sent
	User        pipeline.UserID // whom to look at; "" for nobody
}

// Add takes a row into account.
func (t *Todo) Add(l *pipeline.Line) {
	switch {
	case l.Status.Settled():
	case l.Resumable:
		t.Resumable++
	case overwritten(l):
		t.Overwritten = true
	case l.Status != pipeline.Protected:
		t.Fixable = true
	}
}

// Next returns what there is to do about a run: commands to paste into a shell,
// in the order in which to do them. None of them overrides a guard.
func (r *Run) Next(todo Todo) []string {
	var files []string
	for _, in := range r.Inputs {
		files = append(files, in.File)
	}
	switch guard := r.Stop.Guard; {
	case guard == "--canary" && todo.User != "":
		return commandLine([]string{"corattach", "explain", r.Dir}, string(todo.User))
	case guard == "--max-drop" && len(r.Vanished) > 0:
		return commandLine([]string{"less"}, filepath.Join(r.Dir, VanishedFile))
	case guard == "--max-change", guard == "--max-detach":
		return commandLine([]string{"less"}, filepath.Join(r.Dir, ReconciliationFile))
	case guard == "--plan":
		return commandLine(r.again(true, nil), files...)
	case (todo.Resumable > 0 || len(r.Left) > 0) && !r.endsForGood():
		return commandLine([]string{"corattach", "resume"}, r.Dir)
	case guard != "" && r.endsForGood(), r.Command == "probe":
		return nil
	case todo.Commas:
		return commandLine(append(r.again(r.DryRun, nil), "--decimal-comma"), files...)
	case todo.Fixable && !todo.Overwritten, todo.Resumable > 0:
		form := map[string]string{"--delimiter": "auto", "--encoding": "auto", "--skip-lines": "0", "--map": ""}
		return commandLine(r.again(r.DryRun, form), filepath.Join(r.Dir, FailedFile))
	case r.DryRun && r.Plan != "" && (todo.Planned || r.Command != "detach"):
		return commandLine(append(r.again(false, nil), "--plan="+r.Plan), files...)
	}
	return nil
}

// again is the run's command with its flags, as a dry run or for real: without those
// that are for one run alone or override a guard. Flags of form that were set have its
// values. A --dry-run with a value tells that environment or file may ask for one.
func (r *Run) again(dry bool, form map[string]string) []string {
	words := []string{"corattach", r.Command}
	switch {
	case dry:
		words = append(words, "--dry-run")
	case r.flag("--dry-run") != "":
		words = append(words, "--dry-run=false")
	}
	dropped := []string{"--dry-run", "--no-requests", "--plan", "--accept-change", "--even-if-older"}
	for _, word := range r.Flags {
		name, _, _ := strings.Cut(word, "=")
		if value, found := form[name]; found {
			word = name + "=" + value
		}
		if !slices.Contains(dropped, name) && word != "--canary=0" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

// commandLine quotes one command for a shell, arguments that look like flags behind a --.
func commandLine(words []string, args ...string) []string {
	if slices.ContainsFunc(args, func(arg string) bool { return len(arg) > 1 && arg[0] == '-' }) {
		words = append(words, "--")
	}
	return []string{shellescape.QuoteCommand(append(words, args...))}
}
