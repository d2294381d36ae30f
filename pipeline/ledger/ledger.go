package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"corattach/pipeline"
)

// format is that of everything in the file. A ledger of another one is refused.
const format = 1

// patience is how long another process may hold the file.
const patience = time.Minute

// The buckets.
var (
	metaBucket    = []byte("meta")
	namesBucket   = []byte("names")   // number to name, of targets, runs, jobs and sources
	runsBucket    = []byte("runs")    // run id to runState
	jobsBucket    = []byte("jobs")    // numbers of target and job to that of the reference run
	targetsBucket = []byte("targets") // number of a target to its bucket of users
	floorsBucket  = []byte("floors")  // number of a target, or everyTarget, to the time up to which nothing is confirmed
	formatKey     = []byte("format")
)

// Target is where runs have sent to. Account is "" where it is not known.
type Target struct {
	BaseURL, AuthURL, Account string
}

// Run is one run as the ledger knows it.
type Run struct {
	ID     string
	Job    string
	Target Target
}

// ErrBusy says that another process holds the ledger for longer than a minute.
var ErrBusy = errors.New("the ledger is in use by another process")

// Ledger is an open ledger. It is not for use from several goroutines.
type Ledger struct {
	db      *bbolt.DB // nil for one that is only read and does not exist
	reading *bbolt.Tx // nil until something is read, and after each writing
	writing bool

	names   []string // by number
	numbers map[string]uint64
	runs    map[string]runState
	jobs    map[jobKey]uint64 // to the number of the reference run
	floors  map[uint64]time.Time

	changed map[userKey]*user // what is not written yet; all changes of one that is only read
}

type jobKey struct{ target, job uint64 }

type userKey struct {
	target uint64
	id     pipeline.UserID
}

// runState is how far the ledger has read the journal of a run.
type runState struct {
	seen   int64  // bytes that are applied
	judged int64  // bytes after which it was asked whether the run becomes the reference
	active bool   // it may have sent more than is applied
	target uint64 // its target
}

// Open opens the ledger for reading and writing, and makes it where there is
// none. An error that is ErrBusy passes; any other means that the file is no
// ledger or damaged: it can be removed, and is made again from the journals. A
// process that has met a damaged one may hold it until it ends.
func Open(path string) (*Ledger, error) {
	l, err := open(path, &bbolt.Options{Timeout: patience})
	if err != nil {
		return nil, err
	}
	l.writing = true
	return l, nil
}

// Read opens the ledger for reading; where there is none, or one without a byte,
// it is empty. What is changed in it lives in memory until Close.
func Read(path string) (*Ledger, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && info.Size() == 0 {
		return empty(), nil
	}
	return open(path, &bbolt.Options{Timeout: patience, ReadOnly: true})
}

func empty() *Ledger {
	return &Ledger{
		numbers: make(map[string]uint64), runs: make(map[string]runState), jobs: make(map[jobKey]uint64),
		floors: make(map[uint64]time.Time), changed: make(map[userKey]*user),
	}
}

func open(path string, options *bbolt.Options) (l *Ledger, err error) {
	defer damage(path, &err)()
	db, err := bbolt.Open(path, 0o600, options)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrBusy)
	case err != nil:
		return nil, fmt.Errorf("the ledger %s can't be opened: %w", path, err)
	}
	l = empty()
	l.db = db
	if err := db.View(l.load); err != nil {
		return nil, errors.Join(fmt.Errorf("the ledger %s can't be read: %w", path, err), db.Close())
	}
	return l, nil
}

// everyTarget stands for all of them.
const everyTarget = math.MaxUint64

// load reads all that is small.
func (l *Ledger) load(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return nil
	}
	if is := meta.Get(formatKey); len(is) != 1 || is[0] != format {
		return fmt.Errorf("its format is %v, and this program knows %d", is, format)
	}
	each := func(bucket []byte, do func(k, v cursor)) error {
		return tx.Bucket(bucket).ForEach(func(k, v []byte) error {
			do(cursor(k), cursor(v))
			return nil
		})
	}
	return errors.Join(
		each(namesBucket, func(k, v cursor) {
			l.numbers[string(v)] = uint64(len(l.names))
			l.names = append(l.names, string(v))
		}),
		each(runsBucket, func(k, v cursor) {
			l.runs[string(k)] = runState{seen: int64(v.number()), judged: int64(v.number()), active: v.number() != 0, target: v.number()}
		}),
		each(jobsBucket, func(k, v cursor) { l.jobs[jobKey{k.fixed(), k.fixed()}] = v.number() }),
		each(floorsBucket, func(k, v cursor) { l.floors[k.fixed()] = v.time() }),
	)
}

