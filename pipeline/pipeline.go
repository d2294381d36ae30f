package pipeline

import (
	"context"
	"time"
)

// UserID is the external id of a user, the exact bytes of user_id without its
// outer spaces and tabs. One UserID is one user over all sources and files.
type UserID string

// WorkspaceID is the external id of a workspace, the exact bytes of
// workspace_id without its outer spaces and tabs.
type WorkspaceID string

// Source is the system an external id belongs to, in upper case.
type Source string

// Sources returns the values of metadata.source that COR documents, in the
// order of its page. The list grows: --allow-source admits others.
func Sources() []Source {
	return []Source{
		"JIRA", "SALESFORCE", "ADVERTMIND", "QUICKBOOKS", "ZAPIER", "OKTA",
		"MICROSOFT_DYNAMICS", "GITHUB", "MICROSOFT_TEAMS", "VBS", "SAP", "GLOBANT",
	}
}

// Place is where a row stands in the input.
type Place struct {
	File int   // index into the run's input files, from 0
	Line int64 // physical line of the record's first byte, from 1
}

// Row is one input record, good or bad.
//
// A good row has a User, a Workspace, a Source and a Percent, and no Problem.
// A row with a Problem still has its User when the record says whom it is
// about: the other rows of that user are then held.
type Row struct {
	Place
	User      UserID // "" when the record does not tell
	Workspace WorkspaceID
	Source    Source
	Percent   Percent
	Problem   string // why the row is invalid; "" for a good row
	Cells     Cells  // the four cells as they stand in the file, not trimmed
	Suspect   bool   // an id looks like a number that a spreadsheet has shortened: another one may be meant
	Raw       string // for a record that has no cells of its own (broken, or with more or fewer fields than the header): its first line, cut at 64 KiB; else ""
}

// Cells are the four columns of a record as they stand in the file.
type Cells struct {
	User, Workspace, Percentage, Source string
}

// Batch is a number of rows that stand one behind the other in the input. Different
// batches may be used in different goroutines at once.
type Batch interface {
	Len() int
	// Row sets row to the i-th of them.
	Row(i int, row *Row)
	// Cells sets row to what no checks are needed for: Place, Cells and Raw of
	// the i-th, and the Problem of one without Cells.
	Cells(i int, row *Row)
}

// Rows is a Batch of rows that are at hand.
type Rows []Row

// Len returns how many there are.
func (r Rows) Len() int { return len(r) }

// Row copies a row.
func (r Rows) Row(i int, row *Row) { *row = r[i] }

// Cells copies a row.
func (r Rows) Cells(i int, row *Row) { *row = r[i] }

// Share is a workspace and the percentage of it that is asked for.
type Share struct {
	Workspace WorkspaceID
	Percent   Percent
}

// User is everything that is to be sent for one user, in the order it is to be
// sent: one request after another.
type User struct {
	ID       UserID
	Requests []Request
}

// Request is one PUT: workspaces of one user under one source.
type Request struct {
	User     UserID
	Source   Source
	Vanished bool // detaches pairs that the input has no more; their percentages are 0
	Chunk    int  // 0, 1, … among the requests of this user and source that are Vanished like it
	Shares   []Share
	Past     History // what earlier sessions of the run sent for it
}

// Answer is a readable 2xx answer: what COR says it holds.
type Answer struct {
	Status int   // the HTTP status
	UserID int64 // COR's internal id of the user
	Pivots []Pivot
	Errors []ItemError // what COR says went wrong beside the data

	RequestID string // COR's id for the exchange, if it sent one
}

// Pivot is what COR says it stored for one workspace.
type Pivot struct {
	Workspace   WorkspaceID // external; "" when COR names none (a workspace made in COR itself)
	Source      Source      // as COR spells it; "" when COR names none
	Percentage  string      // the number as COR wrote it, without quotes; "" when absent
	UserID      int64       // pivot.user_id, COR's internal id
	WorkspaceID int64       // pivot.workspace_id, COR's internal id
	Name        string
	Integration string // json_integrations.status; NOT_SEND is normal on success
	Problem     string // how this workspace contradicts itself or what it lacks; "" when it can be believed
}

