package runs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// input is what a run was given.
type input struct {
	job   string
	whole bool // everything that the job has, not a few rows
	pairs map[pipeline.Pair]bool
}

// names are ids in several spellings: which of them are one, the simulator's
// identity switch says.
func userNames() []string { return []string{"ana", "Ana", "zo\u00e9", "zoe\u0301", "bob", "nobody"} }

func workspaceNames() []string { return []string{"w1", "W1", "\u00e91", "e\u03011", "w2"} }

func sourceNames() []pipeline.Source { return []pipeline.Source{"SAP", "OKTA"} }

func (n *nights) pair() pipeline.Pair {
	users := userNames()
	if n.calm {
		users = users[:len(users)-1] // all but the one that COR does not know
	}
	return pipeline.Pair{
		User:      pipeline.UserID(n.pick(users...)),
		Source:    rapid.SampledFrom(sourceNames()).Draw(n.t, "source"),
		Workspace: pipeline.WorkspaceID(n.pick(workspaceNames()...)),
	}
}

// faults befall some attempts of some users.
func (n *nights) faults() string {
	kinds := []string{
		`"status": 400, "body": "A", "code": "ZC001"`, `"status": 500`, `"status": 500, "apply": true`, `"cut": "after"`, `"cut": "before"`,
		`"set_percentage": {"w1": 7, "W1": 7}`, `"drop_workspace": ["w1", "\u00e91"]`, `"status": 403`, `"truncate": 40`, `"contradict": "user"`, `"contradict": "workspace"`,
	}
	var faults []string
	if n.calm {
		return ""
	}
	for range rapid.IntRange(0, 6).Draw(n.t, "faults") {
		from := rapid.IntRange(1, 8).Draw(n.t, "from")
		attempts := []string{fmt.Sprint(from), fmt.Sprint(from + 1), fmt.Sprint(from + 2)}[:rapid.IntRange(1, 3).Draw(n.t, "many")]
		faults = append(faults, fmt.Sprintf(`{"user": %q, "endpoint": %q, "attempts": [%s], %s}`,
			n.pick(append(userNames(), "*")...), n.pick("attach", "attach", "detach"), strings.Join(attempts, ","), n.pick(kinds...)))
	}
	return `{"faults": [` + strings.Join(faults, ",\n") + `]}`
}

// change lets rows of a job come, go, change and be renamed.
func (n *nights) change(job string) {
	rows := n.jobs[job]
	for range rapid.IntRange(0, 4).Draw(n.t, "changes") {
		p := n.pair()
		if len(rows) > 0 && n.often(70) {
			p = rapid.SampledFrom(slices.SortedFunc(maps.Keys(rows), byText)).Draw(n.t, "of the rows")
		}
		switch percent := rows[p]; {
		case percent == "" || n.often(20):
			rows[p] = n.pick("10", "20", "30", "33.4")
		case n.often(40):
			delete(rows, p)
		default:
			delete(rows, p)
			rows[n.rename(p)] = percent
		}
	}
}

func byText(a, b pipeline.Pair) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }

// rename spells a pair in another way.
func (n *nights) rename(p pipeline.Pair) pipeline.Pair {
	other := func(id string) string {
		if n.often(50) {
			if lower := strings.ToLower(id); lower != id {
				return lower
			}
			return strings.ToUpper(id)
		}
		if nfc := norm.NFC.String(id); nfc != id {
			return nfc
		}
		return norm.NFD.String(id)
	}
	switch n.pick("user", "workspace", "source") {
	case "user":
		p.User = pipeline.UserID(other(string(p.User)))
	case "workspace":
		p.Workspace = pipeline.WorkspaceID(other(string(p.Workspace)))
	default:
		p.Source = map[pipeline.Source]pipeline.Source{"SAP": "OKTA", "OKTA": "SAP"}[p.Source]
	}
	return p
}

// write makes an input of rows, sometimes with one that is damaged.
func (n *nights) write(of map[pipeline.Pair]string) (text string, pairs map[pipeline.Pair]bool) {
	pairs = make(map[pipeline.Pair]bool)
	var lines []string
	add := func(p pipeline.Pair, percent string) {
		pairs[p] = true
		lines = append(lines, fmt.Sprintf("%s,%s,%s,%s", p.User, p.Workspace, percent, p.Source))
	}
	for _, p := range slices.SortedFunc(maps.Keys(of), byText) {
		add(p, of[p])
	}
	switch damage := rapid.IntRange(0, 11).Draw(n.t, "damage"); {
	case n.calm:
	case damage == 0:
		add(n.pair(), "200")
	case damage == 1:
		lines = append(lines, `"broken`)
	case damage == 2:
		lines = append(lines, string(n.pair().User)+",w9")
	}
	return rows(lines...), pairs
}
