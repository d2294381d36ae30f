package ledger

import (
	"errors"
	"iter"
	"maps"
	"slices"

	"corattach/pipeline"
)

// Import is what an import says beyond its exchanges.
type Import struct {
	Baseline bool     // it becomes the job's baseline
	Sent     bool     // it sent something
	Doubtful bool     // COR did not know a user, or may not have
	Broken   bool     // the user of a broken record is not known
	Stopped  bool     // a guard stopped it before COR was asked
	Inputs   []string // SHA-256 of its files

	Pairs    iter.Seq[pipeline.Pair]            // that it has; nil when the input was refused: then nothing here counts
	Users    iter.Seq[pipeline.UserID]          // whom it names, the damaged ones too
	Damaged  iter.Seq[pipeline.UserID]          // who have an invalid row: all their pairs count as in the input
	Troubled iter.Seq2[pipeline.UserID, string] // whose rows did not all arrive, and why
}

// job is what is known of a job. Its counters are those of imports.
type job struct {
	Baseline int64    `json:"baseline"` // 0: there is none
	Wanted   int64    `json:"wanted"`   // the newest whose pairs are wanted
	Latest   int64    `json:"latest"`   // the newest that sent something, or became the baseline, or is doubtful or broken
	Doubtful bool     `json:"doubtful"` // the latest is
	Broken   bool     `json:"broken"`   // the latest is
	Sent     int64    `json:"sent"`     // the newest that came to sending
	Inputs   []string `json:"inputs"`   // of that one

	Pairs    marks                       `json:"pairs"`
	Users    marks                       `json:"users"`
	Troubled map[pipeline.UserID]trouble `json:"troubled"`
}

// trouble is why a user's rows did not all arrive in the latest import that named
// the user.
type trouble struct {
	Counter int64  `json:"counter"` // of the import
	Reason  string `json:"reason"`
}

// Conclude takes over what an import says beyond its exchanges. It is called for
// every real import, after Apply. Imports may come in any order; the result is that
// of their counters.
func (l *Ledger) Conclude(run Run, i Import) error {
	return l.update(func() error {
		is := l.run(run)
		is.Concluded = is.Seen
		if i.Pairs == nil {
			return nil
		}
		target := targetKey(run.Target)
		j, err := l.job(target, run.Job)
		stranger, failed := l.stranger(target, i.Troubled)
		spared, also := l.damaged(target, &i)
		if err := errors.Join(err, failed, also); err != nil {
			return err
		}
		i.Doubtful = i.Doubtful || stranger && !i.Stopped
		users := sorted(i.Users, userKey)
		if cleared, set := j.conclude(run.Counter, &i); set != 0 {
			j.Pairs = j.Pairs.renew(sorted(i.Pairs, pairKey), spared, cleared, set)
			j.Users = j.Users.renew(users, nil, cleared, set)
		}
		j.trouble(run.Counter, users, i.Troubled)
		return l.put(jobsTable(target), run.Job, j)
	})
}

func userKey(user pipeline.UserID) string { return string(user) }

// job returns what is known of a job; one that nothing is known of is zero.
func (l *Ledger) job(target, name string) (job, error) { return get[job](l, jobsTable(target), name) }

// conclude takes over an import, and returns how the marks of the job's pairs and
// users change: which are cleared, and which those that the import has get. An
// older import replaces nothing that a newer one has said. A baseline that comes
// late leaves wanted what was: what of it came with newer imports is not known.
func (j *job) conclude(counter int64, i *Import) (cleared, set mark) {
	came := i.Sent || i.Baseline
	if came && counter >= j.Sent {
		j.Sent, j.Inputs = counter, i.Inputs
	}
	if (came || i.Doubtful || i.Broken) && counter >= j.Latest {
		j.Latest, j.Doubtful, j.Broken = counter, i.Doubtful, i.Broken
		cleared, set = inLatest, inLatest
	}
	if i.Baseline {
		set |= everInBase
	}
	if i.Baseline && counter >= j.Baseline {
		j.Baseline = counter
		cleared |= inBaseline
		set |= inBaseline | wanted
		if counter >= j.Wanted {
			cleared |= wanted
		}
	}
	if i.Sent && counter >= j.Baseline {
		set |= wanted
	}
	if set&wanted != 0 {
		j.Wanted = max(j.Wanted, counter)
	}
	return cleared, set
}

// trouble takes note of whose rows did not all arrive, and of who is named and is
// well. Whom a newer import has named keeps what that one said.
func (j *job) trouble(counter int64, users []uint64, troubled iter.Seq2[pipeline.UserID, string]) {
	maps.DeleteFunc(j.Troubled, func(user pipeline.UserID, t trouble) bool {
		return t.Counter <= counter && contains(users, hash(string(user)))
	})
	if j.Troubled == nil {
		j.Troubled = make(map[pipeline.UserID]trouble)
	}
	if troubled == nil {
		return
	}
	for user, reason := range troubled {
		is, _ := j.Users.of(hash(string(user)))
		newer := j.Latest > counter && is&inLatest != 0
		if !newer && j.Troubled[user].Counter <= counter {
			j.Troubled[user] = trouble{counter, reason}
		}
	}
}

// stranger reports whether COR has never told who one of the users is. Whoever has
// vanished may be one of them under another id.
func (l *Ledger) stranger(target string, troubled iter.Seq2[pipeline.UserID, string]) (bool, error) {
	if troubled == nil {
		return false, nil
	}
	for user := range troubled {
		pairs, err := l.ofUser(target, user)
		if err != nil || !slices.ContainsFunc(pairs, func(p stored) bool { return p.Identity.Known() }) {
			return true, err
		}
	}
	return false, nil
}

// damaged returns the hashes of all pairs of an import's damaged users.
func (l *Ledger) damaged(target string, i *Import) ([]uint64, error) {
	var hashes []uint64
	if i.Damaged == nil {
		return nil, nil
	}
	var failed error
	for user := range i.Damaged {
		pairs, err := l.ofUser(target, user)
		failed = errors.Join(failed, err)
		for _, p := range pairs {
			hashes = append(hashes, hash(p.key))
		}
	}
	slices.Sort(hashes)
	return hashes, failed
}