// ItemError is one entry of the errors that a 2xx answer carries.
type ItemError struct {
	Workspace WorkspaceID // "" when the entry names no workspace of the request
	Code      string
	Message   string
	Attached  bool // the association exists already
}

// Fault is an exchange that brought no readable 2xx answer. It is a value about
// one attempt; only the runner decides what it means for the run.
type Fault struct {
	Kind      FaultKind
	Status    int           // the HTTP status; 0 when no answer came
	Code      string        // COR's own code or name for the error; "" when it gave none
	Message   string        // what COR said, bounded, or what the transport said; never holds a secret
	After     time.Duration // Retry-After, counted from the answer; 0 when COR named none
	RequestID string        // COR's id for the exchange, if it sent one
}

// FaultKind says what a Fault means for the attempt that met it. The list is
// closed.
type FaultKind uint8

// The kinds of Fault.
const (
	Refused      FaultKind = iota + 1 // 4xx or a redirect: COR understood and said no
	Attached                          // refused because the association exists already
	Unauthorized                      // 401; the next exchange will use a renewed token, or be NoToken
	Forbidden                         // 403
	Throttled                         // 429 or 503: nothing may be sent for a while
	TimedOut                          // 408: COR gave up waiting for the request
	ServerError                       // other 5xx: may have been applied
	Unreadable                        // an answer that is cut, no user object, or self-contradicting: may have been applied
	NoAnswer                          // left, and brought nothing back: may have been applied
	NotConnected                      // no connection was made: nothing left
	NoToken                           // the credentials were refused, or a token that can't be renewed was: nothing left
	TokenDown                         // the token endpoint could not be reached or is out of order: nothing left
)

// Op is what an exchange asks COR to do with the workspaces of a request.
type Op uint8

// The operations.
const (
	Attach Op = iota // add the workspaces or update their percentages
	Detach           // remove the workspaces; their percentages are not sent
)

// COR is one exchange with COR. It may be called from several goroutines.
type COR interface {
	// Ready waits until an exchange could leave at once. The fault says why none
	// can: NoToken, or TokenDown, also when ctx ends first. Nothing has left.
	Ready(ctx context.Context) *Fault

	// Do makes one HTTP request, never repeated. It returns an Answer, or a Fault
	// and no Answer. When ctx ends before a connection was made, the fault is
	// NotConnected, after that NoAnswer.
	Do(ctx context.Context, op Op, r Request) (Answer, *Fault)
}

// Attempt is one sending of a request, or of some of its workspaces.
type Attempt struct {
	Key
	Op     Op
	Only   []WorkspaceID // nil = all of the request's workspaces
	Shares []Share       // what is asked for: those of the request, or of Only
	At     time.Time     // when it was begun, UTC
}

// Key names a request within a run: what it is for, never where it stood.
type Key struct {
	User     UserID
	Source   Source
	Vanished bool
	Chunk    int
}

// Exchange is an attempt and what came of it: an Answer, a Fault, or neither
// when the process died before either was written down.
//
// An Exchange with Confirmed is no attempt: it stands for a request that was not
// sent because COR had confirmed all of it before.
type Exchange struct {
	Attempt
	Answer    *Answer
	Fault     *Fault
	Ended     time.Time   `json:",omitzero"` // UTC; zero when it is not known
	Confirmed []time.Time // when the attempt on each of Shares was begun that COR confirmed, UTC; else nil
}

// History is all exchanges of one request, in the order they were begun.
type History []Exchange

// Known is what the ledger holds of one user of the target.
type Known struct {
	User  UserID
	InJob bool // the job's reference has rows of this user
	Pairs []KnownPair
}

