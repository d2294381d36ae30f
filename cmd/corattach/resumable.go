package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"corattach/pipeline"
	"corattach/pipeline/journal"
)

// What keeps a run from being resumed.

// canaryPassed reports whether more users were sent than the canary has: the
// others are only sent once it has passed.
func canaryPassed(log *journal.Log, word string) (bool, error) {
	_, value, _ := strings.Cut(word, "=")
	size, err := strconv.Atoi(value)
	if err != nil {
		return false, err
	}
	users := make(map[pipeline.UserID]bool)
	for e, err := range log.Exchanges() {
		if err != nil {
			return false, err
		}
		if users[cloned(e.User)] = true; len(users) > size {
			return true, nil
		}
	}
	return size == 0, nil
}

// sameSettings refuses a setting that is given and differs from the run's.
func sameSettings(a *app, now, then journal.Settings) error {
	for _, s := range []struct {
		flag      string
		now, then any
	}{
		{"delimiter", now.Delimiter, then.Delimiter},
		{"encoding", now.Encoding, then.Encoding},
		{"decimal-comma", now.DecimalComma, then.DecimalComma},
		{"map", now.Map, then.Map},
		{"source", now.Source, then.Source},
		{"allow-source", now.AllowSource, then.AllowSource},
		{"max-invalid", now.MaxInvalid, then.MaxInvalid},
		{"over-allocation", now.OverAllocation, then.OverAllocation},
		{"allocation-limit", now.AllocationLimit, then.AllocationLimit},
		{"allow-empty", now.AllowEmpty, then.AllowEmpty},
		{"chunk", now.Chunk, then.Chunk},
	} {
		given := a.isGiven(s.flag) || s.flag == "max-invalid" && a.isGiven("strict")
		if given && fmt.Sprint(s.now) != fmt.Sprint(s.then) {
			return usage("leave it out, or import the file again as a new run",
				"the run was made with %s, and %s is given", setting(s.flag, s.then), setting(s.flag, s.now))
		}
	}
	return nil
}

// setting names a flag with its value.
func setting(flag string, value any) string {
	switch v := value.(type) {
	case string:
		if v == "" {
			return "no --" + flag
		}
	case []string:
		if len(v) == 0 {
			return "no --" + flag
		}
		value = strings.Join(v, ",")
	case map[string]string:
		var pairs []string
		for field, header := range v {
			pairs = append(pairs, field+"="+header)
		}
		slices.Sort(pairs)
		if len(pairs) == 0 {
			return "no --" + flag
		}
		value = strings.Join(pairs, ";")
	}
	return fmt.Sprintf("--%s=%v", flag, value)
}

// refuseBlank refuses flags that are given without a value, as an unset variable
// of a script makes them: their defaults are not what was meant.
func (a *app) refuseBlank(flags ...string) error {
	for _, g := range a.given {
		if slices.Contains(flags, g.name) && len(g.values) > 0 && g.values[0] == "" {
			return usage("give a value, or leave it out for the default", "--%s is given, but blank", g.name)
		}
	}
	return nil
}

// isGiven reports whether a flag was set, wherever.
func (a *app) isGiven(flag string) bool { return a.find(flag) != nil }

// overtaken refuses to resume a run when a later one has sent to the same target
// for one of this run's users, or has found one unchanged that would be sent:
// the later word would be undone, or this run's report would tell what is no
// longer so.
func overtaken(dir string, log *journal.Log, plan *pipeline.Plan) error {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return err
	}
	sent, unchanged := make(map[pipeline.UserID]string), make(map[pipeline.UserID]string)
	second, _, _ := strings.Cut(log.Header.RunID, "-") // runs of one second sort in any order
	if gone := newestDeleted(filepath.Dir(dir)); gone >= second {
		return usage("import the newest file instead, or resume with --even-if-older",
			"later runs were deleted, the newest being %s: whether one of them has sent for a user of this run can't be told", gone)
	}
	for _, entry := range entries {
		path := filepath.Join(filepath.Dir(dir), entry.Name(), journalFile)
		if entry.Type()&os.ModeSymlink != 0 || entry.Name() < second || entry.Name() == log.Header.RunID || !exists(path) {
			continue
		}
		other, err := journal.Read(path)
		if errors.Is(err, journal.ErrUnbegun) {
			continue
		}
		if err != nil {
			return fmt.Errorf("a later run can't be read: %w", err)
		}
		if !other.Header.At.After(log.Header.At) || !targetOf(other.Header).sameAs(targetOf(log.Header)) {
			continue
		}
		for e, err := range other.Exchanges() {
			if err != nil {
				return err
			}
			switch {
			case e.MayHaveLeft():
				sent[cloned(e.User)] = other.Header.RunID
			case e.Confirmed != nil:
				unchanged[cloned(e.User)] = other.Header.RunID
			}
		}
	}
	if len(sent)+len(unchanged) == 0 {
		return nil
	}
	for user, err := range plan.Send() {
		if err != nil {
			return err
		}
		if err := overtakenBy(sent, "sent for user %q", user.ID); err != nil {
			return err
		}
		if err := overtakenBy(unchanged, "found user %q unchanged", user.ID); err != nil {
			return err
		}
	}
	for e, err := range log.Exchanges() {
		if err != nil {
			return err
		}
		if err := overtakenBy(sent, "sent for user %q", e.User); err != nil {
			return err
		}
	}
	return nil
}

func overtakenBy(later map[pipeline.UserID]string, what string, user pipeline.UserID) error {
	if run, found := later[user]; found {
		return usage("import the newest file instead, or resume with --even-if-older", "the later run %s has "+what, run, user)
	}
	return nil
}

// cloned is a user's id that does not keep the record alive in which it stood.
func cloned(user pipeline.UserID) pipeline.UserID {
	return pipeline.UserID(strings.Clone(string(user)))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