// Close closes the file. Changes that were not written are gone.
func (l *Ledger) Close() error {
	if l.db == nil {
		return nil
	}
	l.stopReading()
	return l.db.Close()
}

// stopReading ends what reads see: the next one sees what was written since.
func (l *Ledger) stopReading() {
	if l.reading != nil {
		_ = l.reading.Rollback()
		l.reading = nil
	}
}

// number returns the number of a name, a new one where it has none.
func (l *Ledger) number(name string) uint64 {
	n, found := l.numbers[name]
	if !found {
		n = uint64(len(l.names))
		l.numbers[name] = n
		l.names = append(l.names, name)
	}
	return n
}

// lookUp returns the number of a name, and one that no name has where it has none.
func (l *Ledger) lookUp(name string) uint64 {
	if n, found := l.numbers[name]; found {
		return n
	}
	return math.MaxUint64
}

func (t Target) name() string {
	return t.BaseURL + "\n" + t.AuthURL + "\n" + t.Account
}

// user returns what is known of a user, to be changed.
func (l *Ledger) user(key userKey) (*user, error) {
	if u, found := l.changed[key]; found {
		return u, nil
	}
	u := &user{}
	err := l.read(func(tx *bbolt.Tx) error {
		if tx == nil {
			return nil
		}
		if users := usersOf(tx, key.target); users != nil {
			u.decode(users.Get([]byte(key.id)))
		}
		return nil
	})
	l.changed[key] = u
	return u, err
}

// read calls do with what the file holds, nil where there is none.
func (l *Ledger) read(do func(*bbolt.Tx) error) (err error) {
	if l.db == nil {
		return do(nil)
	}
	defer damage(l.db.Path(), &err)()
	if l.reading == nil {
		if l.reading, err = l.db.Begin(false); err != nil {
			return err
		}
	}
	return do(l.reading)
}

// damage turns what comes of a damaged file into an error, once what it returns
// is deferred: bbolt panics on pages that are none, and reads beyond the end of a
// file that was cut.
func damage(path string, err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		p := recover()
		if _, beyond := p.(runtime.Error); beyond {
			p = "it was cut or overwritten"
		}
		if p != nil {
			*err = fmt.Errorf("the ledger %s is damaged: %v", path, p)
		}
	}
}

func usersOf(tx *bbolt.Tx, target uint64) *bbolt.Bucket {
	targets := tx.Bucket(targetsBucket)
	if targets == nil {
		return nil
	}
	return targets.Bucket(fixed(target))
}

// write makes all changes durable. One that is only read keeps them.
func (l *Ledger) write() (err error) {
	if !l.writing {
		return nil
	}
	l.stopReading()
	defer damage(l.db.Path(), &err)()
	keys := make([]userKey, 0, len(l.changed))
	for key := range l.changed {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, userKey.compare)
	err = l.db.Update(func(tx *bbolt.Tx) error {
		if err := l.writeSmall(tx); err != nil {
			return err
		}
		for _, key := range keys {
			users, err := tx.Bucket(targetsBucket).CreateBucketIfNotExists(fixed(key.target))
			if err != nil {
				return err
			}
			users.FillPercent = 0.9 // users come in order, and most of them stay
			if err := l.changed[key].put(users, key.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("the ledger can't be written: %w", err)
	}
	clear(l.changed)
	return nil
}

func (l *Ledger) writeSmall(tx *bbolt.Tx) error {
	for _, name := range [][]byte{metaBucket, namesBucket, runsBucket, jobsBucket, targetsBucket, floorsBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	errs := []error{tx.Bucket(metaBucket).Put(formatKey, []byte{format})}
	for n, name := range l.names {
		errs = append(errs, tx.Bucket(namesBucket).Put(fixed(uint64(n)), []byte(name)))
	}
	for id, s := range l.runs {
		var v []byte
		for _, n := range []uint64{uint64(s.seen), uint64(s.judged), flag(s.active), s.target} {
			v = binary.AppendUvarint(v, n)
		}
		errs = append(errs, tx.Bucket(runsBucket).Put([]byte(id), v))
	}
	for key, run := range l.jobs {
		errs = append(errs, tx.Bucket(jobsBucket).Put(append(fixed(key.target), fixed(key.job)...), binary.AppendUvarint(nil, run)))
	}
	for target, floor := range l.floors {
		errs = append(errs, tx.Bucket(floorsBucket).Put(fixed(target), appendTime(nil, floor)))
	}
	return errors.Join(errs...)
}
