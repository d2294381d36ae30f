// Package ledger keeps what COR last said of every pair that was ever sent from
// a runs directory, over all runs, and for each job which pairs its imports had.
//
// It is an index, not evidence: everything in it comes from the journals and
// inputs of the runs. It notes how far it has read each of them, after what it has
// read there, so that it catches up after any crash. Where it is lost
// it is made again, and then it knows no more than the runs that are left.
//
// Order is that of counters, which runs and their sessions take from the runs
// directory, and never that of clocks. What is known of a pair depends on what
// was sent, not on when it was applied; a piece may be applied twice.
//
// Each value carries a checksum over its key and itself. All are checked when the
// file is opened: a damaged ledger is refused, and never decides anything.
package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"corattach/pipeline"
)

// format is that of everything in the file. A ledger of another one is refused.
const format = 5

// patience is how long another process may hold the file.
const patience = time.Minute

// Ledger is an open ledger. It is for one goroutine at a time, and no func that is
// given to it may call it. Runs and Floor are to be read only.
type Ledger struct {
	path     string
	readOnly bool // nothing is ever committed
	db       *bbolt.DB
	tx       *bbolt.Tx // always open: changes are committed and the next one is begun
	entries  *bbolt.Bucket
	failed   error // to change an entry in this transaction

	register

	// What was made of the entries since the last change.
	kinships  map[string]*kinship // by target
	protector *protector
}

// register is what is small. It is one value.
type register struct {
	Format int              `json:"format"`
	Runs   map[string]Run   `json:"runs"`   // that it knows, by their ids
	Floor  int64            `json:"floor"`  // the counter up to which nothing is confirmed; see Doubt
	Scopes map[string]scope `json:"scopes"` // by target, what its answers to attach list
}

// Open opens the ledger for reading and writing, and makes it where there is
// none. One that is damaged, or of another version of the program, is an error; so is one
// that another process holds for longer than a minute, then a *pipeline.Failure.
func Open(path string) (*Ledger, error) { return open(path, path, false) }

// Read opens the ledger for reading; where there is none, it is empty. What is
// changed in it is kept in memory and forgotten with Close. Its errors are those of
// Open.
func Read(path string) (*Ledger, error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return open(path, path, true)
	}
	file, err := os.CreateTemp("", "corattach-ledger-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_ = file.Close() // nothing was written
	return open(path, file.Name(), true)
}

// open checks the file of a ledger and opens it. bbolt panics on pages that are none,
// and reads beyond the end of a file that was cut.
func open(path, file string, readOnly bool) (_ *Ledger, err error) {
	l := &Ledger{path: path, readOnly: readOnly}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = l.unusable("it was cut or overwritten: %v", p)
		}
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	// bbolt keeps the lock of a file that it panics on when it opens it for writing.
	if info, err := os.Stat(file); err == nil && info.Size() > 0 {
		if err := l.openDB(file, true); err != nil {
			return nil, err
		}
		err := l.db.View(func(tx *bbolt.Tx) error {
			entries := tx.Bucket([]byte(bucket))
			if entries == nil {
				return nil
			}
			return entries.ForEach(func(key, stored []byte) error {
				if at := len(stored) - crc32.Size; at < 0 || !bytes.Equal(stored[at:], checksum(key, stored[:at])) {
					return l.unusable("the value of %q is damaged", key)
				}
				return nil
			})
		})
		if err = errors.Join(err, l.db.Close()); err != nil {
			return nil, err
		}
	}
	if err := l.openDB(file, false); err != nil {
		return nil, err
	}
	return l, l.begin()
}

func (l *Ledger) unusable(format string, args ...any) error {
	return fmt.Errorf("the ledger %s can't be used: %s", l.path, fmt.Sprintf(format, args...))
}

func (l *Ledger) openDB(file string, readOnly bool) (err error) {
	l.db, err = bbolt.Open(file, 0o600, &bbolt.Options{Timeout: patience, ReadOnly: readOnly})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return pipeline.Internal("wait for the other process to end", fmt.Errorf("%s: the ledger is in use by another process", l.path))
	case err != nil && !errors.As(err, new(*fs.PathError)):
		return l.unusable("%v", err)
	}
	return err
}

// Close closes the file.
func (l *Ledger) Close() error {
	var err error
	if l.tx != nil {
		err = l.tx.Rollback()
	}
	if l.db != nil {
		err = errors.Join(err, l.db.Close())
	}
	l.tx, l.db = nil, nil
	return err
}

// begin begins the next transaction, and reads the register.
func (l *Ledger) begin() (err error) {
	if l.tx, err = l.db.Begin(true); err != nil {
		return err
	}
	l.failed = nil
	l.register = register{Format: format, Runs: make(map[string]Run), Scopes: make(map[string]scope)}
	if first, _ := l.tx.Cursor().First(); first == nil {
		l.entries, err = l.tx.CreateBucket([]byte(bucket))
	} else if l.entries = l.tx.Bucket([]byte(bucket)); l.entries != nil {
		l.register = get[register](l, registerTable, "")
	}
	if err == nil && (l.entries == nil || l.Format != format) {
		err = l.unusable("it is no ledger, or one of another version of the program")
	}
	if err == nil {
		l.entries.FillPercent = 0.9 // most keys come in order and stay
	}
	return err
}

// update makes changes durable, all of them or none.
func (l *Ledger) update(change func() error) error {
	err := change()
	if err == nil {
		err = l.commit()
	}
	if err != nil {
		_ = l.tx.Rollback()
		err = errors.Join(err, l.begin())
	}
	l.kinships, l.protector = nil, nil
	return err
}

// commit makes what was changed until now durable.
func (l *Ledger) commit() error {
	l.put(registerTable, "", &l.register)
	err := l.failed
	if err == nil && !l.readOnly {
		err = l.tx.Commit()
	}
	switch {
	case err != nil:
		return fmt.Errorf("the ledger %s can't be written: %w", l.path, err)
	case l.readOnly:
		return nil
	}
	return l.begin()
}
