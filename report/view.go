package report

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
)

//go:embed page.html page.css page.js
var assets embed.FS

// asset returns an embedded file.
func asset(name string) string {
	text, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // go:embed has seen to it
	}
	return string(text)
}

// policy is the page's Content-Security-Policy: nothing may be loaded or sent,
// and no style or script runs but the page's own.
func policy(style, script string) string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) + "; base-uri 'none'; form-action 'none'"
}

// view is report.html as its template sees it: texts that are safe to show, and
// numbers.
type view struct {
	Policy string
	Style  template.CSS
	Script template.JS

	*Summary
	names       []string // of the inputs, as rows show them
	Title, Tone string
	Facts       []fact
	Next        Next
	Files       fileNames

	Tiles      []tile
	Strip      []stripPart
	Kinds      []kindView
	KindsTotal int
	Workspaces []workspaceView
	Troubled   int  // workspaces in all
	Counted    bool // every workspace was

	Sent        *sentView // nil when nothing was sent
	Requested   string    // by all users
	Differences []differenceView
	Others      int64 // rows with another difference

	Rate *rateView // nil when nothing was sent
	Over []overUser
	Gone []gonePair // vanished pairs, those that are not done first

	Rows    []shownRow
	Present []tile // the statuses that rows have, for the filter
	Left    []tile // rows of each status that are left out
	Sample  []shownRow
}

// Place names the row's place in the input.
func (v *view) Place(r shownRow) string {
	return visible(placeText(v.names, r.place), idShown)
}

// shortNames are the names of the inputs without their directories, unless that
// would make two of them the same.
func shortNames(inputs []string) []string {
	short := make([]string, len(inputs))
	for i, name := range inputs {
		short[i] = filepath.Base(name)
		if slices.Contains(short[:i], short[i]) {
			return inputs
		}
	}
	return short
}

// OverLeft is how many over-allocated users the page leaves out.
func (v *view) OverLeft() int64 { return v.OverAllocatedUsers - int64(len(v.Over)) }

// GoneLeft is how many vanished pairs the page leaves out.
func (v *view) GoneLeft() int64 { return v.Vanished.Total - int64(len(v.Gone)) }

// GoneText counts the vanished pairs.
func (v *view) GoneText() string {
	g := &v.Vanished
	var parts []string
	for _, result := range []struct {
		n    int64
		word string
	}{
		{g.Listed, "listed only"}, {g.Planned, "to be detached"}, {g.Detached, "detached"}, {g.StillAttached, "still attached"},
		{g.Failed, "refused"}, {g.Unknown, "unknown"}, {g.NotSent, "not sent"},
	} {
		if result.n > 0 {
			parts = append(parts, groupInt(result.n)+" "+result.word)
		}
	}
	return strings.Join(parts, ", ")
}

// FirstWarnings are the warnings that summary.json has, too.
func (v *view) FirstWarnings() []string { return v.Warnings[:min(len(v.Warnings), causesKept)] }

// WarningsLeft is how many warnings there are beside them.
func (v *view) WarningsLeft() int64 {
	return int64(max(v.WarningsTotal, len(v.Warnings)) - len(v.FirstWarnings()))
}

// SampleLeft is how many rows there are beside the sample.
func (v *view) SampleLeft() int64 { return v.Summary.Rows.Total - int64(len(v.Sample)) }

// Shown is how many of the rows that need attention the page has.
func (v *view) Shown() int64 { return int64(len(v.Rows)) }

// fact is a line of the heading.
type fact struct{ Name, Text string }

// fileNames are the reports that the page sends its reader to.
type fileNames struct{ Reconciliation, Failed, Extras, Users, Vanished string }

// tile is a number of rows of one status.
type tile struct {
	statusView
	Rows  int64
	Share string // of all rows
}

type stripPart struct{ Class, X, Width string }

