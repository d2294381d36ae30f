// Package journal keeps the evidence of a run: an append-only file of JSON
// lines, each with a CRC. An attempt stands in it before it leaves, and what
// came of it after. Reports are written from the journal and the input alone,
// and resume goes on from it.
//
// What survives what: a Begin survives a loss of power once it has returned,
// and so does every record that was put down before it. A record survives the
// death of the process once its call has returned; one that is put down during
// a sync is written together with the others that are, when the sync is over.
// A record cut short at the end of the file is the trace of a crash: reading
// drops it and says so. Damage anywhere else is an error, and so is a record
// that can't stand where it does: a second header, an attempt whose number does
// not follow the one before, an end of what was not begun.
//
// Texts are UTF-8. Bytes that are not come back as U+FFFD.
package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"corattach/pipeline"
)

// FormatVersion is written into every header. A reader refuses another one: since
// 2 an attempt says what it asks for.
const FormatVersion = 2

// Header says what run a journal belongs to. It is the first record.
type Header struct {
	Format   int       `json:"format"`
	Version  string    `json:"version"` // of the program
	RunID    string    `json:"run_id"`
	Job      string    `json:"job"`
	BaseURL  string    `json:"base_url"`
	AuthURL  string    `json:"auth_url"`
	Account  string    `json:"account"` // a fingerprint, or what COR calls it; never a secret
	Flags    []string  `json:"flags"`   // how import was called, without secrets
	At       time.Time `json:"at"`      // UTC
	Inputs   []Input   `json:"inputs"`
	Settings Settings  `json:"settings"`
	Nightly  Nightly   `json:"nightly"`
}

// Input is one input file of the run.
type Input struct {
	File   string `json:"file"`   // as given; "-" is standard input
	SHA256 string `json:"sha256"` // of the file as given
	Rows   int    `json:"rows"`
	Copy   string `json:"copy"` // where its bytes are, relative to the run's directory
}

// Settings are those that change which rows are good and which requests they
// become. resume takes them from here.
type Settings struct {
	Delimiter       string            `json:"delimiter"`
	Encoding        string            `json:"encoding"`
	DecimalComma    bool              `json:"decimal_comma"`
	Map             map[string]string `json:"map,omitempty"`
	Source          string            `json:"source"`
	AllowSource     []string          `json:"allow_source,omitempty"`
	MaxInvalid      string            `json:"max_invalid"`
	OverAllocation  string            `json:"over_allocation"`
	AllocationLimit string            `json:"allocation_limit"`
	AllowEmpty      bool              `json:"allow_empty"`
	Chunk           int               `json:"chunk"`
}

// Nightly are the settings that say what a run makes of what earlier runs know.
// What it made of it stands in the records after the header; they are only
// looked at again where the run was interrupted before its first session.
type Nightly struct {
	ChangedOnly    bool          `json:"changed_only"`
	MaxAge         time.Duration `json:"max_age_ns"`
	MaxDrop        string        `json:"max_drop"`
	AcceptChange   bool          `json:"accept_change"`
	DetachVanished bool          `json:"detach_vanished"`
}

// Session says where a time of work on the run began.
type Session struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	Flags   []string  `json:"flags"` // how it was called, without secrets
	From    int64     `json:"-"`     // where its record begins, in bytes

	last int64 // the highest number of an attempt before it
}

// End says where a time of work ended, and why.
type End struct {
	At     time.Time         `json:"at"`
	Stop   pipeline.StopKind `json:"stop"`
	Reason string            `json:"reason"`
	Signal int               `json:"signal,omitempty"` // the number of the signal that stopped it
}

// File is what a journal needs of the file it is written to.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// Journal appends to a run's evidence. Its methods may be called from several
// goroutines. After the first error every call returns that error, so that
// nothing can be sent any more.
type Journal struct {
	mu      sync.Mutex
	file    File
	next    int64         // number of the next attempt
	put     int64         // records, written or waiting
	waiting []byte        // records that are not written yet; only while a sync is under way
	syncing chan struct{} // closed when the sync under way is over; nil when none is
	synced  int64         // records that would survive a loss of power
	crowd   crowd
	err     error
}

// Create makes the file of a new run's journal. It is an error when path exists.
func Create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
}