// KnownPair is what the ledger holds of one pair.
type KnownPair struct {
	Source     Source
	Workspace  WorkspaceID
	Attached   bool      // COR last returned it as attached
	Percentage string    // that COR last returned, as it wrote the number; "" when it is not attached
	At         time.Time // when the attempt was begun that COR answered so, UTC
	Confirmed  bool      // the latest attempt asked for exactly Percentage and COR returned it
	Ours       bool      // a run of this job had it attached
	InJob      bool      // it stands in the job's reference
	Claimed    bool      // this job's input had it when it last was sent or told for sure
	OtherJob   string    // another job of which that is true; "" when there is none
}

// Named is what the input names of one user, where that differs from the job's
// reference.
type Named struct {
	User  UserID
	Gone  bool // the input does not name the user
	Pairs []NamedPair

	Unsure bool // a damaged record may have hidden more pairs
}

// NamedPair is a pair that the input names, in a good row or a bad one.
type NamedPair struct {
	Source    Source
	Workspace WorkspaceID
}

// Vanished is a pair of the job that COR last returned as attached and that the
// input has no more.
type Vanished struct {
	User        UserID
	Source      Source
	Workspace   WorkspaceID
	Percentage  string    // that COR last returned, as it wrote the number
	ConfirmedAt time.Time // UTC
	Result      VanishedResult
	Reason      string // "" when the result says it all
	Resumable   bool   // resume would try to detach it
}

// VanishedResult is what became of a vanished pair. The list is closed.
type VanishedResult uint8

// The results, in the order of the page that names them.
const (
	Listed        VanishedResult = iota // nothing is to be done about it
	DetachPlanned                       // it is to be detached
	Detached                            // COR's answer to the detach has it no more
	StillAttached                       // COR's answer to the detach still has it
	DetachFailed                        // COR refused to detach it
	DetachUnknown                       // the detach left, and no answer tells what came of it
	DetachNotSent                       // it was to be detached, and nothing was sent
	vanishedResults
)

// Journal makes attempts durable. Its methods may be called from several
// goroutines. An error of any of them means that nothing more may be sent.
type Journal interface {
	// Begin returns when the attempt would survive a loss of power, with a
	// number for it.
	Begin(Attempt) (int64, error)
	// Withdraw says that the attempt with this number was not sent after all.
	Withdraw(number int64) error
	// End writes down what came of the attempt with this number. It survives
	// the death of the process at once, or as soon as a sync that is under way
	// is over, and a loss of power after the next Begin.
	End(number int64, e Exchange) error
}

// Status is the verdict on one row. The list is closed.
type Status uint8

// The statuses, in the order the report lists them.
const (
	Matched Status = iota
	Mismatched
	Missing
	Failed
	Unknown
	Invalid
	Held
	Duplicate
	Unchanged
	NotSent
	Planned
	statusCount
)

// Verdict is what the report says of one row.
type Verdict struct {
	Status     Status
	Reason     string // "" when the status says it all
	Pivot      *Pivot // nil when COR returned none for this row
	HTTPStatus int    // of the last answer to the row's request; 0 when there was none
	ErrorCode  string
	Attempts   int       // of the row's request
	SentAt     time.Time // UTC; zero when nothing left
	Blocked    bool      // not sent, and resume won't: an earlier chunk of the request was refused
}

// Line is one line of the reconciliation: a row and the verdict on it.
type Line struct {
	Row
	Verdict
}

// UserLine is one user's summary in the report, in order of first appearance.
type UserLine struct {
	User          UserID
	Rows          int
	Requested     Percent // the sum over the user's distinct pairs that are not invalid by themselves or by a conflict
	Returned      string  // the sum COR returned in its last answer, "" when it returned none
	OverAllocated bool
	Requests      int
	Worst         Status
	Extras        []Pivot // what COR returned that no input row of the user lists
}
