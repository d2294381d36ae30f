// Package page writes report.html: one self-contained page that tells people how
// a run ended, why, and what to do next.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"iter"
	"time"

	"corattach/pipeline"
)

// Data is what the page tells of a run. Its texts may be raw: Write escapes and
// cuts them.
type Data struct {
	Show func(string) string // escapes what would not be seen, or would turn a line around

	RunID, Job, Version string
	Command             string // import, detach or probe
	DryRun              bool
	Target              string
	Started, Finished   time.Time     // Finished is zero for a run without an end
	Worked              time.Duration // the sum over the run's sessions
	Estimate            time.Duration // of a dry run: how long the sending will take; 0 = not limited
	Plan                string        // digest of the planned requests; "" without one
	Inputs              []pipeline.Input

	ExitCode   int
	ExitReason string
	Advice     []string // what to do that is no command
	Next       []string // commands to paste, in the order in which to do them

	Total         int64                     // rows
	Rows          map[pipeline.Status]int64 // by status
	Balanced      bool                      // the statuses add up to the rows read
	Users         int64
	Requests      int64 // in a dry run the planned ones
	Attempts      int64
	Throttled     int64
	OverAllocated int64 // users
	Extras        int64

	Causes        []Cause // the first ones, what only follows from others behind them
	CausesTotal   int
	Warnings      []string // the first ones
	WarningsTotal int
	Vanished      []pipeline.Vanished // sorted by user
	Seconds       []Second            // those in which attempts were begun, in order of time

	Lines     iter.Seq[*pipeline.Line]     // every row, in input order; a line is valid until the next
	UserLines iter.Seq[*pipeline.UserLine] // every user; valid until the next
}

// Second counts the attempts that were begun in one second.
type Second struct {
	Unix      int64
	Attempts  int
	Throttled int // of them those that COR asked to wait
	Failed    int // of them those that brought a refusal, or no readable answer
}

// Cause is a group of rows that went wrong in the same way.
type Cause struct {
	Status   pipeline.Status
	Code     string // COR's error code; "" when it gave none
	Title    string // the cause as people name it; "" when Reason says it all
	Reason   string // of the first row
	Advice   string // what to do about it; "" when there is nothing to add
	IDs      []string
	IDsTotal int // of the ids that COR named, the first of which are in IDs
	Rows     int64
	Places   []pipeline.Place // of the first rows
}

//go:embed page.html page.css page.js
var assets embed.FS

// Write writes the page. It goes at most once through the lines and once through
// the users, and holds a bounded number of them.
func Write(w io.Writer, d *Data) error {
	style, err := assets.ReadFile("page.css")
	if err != nil {
		return err
	}
	script, err := assets.ReadFile("page.js")
	if err != nil {
		return err
	}
	v := newView(d)
	v.Style, v.Script = template.CSS(style), template.JS(script)
	v.Policy = "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) + "; base-uri 'none'; form-action 'none'"
	t, err := template.New("page.html").Funcs(v.functions()).ParseFS(assets, "page.html")
	if err != nil {
		return err
	}
	return t.Execute(w, v)
}

// hash names a style or script for the page's policy, under which nothing else
// runs, and nothing is loaded or sent.
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
