package ledger

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

	Pairs    iter.Seq[pipeline.Pair]    // that it has
	Users    iter.Seq[pipeline.UserID]  // whom it names, the damaged ones too
	Damaged  iter.Seq[pipeline.UserID]  // who have an invalid row: all their pairs count as in the input
	Troubled map[pipeline.UserID]string // whose rows did not all arrive, and why

	Identities iter.Seq2[pipeline.Pair, pipeline.Identity] // of its unchanged pairs: its exchanges tell those of the others
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

	target, name string // of one that a protector has
}

// trouble is why a user's rows did not all arrive in the latest import that named
// the user.
type trouble struct {
	Counter int64  `json:"counter"` // of the import
	Reason  string `json:"reason"`
}

// mark says what a job has made of a pair or a user.
type mark uint64

const (
	inLatest   mark = 1 << iota // the job's latest import has it
	inBaseline                  // its baseline has it
	everInBase                  // one of its baselines had it
	wanted                      // it is wanted: see "Nights" in the contract

	allMarks mark = 1<<iota - 1
)

// marks are those of all pairs, or of all users, that a job ever had: sorted, each a
// hash with the marks in place of its last bits. Millions of them are kept in memory.
type marks []mark

// MarshalJSONTo writes the marks as one string.
func (m marks) MarshalJSONTo(to *jsontext.Encoder) error {
	blob := make([]byte, 0, 8*len(m))
	for _, is := range m {
		blob = binary.BigEndian.AppendUint64(blob, uint64(is))
	}
	return json.MarshalEncode(to, blob)
}

// UnmarshalJSONFrom reads what MarshalJSONTo writes.
func (m *marks) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var blob []byte
	err := json.UnmarshalDecode(from, &blob)
	*m = make(marks, 0, len(blob)/8)
	for one := range slices.Chunk(blob, 8) {
		*m = append(*m, mark(binary.BigEndian.Uint64(one)))
	}
	return err
}

// of returns the marks of a key, and whether it has any or had.
func (m marks) of(key string) (is mark, found bool) {
	sought := hashed(key)
	if at, _ := slices.BinarySearch(m, sought); at < len(m) && m[at]&^allMarks == sought {
		return m[at] & allMarks, true
	}
	return 0, false
}

// clear takes marks away from all but the spared ones.
func (m marks) clear(cleared mark, spared map[mark]bool) {
	for n, is := range m {
		if !spared[is&^allMarks] {
			m[n] = is &^ cleared
		}
	}
}

// merge sorts the marks, and makes one of those of the same hash.
func (m marks) merge() marks {
	slices.Sort(m)
	merged := m[:0]
	for _, is := range m {
		if n := len(merged) - 1; n >= 0 && merged[n]&^allMarks == is&^allMarks {
			merged[n] |= is
		} else {
			merged = append(merged, is)
		}
	}
	return merged
}

func (m marks) count(has, lacks mark) (count int) {
	for _, is := range m {
		if is&has == has && is&lacks == 0 {
			count++
		}
	}
	return count
}

func hashed(key string) mark { return mark(hash(key)) &^ allMarks }

// job returns what is known of a job; of one that is new, nothing.
func (l *Ledger) job(target, name string) job {
	j := get[job](l, jobsTable+target, name)
	if j.Troubled == nil {
		j.Troubled = make(map[pipeline.UserID]trouble)
	}
	return j
}

// Conclude takes note that a run is applied, and of what an import says beyond its
// exchanges; i is nil for any other run, and for an import whose input was refused or
// can't be read again.
func (l *Ledger) Conclude(run Run, i *Import) error {
	return l.update(func() error {
		if i != nil {
			l.conclude(run, i)
		}
		run.Seen = max(run.Seen, l.Runs[run.ID].Seen)
		l.Runs[run.ID] = run
		return nil
	})
}

func (l *Ledger) conclude(run Run, i *Import) {
	target := targetKey(run.Target)
	for pair, identity := range i.Identities { // the run that sent an unchanged pair may be gone
		if p := l.pair(target, pairKey(pair)); p.Identity != identity && p.Told.counter() < run.Counter {
			p.Identity = identity
			l.put(pairsTable+target, p.key, &p.state)
		}
	}
	doubtful := i.Doubtful
	for user := range i.Troubled { // COR may never have told who it is: whoever has vanished, under another id
		known := slices.ContainsFunc(l.ofUser(target, user), func(p stored) bool { return p.Identity.Known() })
		doubtful = doubtful || !known && !i.Stopped
	}
	j := l.job(target, run.Job)
	if cleared, set := j.conclude(run.Counter, i, doubtful); set != 0 {
		l.mark(&j, target, i, cleared, set)
	}
	j.trouble(run.Counter, i)
	l.put(jobsTable+target, run.Job, &j)
}

// mark changes the marks of all pairs and users of a job: some are cleared, and those
// that the import has get others. All pairs of its damaged users count as in the input.
func (l *Ledger) mark(j *job, target string, i *Import, cleared, set mark) {
	spared := make(map[mark]bool)
	for user := range i.Damaged {
		for _, p := range l.ofUser(target, user) {
			if _, had := j.Pairs.of(p.key); had {
				spared[hashed(p.key)] = true
			}
		}
	}
	j.Pairs.clear(cleared, spared)
	j.Users.clear(cleared, nil)
	for one := range spared {
		j.Pairs = append(j.Pairs, one|set&inLatest)
	}
	for pair := range i.Pairs {
		j.Pairs = append(j.Pairs, hashed(pairKey(pair))|set)
	}
	for user := range i.Users {
		j.Users = append(j.Users, hashed(string(user))|set)
	}
	j.Pairs, j.Users = j.Pairs.merge(), j.Users.merge()
}

// conclude takes over an import, and returns how the marks of the job's pairs and
// users change: which are cleared, and which those that the import has get. An
// older import replaces nothing that a newer one has said. A baseline that comes
// late leaves wanted what was: what of it came with newer imports is not known.
func (j *job) conclude(counter int64, i *Import, doubtful bool) (cleared, set mark) {
	came := i.Sent || i.Baseline
	if came && counter >= j.Sent {
		j.Sent, j.Inputs = counter, i.Inputs
	}
	if (came || doubtful || i.Broken) && counter >= j.Latest {
		j.Latest, j.Doubtful, j.Broken = counter, doubtful, i.Broken
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
func (j *job) trouble(counter int64, i *Import) {
	for user := range i.Users {
		if j.Troubled[user].Counter <= counter {
			delete(j.Troubled, user)
		}
	}
	for user, reason := range i.Troubled {
		is, _ := j.Users.of(string(user))
		newer := j.Latest > counter && is&inLatest != 0
		if !newer && j.Troubled[user].Counter <= counter {
			j.Troubled[user] = trouble{counter, reason}
		}
	}
}
