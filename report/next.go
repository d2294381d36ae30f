package report

import (
	"path/filepath"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"corattach/pipeline"
)

// Todo is what the rows of a run leave to be done.
type Todo struct {
	Resumable bool            // resume would send something
	Fixable   bool            // failed.csv has rows that can be fixed, and none that must not be sent again
	Flag      string          // with which the whole input is to be read again; "" for none
	Planned   bool            // a dry run has rows that would be sent
	User      pipeline.UserID // whom to look at; "" for nobody
}

// Next returns what there is to do about a run: commands to paste into a shell,
// in the order in which to do them. None of them overrides a guard.
func (r *Run) Next(todo Todo) []string {
	switch {
	case r.Stop.Kind == pipeline.Guarded && r.endsForGood():
		return r.look(todo.User)
	case todo.Resumable && !r.endsForGood():
		return []string{shellescape.QuoteCommand([]string{"corattach", "resume", r.Dir})}
	case r.Command == "probe", todo.Flag == encodingFlag: // which encoding, only people can tell
		return nil
	case todo.Flag != "":
		return []string{commandLine(append(r.again(r.DryRun), todo.Flag), r.files()...)}
	case todo.Fixable, todo.Resumable:
		return []string{r.sendAgain()}
	case r.DryRun && r.Plan != "" && r.Stop.Kind == pipeline.RanToEnd && (todo.Planned || r.Command != "detach"):
		return []string{commandLine(append(r.again(false), "--plan="+r.Plan), r.files()...)}
	}
	return nil
}

// look is how to see what a guard has stopped a run for.
func (r *Run) look(user pipeline.UserID) []string {
	switch r.Stop.Guard {
	case "--canary":
		if user != "" {
			return []string{commandLine([]string{"corattach", "explain", r.Dir}, string(user))}
		}
	case "--max-drop":
		if len(r.Vanished) > 0 {
			return []string{shellescape.QuoteCommand([]string{"less", filepath.Join(r.Dir, VanishedFile)})}
		}
	case "--max-change", "--max-detach":
		return []string{shellescape.QuoteCommand([]string{"less", filepath.Join(r.Dir, ReconciliationFile)})}
	case "--plan":
		return []string{commandLine(r.again(true), r.files()...)}
	}
	return nil
}

// sendAgain is the command for failed.csv. It has the run's flags but for those
// that say what form the input had, which are put back to their defaults where
// the command line, the environment or a file sets them.
func (r *Run) sendAgain() string {
	words, mapped := []string{}, false
	for _, word := range r.again(r.DryRun) {
		switch name(word) {
		case "--delimiter":
			word = "--delimiter=auto"
		case "--encoding":
			word = "--encoding=auto"
		case "--skip-lines":
			word = "--skip-lines=0"
		case "--map":
			if mapped {
				continue
			}
			word, mapped = "--map=", true
		}
		words = append(words, word)
	}
	return commandLine(words, filepath.Join(r.Dir, FailedFile))
}

// again is the run's command with its flags, as a dry run or for real: without
// those that are for one run alone, and without those that override a guard. A flag
// --dry-run with a value tells that environment or file may ask for a dry run.
func (r *Run) again(dry bool) []string {
	words := []string{"corattach", r.command()}
	switch {
	case dry:
		words = append(words, "--dry-run")
	case r.flag("--dry-run") != "":
		words = append(words, "--dry-run=false")
	}
	return append(words, slices.DeleteFunc(slices.Clone(r.Flags), func(word string) bool {
		switch name(word) {
		case "--dry-run", "--no-requests", "--plan", "--accept-change", "--even-if-older":
			return true
		}
		return word == "--canary=0"
	})...)
}

// name is the flag that a word gives.
func name(word string) string {
	flag, _, _ := strings.Cut(word, "=")
	return flag
}

// flag returns what a flag was set to; "" when it was not.
func (r *Run) flag(flag string) string {
	for _, word := range r.Flags {
		if value, found := strings.CutPrefix(word, flag+"="); found {
			return value
		}
	}
	return ""
}

func (r *Run) files() []string {
	var files []string
	for _, in := range r.Inputs {
		files = append(files, in.File)
	}
	return files
}

// commandLine quotes words for a shell. Arguments that look like flags come
// behind a --.
func commandLine(words []string, args ...string) string {
	if slices.ContainsFunc(args, func(arg string) bool { return len(arg) > 1 && arg[0] == '-' }) {
		words = append(words, "--")
	}
	return shellescape.QuoteCommand(append(words, args...))
}
