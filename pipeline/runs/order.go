package runs

import (
	"context"
	"io"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/send"
	"corattach/report"
)

// Order is what a new run is to do.
type Order struct {
	Command  string // import, detach or probe
	DryRun   bool
	Files    []string // as given, byte for byte; "-" is Stdin
	Stdin    io.Reader
	Job      string // of an import
	Settings journal.Settings
	Plan     string          // send only what a dry run with this digest has shown; "" = no matter what
	Target   pipeline.Target // of a dry run and for its ledger; Account "" where it can't be told
	Static   bool            // of a dry run: an access token that can't be renewed is given, so the account is not an API key's
	Common
}

// Common is what new and resumed runs share.
type Common struct {
	Sending    send.Settings
	Connect    Connect       // nil for a dry run
	RunsDir    string        // as given
	KeepRuns   int           // 0 = all
	WaitLock   time.Duration // how long to wait for another run to end
	NoRequests bool          // of a dry run: leave out requests.jsonl
	Flags      []string      // --flag=value as given on the command line, in the environment or in a file, without secrets
	Version    string        // of the program

	// JournalFile stands between a journal and its file; nil for nothing. Tests put
	// faults there.
	JournalFile func(journal.File) journal.File
}

// Connect reaches COR and finds out whose the credentials are. It is called once,
// when the lock is held, before the input is read.
type Connect func(ctx context.Context) (Connection, error)

// Connection is COR as a run needs it.
type Connection struct {
	COR    send.COR
	Target pipeline.Target // with the account
	Close  func()
}

// Resumption is what a resumed run is to do.
type Resumption struct {
	Dir         string // of the run
	EvenIfOlder bool   // although a later run has sent for one of its users
	Common
}

// Host hears what a run does. All funcs are set. Exchange and User are called from
// several goroutines.
type Host struct {
	Run      func(id, dir string)        // the run has a directory
	Info     func(text string)           // for a log
	Warn     func(text, hint string)     // something to look at; hint may be ""
	Begin    func()                      // a real run is under way: the lock is held, the target is reached
	Sending  func(users int)             // from now on Exchange and User are called
	Exchange func(*pipeline.Exchange)    // after each exchange
	User     func(worst pipeline.Status) // a user is settled
	Sent     func()                      // the last Exchange and User have been called
}

// Outcome is what a command about a run came to.
type Outcome struct {
	Dir     string
	Summary *report.Summary // nil for a run that broke off; what it sent is in its journal
	Facts   any             // of a probe: a *probe.Document; nil for any other run
	GoOn    string          // of a run that broke off: the command that goes on, resume, or report when only the reports are missing
	Nothing string          // of a resume: why there was nothing to do, and nobody is to be told; "" when there was
}