// show writes the page. summary is what summary.json says.
func (p *page) show(summary *Summary, causes *causes, next Next) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"n":       groupInt,
		"visible": func(s string) string { return visible(s, reasonShown) },
		"words":   func(line string) []string { return strings.Split(line, " ") },
		"countClass": func(n int64) string {
			if n >= 1_000_000 {
				return "count long"
			}
			return "count"
		},
	}).Parse(asset("page.html"))
	if err != nil {
		return err
	}
	return t.Execute(p.out, p.view(summary, causes, next))
}

func (p *page) view(s *Summary, causes *causes, next Next) *view {
	style, script := asset("page.css"), asset("page.js")
	v := &view{
		Policy: policy(style, script), Style: template.CSS(style), Script: template.JS(script),
		Summary: s, names: shortNames(p.inputs), Title: "corattach run " + s.RunID, Tone: toneOf(s), Next: next, Facts: factsOf(s),
		Files:     fileNames{ReconciliationFile, FailedFile, ExtrasFile, UsersFile, VanishedFile},
		Requested: groupDigits(p.requested.String()), Over: p.over, Sample: p.sample,
	}
	v.Gone = append(slices.Clone(p.undone), p.gone...)
	v.Gone = v.Gone[:min(len(v.Gone), goneShown)]
	v.count(s.Rows, p.problems.shown())
	v.explain(p, causes)
	v.compare(&p.shares)
	v.plot(&p.timeline)
	return v
}

// toneOf says how the end of a run is shown: a run in which nothing worse came
// of rows than another answer is not shown as one that failed.
func toneOf(s *Summary) string {
	switch {
	case s.Exit.Code == 0:
		return "good"
	case len(s.Exit.All) > 1 || s.Rows.needAttention() == 0:
		return "bad"
	case s.Rows.needAttention() == s.Rows.Mismatched+s.Rows.Missing:
		return "differs"
	}
	return "bad"
}

func factsOf(s *Summary) []fact {
	const layout = "2006-01-02 15:04:05 UTC"
	facts := []fact{
		{"Job", visible(s.Job, idShown)},
		{"Target", visible(s.Target, idShown)},
		{"Started", s.StartedAt.UTC().Format(layout)},
		{"Finished", s.FinishedAt.UTC().Format(layout)},
		{"Took", spell(time.Duration(s.DurationSeconds * float64(time.Second)))},
		{"Program", "corattach " + visible(s.Version, idShown)},
	}
	return facts
}

func (r *Rows) needAttention() int64 {
	n := int64(0)
	for s, rows := range r.ByStatus() {
		if !pipeline.Status(s).Settled() {
			n += rows
		}
	}
	return n
}

// Attention is how many rows need attention.
func (v *view) Attention() int64 { return v.Summary.Rows.needAttention() }

// count sets the tiles, and what the table of rows shows and leaves out.
func (v *view) count(all Rows, rows []shownRow) {
	v.Rows = rows
	var shown [pipeline.Planned + 1]int64
	for i := range rows {
		shown[rows[i].status]++
	}
	before := int64(0)
	for s, n := range all.ByStatus() {
		if n == 0 {
			continue
		}
		t := tile{showStatus(pipeline.Status(s)), n, percentOf(n, all.Total)}
		v.Tiles = append(v.Tiles, t)
		v.Strip = append(v.Strip, stripPart{t.Word, widthOf(before, all.Total), widthOf(n, all.Total)})
		before += n
		if shown[s] > 0 {
			v.Present = append(v.Present, tile{statusView: t.statusView, Rows: shown[s]})
		}
		if left := n - shown[s]; left > 0 && !pipeline.Status(s).Settled() {
			v.Left = append(v.Left, tile{statusView: t.statusView, Rows: left})
		}
	}
	worstFirst := func(a, b tile) int { return cmp.Compare(a.Rank, b.Rank) }
	slices.SortFunc(v.Present, worstFirst)
	slices.SortFunc(v.Left, worstFirst)
}
