// Package page writes report.html: one self-contained page that tells people how
// a run ended, why, and what to do next.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"

	"corattach/pipeline"
	"corattach/report"
)

const (
	rowsShown   = 2000 // that need attention
	sampleShown = 10   // rows of a run that needs no attention
	overShown   = 20   // over-allocated users
	goneShown   = 50   // vanished pairs
)

//go:embed page.html page.css page.js
var assets embed.FS

// Write writes the page of a run. It goes at most once through the lines and once
// through the users, and holds a bounded number of them. An error is w's.
func Write(w io.Writer, r *report.Run, s *report.Summary) error {
	style, _ := assets.ReadFile("page.css") // what is embedded is there
	script, _ := assets.ReadFile("page.js")
	t := template.Must(template.New("page.html").Funcs(functions()).ParseFS(assets, "page.html"))
	v := newView(r, s)
	v.Style, v.Script = template.CSS(style), template.JS(script)
	// Nothing but these two runs, and nothing is loaded or sent.
	styleHash, scriptHash := sha256.Sum256(style), sha256.Sum256(script)
	v.Policy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'",
		base64.StdEncoding.EncodeToString(styleHash[:]), base64.StdEncoding.EncodeToString(scriptHash[:]))
	return t.Execute(w, v)
}

// view is the page as its template sees it.
type view struct {
	*report.Summary
	Run    *report.Run
	Policy string
	Style  template.CSS
	Script template.JS

	Outcome, Tone string
	Subject       string              // the input in a few words
	Over          []pipeline.UserLine // the first users above the allocation limit
	Gone          []pipeline.Vanished // the first vanished pairs
	Plot          *plot               // nil when nothing was sent

	Attention int64 // rows that need it
	List      []pipeline.Line
	Shown     map[pipeline.Place]bool // the rows of List
	Listed    report.Counts           // of List
	Left      report.Counts           // of the rows that need attention and that List leaves out
}

func newView(r *report.Run, s *report.Summary) *view {
	v := &view{
		Summary: s, Run: r, Subject: "no input", Gone: r.Vanished[:min(len(r.Vanished), goneShown)], Plot: newPlot(r.Traffic),
		Shown: map[pipeline.Place]bool{}, Listed: report.Counts{}, Left: report.Counts{},
	}
	v.Outcome, v.Tone = outcome(s)
	if more := len(s.Inputs) - 1; more >= 0 {
		if v.Subject = filepath.Base(s.Inputs[0].File); v.Subject == "-" {
			v.Subject = "standard input"
		}
		if more > 0 {
			v.Subject += " and " + pipeline.Count(more, "other file")
		}
	}
	v.list()
	for u := range r.Users {
		if int64(len(v.Over)) == min(s.OverAllocatedUsers, overShown) {
			break
		}
		if u.OverAllocated {
			v.Over = append(v.Over, *u)
		}
	}
	return v
}

// list takes the rows that need attention, the worst status first; where they do
// not fit, each of the kinds of status has an equal share, so that none pushes out
// another. Of a run that needs none it takes the first rows.
func (v *view) list() {
	for status, n := range v.Rows {
		if n > 0 && !status.Settled() {
			v.Attention += n
			v.Left[status] = n
		}
	}
	rows, share := v.Run.Attention, int64(rowsShown)
	switch {
	case v.Attention == 0:
		rows = v.Run.Lines
	case v.Attention > rowsShown:
		share /= int64(len(v.Left))
	}
	for l := range rows {
		if v.Listed[l.Status] < share {
			row := *l
			if row.Pivot != nil {
				row.Pivot = new(*row.Pivot)
			}
			v.List = append(v.List, row)
			v.Shown[row.Place] = true
			v.Listed[row.Status]++
			v.Left[row.Status]--
		}
		if v.Attention == 0 && len(v.List) == sampleShown {
			return
		}
	}
	slices.SortStableFunc(v.List, func(a, b pipeline.Line) int { return a.Status.Compare(b.Status) })
}

// PlaceText names a row's place in the input: by its line alone where there is
// one file.
func (v *view) PlaceText(p pipeline.Place) string {
	if len(v.Inputs) < 2 {
		return fmt.Sprint(p.Line)
	}
	return v.Run.PlaceText(p)
}
