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
// then sessions with their attempts. A session may come before the plan.
//
// Texts are UTF-8. Bytes that are not come back as U+FFFD.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	if err := j.putDurably(head{Type: headerRecord}, &h); err != nil {
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

// Decide writes down what planning decided for one user. It is called once for
// each user, before Plan.
func (j *Journal) Decide(d Decisions) error {
	_, err := j.put(head{Type: decisionsRecord, User: d.User}, &d)
	return err
}

// Plan completes the decisions. When it returns, the plan of the run is fixed,
// whatever happens.
func (j *Journal) Plan(p Plan) error { return j.putDurably(head{Type: planRecord}, &p) }

// Session writes down that work on the run begins.
func (j *Journal) Session(s Session) error {
	_, err := j.put(head{Type: sessionRecord}, &s)
	return err
}

// Begin writes an attempt down and returns its number when it would survive a
// loss of power. Attempts that begin at the same time share one sync. It is an
// error before the plan and outside of a session.
func (j *Journal) Begin(a pipeline.Attempt) (int64, error) {
	if a.Op != pipeline.Attach && a.Op != pipeline.Detach || len(a.Shares) == 0 {
		return 0, j.fail(errors.New("an attempt that asks for nothing"))
	}
	number, err := j.put(head{Type: beginRecord, User: a.User}, &a)
	if err == nil {
		err = j.sync()
	}
	return number, err
}

// End writes down what came of the attempt with the exchange's Number: an answer
// or a fault, and never both.
func (j *Journal) End(e pipeline.Exchange) error {
	one := (e.Answer == nil) != (e.Fault == nil)
	if !one || e.Fault != nil && !slices.Contains(pipeline.FaultKinds(), e.Fault.Kind) {
		return j.fail(errors.New("the end of an attempt is neither an answer nor a fault of a known kind"))
	}
	_, err := j.put(head{Type: endRecord, Number: e.Number}, &outcome{e.Answer, e.Fault, e.Ended})
	return err
}

// Finish writes down where the session ended, and makes everything durable.
func (j *Journal) Finish(e End) error { return j.putDurably(head{Type: finishRecord}, &e) }

// Close makes everything durable and closes the file.
func (j *Journal) Close() error {
	err := j.sync()
	if closed := j.file.Close(); err == nil {
		err = closed
	}
	return err
}

func (j *Journal) putDurably(h head, data any) error {
	if _, err := j.put(h, data); err != nil {
		return err
	}
	return j.sync()
}

// put writes a record, and returns the number of its attempt. A begin gets the next.
func (j *Journal) put(h head, data any) (number int64, err error) {
	text, err := json.Marshal(data)
	if err != nil {
		return 0, j.fail(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return 0, j.err
	}
	if h.Type == beginRecord {
		h.Number = j.order.last + 1
	}
	if err := j.write(h, text); err != nil {
		j.err = fmt.Errorf("the journal can't be written: %w", err)
	}
	return h.Number, j.err
}

// write is called with mu.
func (j *Journal) write(h head, data []byte) error {
	if why := j.order.follow(h.Type, h.Number); why != "" {
		return errors.New(why)
	}
	line, err := seal(h, data)
	if err != nil {
		return err
	}
	n, err := j.file.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	j.written++
	return err
}

// fail keeps the first error for all later calls and returns it.
func (j *Journal) fail(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = fmt.Errorf("the journal can't be written: %w", err)
	}
	return j.err
}

var errNoSync = errors.New("the sync has not come to its end")

// sync returns when all that is written now is durable. One at a time syncs, for all
// that wait by then. A sync that panics counts as failed.
func (j *Journal) sync() (err error) {
	now, _ := j.state()
	j.syncing <- struct{}{}
	defer func() { <-j.syncing }()
	all, err := j.state()
	if err != nil || j.durable >= now {
		return err
	}
	synced := errNoSync
	defer func() {
		if synced != nil {
			err = j.fail(synced)
		}
	}()
	if synced = j.file.Sync(); synced == nil {
		j.durable = all
	}
	_, err = j.state()
	return err
}

func (j *Journal) state() (written int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.written, j.err
}
