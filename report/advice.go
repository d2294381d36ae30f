package report

import (
	"slices"

	"corattach/pipeline"
)

// adviceToResume is about a row that has no definite answer yet.
const adviceToResume = "resume sends it again"

// Advise says what to do about a row that is not as it should be: the one table
// for terminal, page and explain. It is "" for a row that is.
func (r *Run) Advise(l *pipeline.Line) string {
	if text := r.adviceOnUnknown(l.Subject); text != "" {
		return text
	}
	if l.Resumable && !r.endsForGood() {
		return adviceToResume
	}
	switch l.Status {
	case pipeline.Mismatched:
		return r.adviceOnMismatch(l)
	case pipeline.Missing:
		return "check that the workspace exists in COR and is mapped under this source, then import failed.csv"
	case pipeline.Failed:
		return "fix what COR refused, then " + r.command() + " failed.csv"
	case pipeline.Unknown:
		return "look at the user in COR: what was sent may have been applied"
	case pipeline.Invalid:
		if flag := flagFor(l); flag != "" {
			return "if all of the input is like this row, " + r.adviceOnReading(flag) + "; if not, fix the row in failed.csv"
		}
		return "fix the row in failed.csv: its reason says what is wrong"
	case pipeline.Held:
		return "fix the invalid row of the same user: this row is sent together with it"
	case pipeline.NotSent:
		return r.adviceOnNotSent()
	case pipeline.StillAttached:
		return "look at the user in COR, then detach failed.csv"
	case pipeline.Protected:
		return "the reason says who may still want the pair: leave it out of the file, or give --unprotected when it has to go"
	}
	return ""
}

// adviceOnUnknown says what to do about what COR does not know; "" for anything
// else.
func (r *Run) adviceOnUnknown(s pipeline.Subject) string {
	switch {
	case s != "" && r.Command == "detach":
		return "correct the ids of unmapped.csv, or leave them out of the file: what COR does not know can't be detached"
	case s == pipeline.UnknownUser:
		return "create the users of unmapped.csv in COR under their source, or correct their ids, then import failed.csv"
	case s == pipeline.UnknownWorkspace:
		return "create the workspaces of unmapped.csv in COR under their source, or correct their ids, then import failed.csv"
	case s == pipeline.UnknownEither:
		return "check the users of unmapped.csv and their workspaces in COR, create what it lacks, then import failed.csv"
	}
	return ""
}

// adviceOnReading says what to do about an input that has to be read with a flag.
func (r *Run) adviceOnReading(flag string) string {
	if flag == encodingFlag {
		flag += " NAME: the encoding that it was written in, such as windows-1252"
	}
	return r.command() + " the input again with " + flag
}

func (r *Run) adviceOnMismatch(l *pipeline.Line) string {
	if overwritten(l) {
		return "decide which of the two ids is meant and remove the other from the input"
	}
	rounds := "if COR rounds, --tolerance accepts its figure"
	if r.Tolerance > 0 {
		rounds = "if COR rounds, a wider --tolerance accepts its figure"
	}
	if slices.Contains(r.Flags, "--repair") {
		return rounds + "; otherwise look at the user in COR"
	}
	return "if COR keeps the old percentage, --repair detaches and attaches the pair again; " + rounds
}

func (r *Run) adviceOnNotSent() string {
	if r.Stop.Kind != pipeline.RanToEnd {
		return "" // the advice on the stop says it
	}
	return "an earlier part of the same request was not accepted: fix that first"
}

// AdviseStop says what to do about the way in which the run ended; "" when its
// reason says it.
func (r *Run) AdviseStop() string {
	switch r.Stop.Kind {
	case pipeline.Credentials:
		return "check the credentials, what their account may do, and --auth-url, then resume"
	case pipeline.Unavailable:
		return r.adviceOnUnavailable()
	case pipeline.InputRefused:
		if r.Rows == 0 {
			return "check the export; when it may be empty, --allow-empty lets it through"
		}
		if slices.Contains(r.Flags, "--strict") {
			return "fix the rows of failed.csv and import it; --strict lets no invalid row through"
		}
		return "fix the rows of failed.csv and import it; --max-invalid says how many invalid rows a run may have"
	case pipeline.Guarded:
		return adviceOnGuard(r.Stop.Guard)
	}
	return ""
}

func (r *Run) adviceOnUnavailable() string {
	switch attempts, throttled := r.Traffic.Attempts(); {
	case attempts == 0:
		return "check --auth-url; if it is right, resume when COR and the network are back"
	case throttled > 0:
		return "resume when COR takes requests again; a lower --rate is throttled less"
	}
	return "check --base-url; if it is right, resume when COR and the network are back"
}

func adviceOnGuard(flag string) string {
	switch flag {
	case "--canary":
		return "look at what the first users met; when it is fixed, or as it should be, resume with --canary 0"
	case "--max-drop":
		return "look at the export and at vanished.csv; when it is right, --accept-change lets one run through, also the first of a job"
	case "--max-change":
		return "look at the percentages of the export; when they are right, --accept-change lets one run through"
	case "--max-detach":
		return "look at reconciliation.csv; when all of it has to go, raise --max-detach"
	case "--max-failures":
		return "look at the causes before you resume"
	case "--max-input-age":
		return "check the export: its file is older than allowed"
	case "--plan":
		return "the input or the settings have changed since the dry run: look at what a new one shows"
	}
	return ""
}

// endsForGood reports whether the run is not to be resumed by a command that is
// pasted: its canary was not matched, or nothing of it can be resumed.
func (r *Run) endsForGood() bool {
	return r.neverResumed() || r.Stop.Kind == pipeline.Guarded && r.Stop.Guard == "--canary"
}

// neverResumed reports whether resume would send nothing: of a dry run, of one that
// a guard stopped before its first request, and of a refused input.
func (r *Run) neverResumed() bool {
	return r.DryRun || r.Stop.Kind == pipeline.InputRefused || r.Stop.Kind == pipeline.Guarded && r.Stop.Unsent
}

// command is the word that takes a failed.csv.
func (r *Run) command() string {
	if r.Command == "detach" {
		return "detach"
	}
	return "import"
}

// advice returns what to do about a run with these causes, the end of the run
// first, each thing once. flag is the one with which the input is to be read again,
// "" for none.
func (r *Run) advice(causes []Cause, flag string) []string {
	if r.Stop.Kind == pipeline.InputRefused && flag != "" {
		return []string{r.adviceOnReading(flag)}
	}
	var all []string
	add := func(text string) {
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	add(r.AdviseStop())
	if r.Stop.Kind == pipeline.InputRefused {
		return all // nothing else is to be done but to fix the rows
	}
	for _, c := range causes[:min(len(causes), causesShown)] {
		switch {
		case c.Status == pipeline.Held, c.Advice == adviceToResume: // the invalid row, and the next command, say it
		case c.Flag != "" && flag != "":
			add(r.adviceOnReading(flag))
		default:
			add(c.Advice)
		}
	}
	return all
}
