// Package journal keeps the evidence of a run: an append-only file of JSON
// lines, each with a checksum. An attempt stands in it before it leaves, and what
// came of it after. Reports are written from the journal and the input alone, and
// resume goes on from it.
//
// What survives what: once its call has returned, every record survives the death
// of the process; a Begin, a Plan and a Finish survive a loss of power too, with
// all records before them. A record that is cut short at the end of the file is
// the trace of a crash: reading leaves it out and says so. Damage anywhere else is
// an error, and so is a record that can't stand where it does.
//
// The order of records: the header, decisions, the plan that completes them, and
// then sessions with their attempts.
//
// Texts are UTF-8. Bytes that are not come back as U+FFFD.
package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"corattach/pipeline"
)

// Format is that of the journals that this program writes. It reads no other.
const Format = 4

// File is what a journal is written to.
type File interface {
	Write(p []byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Journal appends to a run's evidence. Its methods may be called from several
// goroutines. After the first error every call returns that error, so that
// nothing can be sent any more.
type Journal struct {
	mu      sync.Mutex
	file    File
	order   order
	line    bytes.Buffer  // of the record that is being written
	written int64         // records
	syncing chan struct{} // has room for the one that syncs
	durable int64         // records that would survive a loss of power; it belongs to that one
	err     error
}

// Create begins the journal of a new run. It is an error when path exists. wrap
// stands between the journal and its file; nil stands for nothing. h.Format is
// filled in.
func Create(path string, h Header, wrap func(File) File) (*Journal, error) {
	j, err := open(path, os.O_CREATE|os.O_EXCL, wrap)
	if err != nil {
		return nil, err
	}
	h.Format = Format
	if err := j.put(&record[any]{Type: headerRecord, Data: &h}); err != nil {
		return nil, errors.Join(err, j.file.Close())
	}
	return j, nil
}

func open(path string, flags int, wrap func(File) File) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|flags, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: file, syncing: make(chan struct{}, 1)}
	if wrap != nil {
		j.file = wrap(file)
	}
	return j, nil
}

// Decide writes down something that planning decided for one user. It is called
// before Plan.
func (j *Journal) Decide(d Decisions) error {
	return j.put(&record[any]{Type: decisionsRecord, User: d.User, Data: &d})
}

// Plan completes the decisions. When it returns, the plan of the run is fixed,
// whatever happens.
func (j *Journal) Plan(p Plan) error { return j.put(&record[any]{Type: planRecord, Data: &p}) }

// Session writes down that work on the run begins.
func (j *Journal) Session(s Session) error { return j.put(&record[any]{Type: sessionRecord, Data: &s}) }

// Begin writes an attempt down and returns its number when it would survive a
// loss of power. Attempts that begin at the same time share one sync. It is an
// error outside of a session.
func (j *Journal) Begin(a pipeline.Attempt) (int64, error) {
	r := record[any]{Type: beginRecord, User: a.User, Data: &a}
	err := j.put(&r)
	return r.Number, err
}

// End writes down what came of the attempt with the exchange's Number: an answer
// or a fault.
func (j *Journal) End(e pipeline.Exchange) error {
	return j.put(&record[any]{Type: endRecord, Number: e.Number, Data: &outcome{e.Answer, e.Fault, e.Ended}})
}

// Finish writes down where the session ended, and makes everything durable.
func (j *Journal) Finish(e End) error { return j.put(&record[any]{Type: finishRecord, Data: &e}) }

// Close makes everything durable and closes the file.
func (j *Journal) Close() error {
	err := j.sync()
	if closed := j.file.Close(); err == nil {
		err = closed
	}
	return err
}

// put writes a record, and makes it durable where the run relies on that.
func (j *Journal) put(r *record[any]) error {
	err := j.write(r)
	if err != nil || slices.Contains([]recordType{decisionsRecord, sessionRecord, endRecord}, r.Type) {
		return err
	}
	return j.sync()
}

// write writes a record. A begin gets the next number.
func (j *Journal) write(r *record[any]) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if r.Type == beginRecord {
		r.Number = j.order.last + 1
	}
	j.line.Reset()
	err := r.write(&j.line)
	if why := j.order.follow(r.Type, r.Number); err == nil && why != "" {
		err = errors.New(why)
	}
	if err == nil {
		_, err = j.line.WriteTo(j.file)
		j.written++
	}
	if err != nil {
		return j.fail(err)
	}
	return nil
}

// fail keeps the first error for all later calls and returns it. It is called with mu.
func (j *Journal) fail(err error) error {
	j.err = cmp.Or(j.err, fmt.Errorf("the journal can't be written: %w", err))
	return j.err
}

// sync returns when all that is written now is durable. One at a time syncs, for all
// that wait by then.
func (j *Journal) sync() error {
	j.mu.Lock()
	now := j.written
	j.mu.Unlock()
	j.syncing <- struct{}{}
	defer func() { <-j.syncing }()
	j.mu.Lock()
	all, err := j.written, j.err
	j.mu.Unlock()
	if err != nil || j.durable >= now {
		return err
	}
	if err = j.file.Sync(); err == nil {
		j.durable = all
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fail(err)
}
