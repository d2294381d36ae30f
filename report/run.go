package report

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"corattach/pipeline"
)

// About says which run it is and what it worked on.
type About struct {
	RunID           string           `json:"run_id"`
	Job             string           `json:"job"`
	Version         string           `json:"version"` // of the program that worked on the run last
	Command         string           `json:"command"` // import, detach or probe
	DryRun          bool             `json:"dry_run"`
	Target          string           `json:"target"`
	StartedAt       time.Time        `json:"started_at"`
	FinishedAt      time.Time        `json:"finished_at"`
	DurationSeconds float64          `json:"duration_seconds"` // that sessions worked, without the pauses between them
	Inputs          []pipeline.Input `json:"inputs"`
	Plan            string           `json:"plan"` // the digest of the planned requests, sha256:…

	Dir       string  `json:"-"` // of the run, as the run itself called it: for the commands that people paste
	SameInput bool    `json:"-"` // the input is byte for byte that of the job's latest import
	Rate      float64 `json:"-"` // attempts per second, for the time that a dry run estimates; 0 = no limit
}

// Run is everything that the reports say of a run. Lines and Users may be
// iterated over several times.
type Run struct {
	About
	Flags    []string // --flag=value, as the last session had them, for the commands that people paste
	Warnings []string // one line for each kind

	Stop   pipeline.Stop // why it ended early; the zero Stop when it came to its end
	Killed bool          // the last session has no end: it was killed
	Active bool          // the run is still going on; for explain

	Attention iter.Seq[*pipeline.Line]     // those of Lines whose status is not settled
	Lines     iter.Seq[*pipeline.Line]     // every row, in input order; a line is valid until the next
	Users     iter.Seq[*pipeline.UserLine] // every user, in order of first appearance; valid until the next
	Requests  iter.Seq[pipeline.Request]   // the planned ones, in the order in which they would be sent; for a dry run
	Vanished  []pipeline.Vanished          // in the order of Pair: user, source, workspace
	Traffic   *Traffic                     // all attempts of all sessions
	Sent      int                          // of a probe, which has no Users: requests for which an attempt was sent
	Facts     any                          // of a probe: the document of facts.json; nil otherwise
	Unfound   []string                     // of a probe: the facts that could not be found
	Left      []string                     // of a probe: what may not be as it was before, a text each; resume puts it back

	Digest  func() string                                             // makes Plan, for several goroutines; nil where Plan is made
	Render  func(*pipeline.Request) (method, url string, body []byte) // a request as it goes over the wire
	History func(pipeline.UserID) ([]pipeline.Request, error)         // of a user, with all that was sent; none for one without rows; for explain
}

// PlaceText returns a place as file:line.
func (r *Run) PlaceText(p pipeline.Place) string {
	return r.Inputs[p.File].File + ":" + strconv.FormatInt(p.Line, 10)
}

// flag returns what a flag was set to; "" when it was not.
func (r *Run) flag(flag string) string {
	for _, word := range r.Flags {
		if value, found := strings.CutPrefix(word, flag+"="); found {
			return value
		}
	}
	return ""
}

// Summary is summary.json, and what --json prints.
type Summary struct {
	About
	Rows               Counts   `json:"rows"`
	Balanced           bool     `json:"balanced"`
	Users              int64    `json:"users"`
	Requests           int64    `json:"requests"` // in a dry run the planned ones
	Attempts           int64    `json:"attempts"`
	Throttled          int64    `json:"throttled"`
	OverAllocatedUsers int64    `json:"over_allocated_users"`
	Extras             int64    `json:"extras"`
	Vanished           int64    `json:"vanished"`
	Causes             []*Cause `json:"causes"` // the first twenty
	CausesTotal        int      `json:"causes_total"`
	Warnings           []string `json:"warnings"` // the first twenty
	WarningsTotal      int      `json:"warnings_total"`
	Next               []string `json:"next"` // at most two commands, in the order in which to do them
	Exit               Exit     `json:"exit"`

	Source         string `json:"source,omitempty"`          // of a dry run: what --source was, to read its rows back
	PercentageUnit string `json:"percentage_unit,omitempty"` // of a dry run: what --percentage-unit was, for the same

	Resumable int64         `json:"-"` // rows that resume would send
	Estimate  time.Duration `json:"-"` // of a dry run: how long the sending will take at the given rate; 0 = not limited
	Advice    []string      `json:"-"` // what to do that is no command, for people, most urgent first
}

// Exit is how the run ended.
type Exit struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	All    []int  `json:"all"` // every code that holds, the one taken first
}

// Counts are the rows of a run by status. Those that were read back have total, too.
type Counts map[pipeline.Status]int64

// Total returns the rows of all statuses.
func (c Counts) Total() (rows int64) {
	for _, status := range pipeline.Statuses() {
		rows += c[status]
	}
	return rows
}

// MarshalJSON writes total and every status, in the order of pipeline.Statuses.
func (c Counts) MarshalJSON() ([]byte, error) {
	text := fmt.Appendf(nil, `{"total":%d`, c.Total())
	for _, status := range pipeline.Statuses() {
		text = fmt.Appendf(text, `,%q:%d`, status, c[status])
	}
	return append(text, '}'), nil
}

// String returns the statuses that any row has: "1 matched + 3 failed".
func (c Counts) String() string {
	var parts []string
	for _, status := range pipeline.Statuses() {
		if n := c[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return strings.Join(parts, " + ")
}

// Outcomes counts attempts by what came of them.
type Outcomes struct {
	Answered  int64
	Throttled int64 // COR asked to wait
	Failed    int64 // without a readable answer, or refused
}

// Traffic counts the attempts of a run. The zero value has none. Add may be called
// from several goroutines; the fields are read when no more is added.
type Traffic struct {
	All     Outcomes
	Seconds map[int64]Outcomes // by the Unix second in which the attempts were begun

	mu sync.Mutex
}

// Add counts an exchange.
func (t *Traffic) Add(e *pipeline.Exchange) {
	if !e.Sent() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Seconds == nil {
		t.Seconds = make(map[int64]Outcomes)
	}
	second := t.Seconds[e.At.Unix()]
	for _, o := range []*Outcomes{&second, &t.All} {
		switch {
		case e.Fault == nil:
			o.Answered++
		case e.Fault.Kind == pipeline.Throttled:
			o.Throttled++
		default:
			o.Failed++
		}
	}
	t.Seconds[e.At.Unix()] = second
}
