package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"corattach/pipeline"
)

const (
	kindsHeld    = 1000 // kinds of trouble in memory
	kindsShown   = 20
	patternBytes = 200 // of a reason that tell its kind
)

// kind is a group of rows that need attention for the same reason: of one status
// and COR's error code, and where COR gave none, of reasons that differ in
// quoted cells and numbers alone.
type kind struct {
	status pipeline.Status
	code   string
	reason string // of its first row
	rest   bool   // what came when kindsHeld were known already
	rows   int64
	places []pipeline.Place // the first causeLines
}

// kinds groups rows, in bounded memory.
type kinds struct {
	index map[string]int
	list  []kind
	key   []byte
}

func newKinds() kinds {
	return kinds{index: map[string]int{}}
}

func (k *kinds) add(l *pipeline.Line) {
	k.key = append(k.key[:0], byte(l.Status))
	k.key = append(k.key, l.ErrorCode...)
	if l.ErrorCode == "" {
		k.key = appendPattern(append(k.key, 0), l.Reason)
	}
	at, found := k.index[string(k.key)]
	if !found && len(k.list) >= kindsHeld {
		k.key = append(k.key[:0], byte(l.Status))
		k.key = append(k.key, 0, 0) // as no code and no reason begins
		at, found = k.index[string(k.key)]
	}
	if !found {
		at = len(k.list)
		k.index[string(k.key)] = at
		k.list = append(k.list, kind{
			status: l.Status, code: visible(l.ErrorCode, codeShown), reason: visible(l.Reason, reasonShown), rest: at >= kindsHeld,
		})
	}
	g := &k.list[at]
	g.rows++
	if len(g.places) < causeLines {
		g.places = append(g.places, l.Place)
	}
}

// top returns the kinds with the most rows, of equal ones the first to appear.
func (k *kinds) top() []kind {
	sorted := slices.Clone(k.list)
	slices.SortStableFunc(sorted, func(a, b kind) int { return cmp.Compare(b.rows, a.rows) })
	return sorted[:min(len(sorted), kindsShown)]
}

// appendPattern appends what a reason has in common with others of its kind:
// without what stands in quotes, and with # for every number.
func appendPattern(b []byte, reason string) []byte {
	reason = reason[:min(len(reason), patternBytes)]
	for i := 0; i < len(reason); {
		switch c := reason[i]; {
		case c == '"':
			b = append(b, c)
			i = afterQuote(reason, i+1)
		case c >= '0' && c <= '9':
			b = append(b, '#')
			for i < len(reason) && (reason[i] >= '0' && reason[i] <= '9' || reason[i] == '.') {
				i++
			}
		default:
			b = append(b, c)
			i++
		}
	}
	return b
}

// afterQuote returns where a Go-quoted text that has begun before i is over.
func afterQuote(s string, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// troubled is a workspace whose rows went wrong, by COR's verdict.
type troubled struct {
	workspace string
	rows      int64
	byStatus  [pipeline.Planned + 1]int64
	codes     []string         // in order of first appearance
	places    []pipeline.Place // the first causeLines
}

// workspaces returns the workspaces with the most rows that went wrong, of equal
// ones the first to appear, and how many there are in all. Of a run with more
// causes than are counted one by one, those beyond are left out, and whole is
// false.
func (c *causes) workspaces() (top []troubled, total int, whole bool) {
	index := map[string]int{}
	for i := range c.groups {
		g := &c.groups[i]
		if g.workspace == "" {
			continue
		}
		at, found := index[g.workspace]
		if !found {
			at = len(top)
			index[g.workspace] = at
			top = append(top, troubled{workspace: g.workspace})
		}
		top[at].rows += g.rows
	}
	total = len(top)
	slices.SortStableFunc(top, func(a, b troubled) int { return cmp.Compare(b.rows, a.rows) })
	top = slices.Clone(top[:min(total, kindsShown)])
	for i := range top {
		top[i].gather(c.groups)
	}
	return top, total, len(c.groups) < c.limit
}

// gather sets what the groups tell of the workspace beside its rows.
func (w *troubled) gather(groups []group) {
	for i := range groups {
		g := &groups[i]
		if g.workspace != w.workspace {
			continue
		}
		w.byStatus[g.status] += g.rows
		if g.code != "" && !slices.Contains(w.codes, g.code) {
			w.codes = append(w.codes, g.code)
		}
		w.places = append(w.places, g.places...)
	}
	slices.SortFunc(w.places, comparePlaces)
	w.places = w.places[:min(len(w.places), causeLines)]
}

func comparePlaces(a, b pipeline.Place) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

// codeText lists the first codes.
func codeText(codes []string) string {
	const listed = 3
	var shown []string
	for _, code := range codes[:min(len(codes), listed)] {
		shown = append(shown, visible(code, codeShown))
	}
	text := strings.Join(shown, ", ")
	if len(codes) > listed {
		text += " " + ellipsis
	}
	return text
}

// placeView is where a row stands in the input, by its line alone where the one
// before stands in the same file. It has an anchor when the page shows the row.
type placeView struct{ Text, Anchor string }

type kindView struct {
	Status       statusView
	Code, Reason string
	Rows         int64
	First        []placeView
}

type workspaceView struct {
	Workspace string
	Rows      int64
	Verdicts  string
	Codes     string
	First     []placeView
}

// explain groups what went wrong.
func (v *view) explain(p *page, causes *causes) {
	onPage := make(map[pipeline.Place]bool, len(v.Rows))
	for i := range v.Rows {
		onPage[v.Rows[i].place] = true
	}
	places := func(list []pipeline.Place) []placeView {
		first := make([]placeView, len(list))
		for i, at := range list {
			first[i].Text = strconv.FormatInt(at.Line, 10)
			if i == 0 || at.File != list[i-1].File {
				first[i].Text = visible(placeText(v.names, at), idShown)
			}
			if onPage[at] {
				first[i].Anchor = anchor(at)
			}
		}
		return first
	}
	for _, k := range p.kinds.top() {
		if k.rest {
			k.reason = "other reasons"
		}
		v.Kinds = append(v.Kinds, kindView{showStatus(k.status), k.code, k.reason, k.rows, places(k.places)})
	}
	v.KindsTotal = len(p.kinds.list)
	list, total, whole := causes.workspaces()
	for _, w := range list {
		var verdicts []string
		for s, n := range w.byStatus {
			if n > 0 {
				verdicts = append(verdicts, groupInt(n)+" "+pipeline.Status(s).String())
			}
		}
		v.Workspaces = append(v.Workspaces, workspaceView{
			visible(w.workspace, idShown), w.rows, strings.Join(verdicts, ", "), codeText(w.codes), places(w.places),
		})
	}
	v.Troubled, v.Counted = total, whole
}

// Coded reports whether COR gave a code for any of the kinds.
func (v *view) Coded() bool {
	return slices.ContainsFunc(v.Kinds, func(k kindView) bool { return k.Code != "" })
}
