package send

import (
	"context"
	"time"

	"corattach/pipeline"
)

// COR is one exchange with COR. It may be called from several goroutines.
type COR interface {
	// Ready waits until an exchange could leave at once. The fault says why none
	// can: NoToken, TokenDown or Untrusted, also when ctx ends first. Nothing has
	// left.
	Ready(ctx context.Context) *pipeline.Fault

	// Do makes one HTTP request, never repeated. It returns either an Answer or a
	// Fault. When ctx ends before a connection was made, the fault is
	// NotConnected, after that NoAnswer.
	Do(ctx context.Context, op pipeline.Op, r pipeline.Request) (*pipeline.Answer, *pipeline.Fault)
}

// Journal makes attempts durable. Its methods may be called from several
// goroutines. An error of any of them means that nothing more may be sent.
type Journal interface {
	// Begin returns when the attempt would survive a loss of power, with its
	// number.
	Begin(pipeline.Attempt) (int64, error)
	// End writes down what came of the exchange with its Number. It survives the
	// death of the process, and a loss of power after the next Begin.
	End(pipeline.Exchange) error
}

// Settings say how fast a run sends, how often, and when it stops.
type Settings struct {
	Rate        float64          // attempts per second of all workers; 0 = no limit
	Burst       int              // attempts that may leave at once; at least 1
	Workers     int              // users served at a time; at least 1
	Timeout     time.Duration    // for one attempt, and before it for the token, if one has to be made
	Retries     int              // of one request, after its first attempt
	MaxWait     time.Duration    // without a readable answer, before the run ends as unavailable
	MaxDuration time.Duration    // of the sending; 0 = no limit
	MaxFailures pipeline.Limit   // users with a row that is failed, unknown, missing or mismatched
	Canary      int              // users that must match before the others are sent; 0 = none
	Repair      bool             // detach and attach again what COR answers with another percentage
	Tolerance   pipeline.Percent // by which COR's figure may differ and still be matched
}