// New begins the journal of a new run in an empty file. On an error the file is
// closed.
func New(file File, h Header) (*Journal, error) {
	j := &Journal{file: file, next: 1}
	h.Format = FormatVersion
	err := j.append(record{Type: typeHeader, Header: &h})
	if err == nil {
		err = j.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

// Begin writes an attempt down and returns its number when it would survive a
// loss of power. Attempts that begin at the same time share one sync.
func (j *Journal) Begin(a pipeline.Attempt) (int64, error) {
	rest := appendAttempt(make([]byte, 0, 512), &a)
	j.mu.Lock()
	defer j.mu.Unlock()
	number := j.next
	j.next++
	line, err := seal(append(appendHead(make([]byte, 0, len(rest)+128), typeBegin, number), rest...))
	if len(a.Shares) == 0 {
		err = errLacking(typeBegin)
	}
	if err = j.add(line, err); err == nil {
		j.crowd.come(number)
		err = j.syncTo(j.put)
	}
	if err != nil {
		return 0, err
	}
	return number, nil
}

// Withdraw says that an attempt was not sent after all.
func (j *Journal) Withdraw(number int64) error {
	line, err := (&record{Type: typeWithdrawn, Number: number}).line()
	return j.over(number, line, err)
}

// End writes down what came of an attempt: an answer or a fault, not both.
func (j *Journal) End(number int64, e pipeline.Exchange) error {
	if e.Answer == nil || e.Fault != nil {
		r := record{Type: typeEnd, Number: number, Answer: toAnswer(e.Answer), Fault: toFault(e.Fault), At: e.Ended}
		line, err := r.line()
		return j.over(number, line, err)
	}
	line, err := seal(appendAnswer(appendHead(make([]byte, 0, 512+256*len(e.Answer.Pivots)), typeEnd, number), e.Answer, e.Ended))
	return j.over(number, line, err)
}

// over puts down a line after which an attempt is no longer under way.
func (j *Journal) over(number int64, line []byte, err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.crowd.back(number)
	return j.add(line, err)
}

// Unchanged writes down that a request was not sent because COR had confirmed it
// before.
func (j *Journal) Unchanged(e pipeline.Exchange) error {
	return j.append(record{Type: typeUnchanged, Unchanged: toUnchanged(e)})
}

// Vanished writes down a vanished pair, and what was decided about it.
func (j *Journal) Vanished(v *pipeline.Vanished) error {
	return j.append(record{Type: typeVanished, Vanished: toVanished(v)})
}

// Begun writes down that a time of work begins.
func (j *Journal) Begun(s Session) error {
	return j.append(record{Type: typeSession, Session: &s})
}

// Finished writes down where a time of work ended, and makes everything durable.
func (j *Journal) Finished(e End) error {
	if err := j.append(record{Type: typeFinish, End: &e}); err != nil {
		return err
	}
	return j.Sync()
}

// Sync makes everything durable that was put down before the call.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.syncTo(j.put)
}

// Close syncs and closes the file.
func (j *Journal) Close() error {
	err := j.Sync()
	if closed := j.file.Close(); err == nil {
		err = closed
	}
	return err
}

func (j *Journal) append(r record) error {
	line, err := r.line()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.add(line, err)
}

// add puts down one line; err is what kept it from being made. The caller holds
// mu.
func (j *Journal) add(line []byte, err error) error {
	if j.err == nil && err != nil {
		return j.fail(err)
	}
	if j.err != nil {
		return j.err
	}
	j.waiting = append(j.waiting, line...)
	j.put++
	if j.syncing != nil {
		return nil
	}
	return j.write()
}

// write writes what is waiting. The caller holds mu.
func (j *Journal) write() error {
	if j.err != nil || len(j.waiting) == 0 {
		return j.err
	}
	n, err := j.file.Write(j.waiting)
	if err == nil && n < len(j.waiting) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return j.fail(err)
	}
	j.waiting = j.waiting[:0]
	return nil
}

// fail keeps the first error for all later calls, and returns it. The caller
// holds mu.
func (j *Journal) fail(err error) error {
	if j.err == nil {
		j.err = fmt.Errorf("journal: %w", err)
	}
	return j.err
}

// syncTo returns when the first n records are durable. Whoever finds no sync
// under way makes one for all that are put down until then; the others wait for
// it, and what they put down meanwhile is written at once when it is over. The
// caller holds mu.
func (j *Journal) syncTo(n int64) error {
	for j.err == nil && j.synced < n {
		if over := j.syncing; over != nil {
			j.mu.Unlock()
			<-over
			j.mu.Lock()
			continue
		}
		j.sync()
	}
	return j.err
}

// sync makes all that is put down durable, and what others put down while it
// gathers them. The caller holds mu.
func (j *Journal) sync() {
	over := make(chan struct{})
	j.syncing = over
	j.gather()
	all, err := j.put, j.write()
	here := j.crowd.here
	j.crowd.here = nil
	if err == nil {
		j.mu.Unlock()
		began := time.Now()
		err = j.file.Sync()
		took := time.Since(began)
		j.mu.Lock()
		j.crowd.patience = min(max(took, leastPatience), mostPatience)
	}
	j.syncing = nil
	close(over)
	if err != nil {
		_ = j.fail(err)
		return
	}
	j.synced = all
	j.crowd.leave(here)
	_ = j.write()
}
