package pipeline

import (
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// UserID is the external id of a user: the bytes of user_id without surrounding
// spaces and tabs. One UserID is one user over all sources and files.
type UserID string

// WorkspaceID is the external id of a workspace: the bytes of workspace_id
// without surrounding spaces and tabs.
type WorkspaceID string

// Source is the system that an external id belongs to, in upper case.
type Source string

// Sources returns the values of metadata.source that COR documents, in the
// order of its page. The list grows: --allow-source admits others.
func Sources() []Source {
	return []Source{
		"JIRA", "SALESFORCE", "ADVERTMIND", "QUICKBOOKS", "ZAPIER", "OKTA",
		"MICROSOFT_DYNAMICS", "GITHUB", "MICROSOFT_TEAMS", "VBS", "SAP", "GLOBANT",
	}
}

// Target is where a run sends to.
type Target struct {
	BaseURL string `json:"base_url"` // SimulatorURL for the simulator inside this process
	AuthURL string `json:"auth_url"`
	Account string `json:"account"` // fingerprint of the API key, or whom COR says a static token belongs to; "" when unknown
}

// SimulatorURL stands for the embedded simulator, whose port changes.
const SimulatorURL = "simulator"

// String returns the base URL and the account.
func (t Target) String() string {
	if t.BaseURL == SimulatorURL {
		return SimulatorURL
	}
	return strings.TrimRight(t.BaseURL+" "+t.Account, " ")
}

// Input is one input file as it was read.
type Input struct {
	File   string `json:"file"`   // as given, as it can be shown; "-" for standard input
	SHA256 string `json:"sha256"` // of the bytes as given, before unpacking, in lower-case hexadecimal
	Rows   int64  `json:"rows"`   // good and bad
	Part   bool   `json:"-"`      // it has the columns of a failed.csv: a part of the rows of an earlier run
}

// Place is where a row stands in the input.
type Place struct {
	File int   // index into the run's input files, from 0
	Line int64 // physical line of the record's first byte, from 1
}

// Row is one input record. A good row has a User, a Workspace, a Source and a
// Percent, and no Problem. A row with a Problem has each of them that the record
// tells; one whose User is "" belongs to nobody that is known.
type Row struct {
	Place
	User      UserID
	Workspace WorkspaceID
	Source    Source
	Percent   Percent
	Problem   string // why the row is invalid; "" for a good row
	Cells     Cells  // as they stand in the file, not trimmed
	Raw       string // first line of a record that is broken or has the wrong number of fields; else ""
}

// Cells are the four columns of a record as they stand in the file.
type Cells struct {
	User       string `csv:"user_id" json:"user_id"`
	Workspace  string `csv:"workspace_id" json:"workspace_id"`
	Source     string `csv:"source" json:"source"`
	Percentage string `csv:"percentage" json:"percentage"`
}

// Pair is a user's workspace under a source.
type Pair struct {
	User      UserID      `json:"user"`
	Source    Source      `json:"source"`
	Workspace WorkspaceID `json:"workspace"`
}

// Spelling stands for what ids have in common that differ in letter case or Unicode
// form alone. Whether these are one at COR it does not document.
func Spelling[ID ~string](id ID) ID { return ID(strings.ToLower(norm.NFC.String(string(id)))) }

// Identity is COR's own name for a pair: the internal ids in its pivot. Two pairs
// of one identity are one assignment at COR.
type Identity struct {
	User      int64 `json:"user_id"`
	Workspace int64 `json:"workspace_id"`
}

// Known reports whether COR has told both ids.
func (i Identity) Known() bool { return i.User != 0 && i.Workspace != 0 }

// Op is what an exchange asks COR to do with workspaces.
type Op string

// The operations.
const (
	Attach Op = "attach" // add the workspaces or update their percentages
	Detach Op = "detach" // remove the workspaces; their percentages are not sent
)

// Share is a workspace and the percentage of it that an attach asks for.
type Share struct {
	Workspace WorkspaceID `json:"workspace"`
	Percent   Percent     `json:"percentage"`
}

// Key names a request within a run.
type Key struct {
	User   UserID `json:"user"`
	Source Source `json:"source"`
	Chunk  int    `json:"chunk,omitempty"` // 0, 1, … among the requests of this user and source
}

// Request is one PUT: workspaces of one user under one source.
type Request struct {
	Key
	Op     Op      `json:"op"` // what is wanted in the end; a repair of an attach detaches first
	Shares []Share `json:"shares"`
	Rows   []int32 `json:"-"`                  // of each share, in the run's table
	Past   History `json:"attempts,omitempty"` // what was sent for it, in this session and before
}

// User is everything that is to be sent for one user: one request after another.
type User struct {
	ID       UserID
	Number   int // in the run's table
	Requests []Request
}

// Attempt is one sending of a request, or of some of its workspaces.
type Attempt struct {
	Key
	Op     Op        `json:"op"`
	Shares []Share   `json:"shares"` // what is asked for: those of the request, or some of them
	At     time.Time `json:"at"`     // when it was begun, UTC
}

// Exchange is an attempt and what came of it: an Answer, a Fault, or neither
// when the process died before either was written down.
type Exchange struct {
	Attempt
	Number  int64     `json:"number"`  // of the attempt within the run, from 1, in the order they were begun
	Session int       `json:"session"` // of the run, from 0
	Answer  *Answer   `json:"answer,omitempty"`
	Fault   *Fault    `json:"fault,omitempty"`
	Ended   time.Time `json:"ended,omitzero"` // UTC; zero when it is not known
}

// History is all exchanges of one request, in the order they were begun.
type History []Exchange

// Answer is a readable 2xx answer: what COR says it holds.
type Answer struct {
	Status int         `json:"status"`  // the HTTP status
	UserID int64       `json:"user_id"` // COR's internal id of the user
	Pivots []Pivot     `json:"pivots"`
	Errors []ItemError `json:"errors,omitempty"` // what COR says went wrong beside the data
}

// Pivot is what COR says it stored for one workspace.
type Pivot struct {
	Workspace   WorkspaceID `json:"workspace"`          // external; "" when COR names none (a workspace made in COR itself)
	Source      Source      `json:"source"`             // as COR spells it; "" when COR names none
	Percentage  string      `json:"percentage"`         // the number as COR wrote it, without quotes; "" when absent
	Text        bool        `json:"text,omitempty"`     // COR wrote the percentage as a JSON string
	UserID      int64       `json:"user_id"`            // pivot.user_id, COR's internal id
	WorkspaceID int64       `json:"workspace_id"`       // pivot.workspace_id, COR's internal id
	Name        string      `json:"name"`               // of the workspace
	Integration string      `json:"integration_status"` // json_integrations.status; NOT_SEND is normal on success
	Inactive    bool        `json:"inactive,omitempty"` // the workspace is set inactive in COR
	Problem     string      `json:"problem,omitempty"`  // how it contradicts itself or what it lacks; "" when it can be believed
}

// Identity returns the pair's identity as the pivot has it.
func (p *Pivot) Identity() Identity { return Identity{p.UserID, p.WorkspaceID} }

// ItemError is one entry of the errors that a 2xx answer carries.
type ItemError struct {
	Workspace WorkspaceID `json:"workspace,omitempty"` // "" when the entry names no workspace of the request
	Code      string      `json:"code"`
	Message   string      `json:"message"`
	Attached  bool        `json:"attached,omitempty"` // the association exists already
	Subject   Subject     `json:"subject,omitempty"`  // what COR says it does not know; "" when it does not tell
}

// Fault is an exchange that brought no readable 2xx answer. It is a value about
// one attempt; only the runner decides what it means for the run.
type Fault struct {
	Kind    FaultKind     `json:"kind"`
	Status  int           `json:"status,omitempty"`   // the HTTP status; 0 when no answer came
	Code    string        `json:"code,omitempty"`     // COR's own code or name for the error; "" when it gave none
	Message string        `json:"message,omitempty"`  // what COR or the transport said, bounded; never holds a secret
	Subject Subject       `json:"subject,omitempty"`  // what COR says it does not know; "" when it does not tell
	Named   []WorkspaceID `json:"named,omitempty"`    // the request's workspaces that the error names
	Foreign bool          `json:"foreign,omitempty"`  // the body is not COR's own error body (bodies A to D, F, G of its pages); with TokenDown: there is no token endpoint
	After   time.Duration `json:"after_ns,omitempty"` // Retry-After, counted from the answer; 0 when COR named none
}

// Subject is what a refusal is about.
type Subject string

// The subjects.
const (
	UnknownUser      Subject = "user"      // COR does not know the user
	UnknownWorkspace Subject = "workspace" // COR does not know a workspace
	UnknownEither    Subject = "either"    // COR does not know the user or a workspace, and does not tell which
)

// FaultKind says what a Fault means for the attempt that met it. The list is
// closed; the words are those of the journal.
type FaultKind string

// The kinds of Fault.
const (
	Refused      FaultKind = "refused"             // 4xx or a redirect: COR understood and said no
	Attached     FaultKind = "already_attached"    // refused because the association exists already
	Unauthorized FaultKind = "unauthorized"        // 401; the next exchange will use a renewed token, or be NoToken
	Forbidden    FaultKind = "forbidden"           // 403
	Throttled    FaultKind = "throttled"           // 429 or 503: nothing may be sent for a while
	TimedOut     FaultKind = "timed_out"           // 408: COR gave up waiting for the request
	ServerError  FaultKind = "server_error"        // other 5xx: may have been applied
	Unreadable   FaultKind = "unreadable"          // cut, no user object, or self-contradicting: may have been applied
	NoAnswer     FaultKind = "no_answer"           // left, and brought nothing back: may have been applied
	NotConnected FaultKind = "no_connection"       // no connection was made: nothing left
	Untrusted    FaultKind = "untrusted"           // the certificate can't be trusted: nothing left
	NoToken      FaultKind = "credentials_refused" // the credentials, or a token that can't be renewed, were refused: nothing left
	TokenDown    FaultKind = "token_endpoint_down" // the token endpoint could not be reached or is out of order: nothing left
	Withheld     FaultKind = "withheld"            // the run ended while the attempt waited for its slot: nothing left
)

// Verdict is what the report says of one row.
type Verdict struct {
	Status     Status    `json:"status"`
	Reason     string    `json:"reason"`            // "" when the status says it all
	Pivot      *Pivot    `json:"pivot,omitempty"`   // nil when COR returned none for this row
	HTTPStatus int       `json:"http_status"`       // of the last answer to the row's request; 0 when there was none
	ErrorCode  string    `json:"error_code"`        // COR's own code; "" when it gave none
	Subject    Subject   `json:"subject,omitempty"` // what COR does not know; "" when that is not what went wrong
	Named      bool      `json:"named,omitempty"`   // COR named this row's workspace as what went wrong
	Attempts   int       `json:"attempts"`          // of the row's request
	SentAt     time.Time `json:"sent_at,omitzero"`  // when the last attempt that left was begun, UTC; zero when nothing left
	Number     int64     `json:"number,omitempty"`  // of the attempt whose answer gave Pivot; 0 without one
	Resumable  bool      `json:"resumable"`         // resume would send the row
}

// Line is one line of the reconciliation: a row and the verdict on it.
type Line struct {
	Row
	Verdict
}

// UserLine is one user's summary in the report.
type UserLine struct {
	User          UserID
	Rows          int
	Requested     Percent // the sum over the user's distinct pairs that are not invalid by themselves or by a conflict
	Returned      string  // the sum COR returned in its last answer; "" when it returned none
	OverAllocated bool
	Requests      int // that were sent; in a dry run those planned
	Worst         Status
	Extras        []Pivot // what COR returned that no input row of the user lists
	Lost          []Pivot // what disappeared from COR's answers without having been asked for
}

// KnownPair is what the ledger holds of one pair.
type KnownPair struct {
	Pair
	Identity   Identity  `json:"identity,omitzero"`
	Attached   bool      `json:"attached,omitempty"`   // COR last returned it as attached
	Percentage string    `json:"percentage,omitempty"` // that COR last returned, as it wrote the number; "" when it is not attached
	At         time.Time `json:"at,omitzero"`          // when the attempt was begun that COR answered so, UTC
	Confirmed  bool      `json:"confirmed,omitempty"`  // the latest attempt asked for exactly Percentage and COR returned it, and nothing casts doubt on it since
}

// Decision is why planning does not send a row, by what earlier runs know.
type Decision struct {
	Source    Source      `json:"source"`
	Workspace WorkspaceID `json:"workspace"`
	Status    Status      `json:"status"`            // Unchanged or Protected
	Reason    string      `json:"reason,omitempty"`  // of a protected row
	Identity  Identity    `json:"identity,omitzero"` // of an unchanged row
	At        time.Time   `json:"at,omitzero"`       // when COR confirmed an unchanged row, UTC
}

// Vanished is a pair that a baseline of the job had, that COR last returned as
// attached, and that is no longer in the input.
type Vanished struct {
	Pair
	Percentage  string    `json:"percentage"` // that COR last returned, as it wrote the number
	ConfirmedAt time.Time `json:"confirmed_at"`
}

// Stop says why a run ended before everything was sent. The zero Stop is a run
// that came to its end. It is an error so that it can be a context's cause.
type Stop struct {
	Kind   StopKind `json:"kind,omitempty"`
	Guard  string   `json:"guard,omitempty"`  // the flag of a guard, such as --max-drop; "" otherwise
	Reason string   `json:"reason,omitempty"` // one line
	Unsent bool     `json:"unsent,omitempty"` // it came before the run's first request
	Signal int      `json:"signal,omitempty"` // the number of the signal, for Interrupted
}

// Error returns the reason.
func (s Stop) Error() string { return s.Reason }

// StopKind is why a run ended early. The list is closed; the words are those of
// the journal.
type StopKind string

// The kinds of Stop.
const (
	RanToEnd     StopKind = ""
	Interrupted  StopKind = "signal"
	Credentials  StopKind = "credentials"
	Unavailable  StopKind = "unavailable"
	Guarded      StopKind = "guard"
	InputRefused StopKind = "input_refused"
)
