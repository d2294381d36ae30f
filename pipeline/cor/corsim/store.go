package corsim

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// store is what COR holds: users, workspaces and who is attached to what. Users and workspaces get their ids when a
// request first names them, and keep them. Its owner guards it.
type store struct {
	set        settings
	users      map[string]*user       // by key
	workspaces map[mapping]*workspace // by key
	names      map[mapping]*name      // as requests spell them

	knownUsers      map[string]bool // and workspaces, by key; nil for everybody and everything
	knownWorkspaces map[mapping]bool
}

// user is one user of COR under all ids that mean it.
type user struct {
	id       int
	external string // the first id that meant it
	attached []attachment
}

// workspace is one workspace of COR; it never changes.
type workspace struct {
	id      int
	title   string
	created time.Time
}

// name is one spelling of a workspace; it never changes.
type name struct {
	mapping
	workspace *workspace
}

// attachment is a workspace under the name that attached it last, with the text of the percentage. In a request it is
// what is asked for.
type attachment struct {
	name       *name
	percentage string
}

func newStore(s settings, known *Known) store {
	st := store{set: s, users: make(map[string]*user), workspaces: make(map[mapping]*workspace), names: make(map[mapping]*name)}
	if known == nil {
		return st
	}
	st.knownUsers, st.knownWorkspaces = make(map[string]bool), make(map[mapping]bool)
	for _, user := range known.users {
		st.knownUsers[s.idKey(user)] = true
	}
	for _, m := range known.workspaces {
		st.knownWorkspaces[s.workspaceKey(m)] = true
	}
	return st
}

func (st *store) knowsUser(external string) bool {
	return st.knownUsers == nil || st.knownUsers[st.set.idKey(external)]
}

func (st *store) knowsWorkspace(m mapping) bool {
	key := st.set.workspaceKey(m)
	return st.knownWorkspaces == nil || st.knownWorkspaces[key] || st.knownWorkspaces[mapping{"", key.external}]
}

// idKey is what COR compares ids by.
func (s settings) idKey(id string) string {
	if s.has("identity", "nfc") {
		id = norm.NFC.String(id)
	}
	if s.has("identity", "case") {
		id = strings.ToLower(id)
	}
	return id
}

func (s settings) workspaceKey(m mapping) mapping {
	if s.has("identity", "sources") {
		m.source = ""
	}
	m.external = s.idKey(m.external)
	return m
}

// user returns the user that an id means. One that is new has nothing attached.
func (st *store) user(external string) *user {
	key := st.set.idKey(external)
	if st.users[key] == nil {
		st.users[key] = &user{id: st.set.number("first-user-id") + len(st.users), external: external}
	}
	return st.users[key]
}

// name returns the name that a source and an id are, and with it the workspace that they mean.
func (st *store) name(m mapping, now time.Time) *name {
	if n := st.names[m]; n != nil {
		return n
	}
	key := st.set.workspaceKey(m)
	if st.workspaces[key] == nil {
		st.workspaces[key] = &workspace{st.set.number("first-workspace-id") + len(st.workspaces), "Workspace " + m.external, now}
	}
	st.names[m] = &name{m, st.workspaces[key]}
	return st.names[m]
}

func find(list []attachment, w *workspace) int {
	return slices.IndexFunc(list, func(a attachment) bool { return a.name.workspace == w })
}

// put adds a to a list, in place of an entry for the same workspace.
func put(list []attachment, a attachment) []attachment {
	if i := find(list, a.name.workspace); i >= 0 {
		list[i] = a
		return list
	}
	return append(list, a)
}

// write carries out an attach or a detach, all of it or nothing. It returns the answer and what has changed.
func (st *store) write(r route, asked call, now time.Time) (userReply, []Holding, *refusal) {
	wanted, unknown, no := st.admit(r.user, asked, now)
	if no != nil {
		return userReply{}, nil, no
	}
	u := st.user(r.user)
	operation := st.attach
	if r.endpoint == endpointDetach {
		operation = st.detach
	}
	after, written, no := operation(u.attached, wanted)
	if no != nil {
		return userReply{}, nil, no
	}
	changes := make([]Holding, 0, len(written))
	for _, a := range written {
		changes = append(changes, Holding{r.user, a.name.source, a.name.external, a.percentage})
	}
	for _, a := range u.attached {
		if find(after, a.name.workspace) < 0 {
			changes = append(changes, Holding{User: r.user, Source: a.name.source, Workspace: a.name.external})
		}
	}
	u.attached = after
	if r.endpoint == endpointAttach {
		after = st.listed(after, wanted)
	}
	return st.reply(u, after, unknown), changes, nil
}

// admit splits a call into the workspaces that exist and those that do not, or refuses it. Nothing is attached yet.
func (st *store) admit(user string, asked call, now time.Time) (wanted []attachment, unknown []string, no *refusal) {
	switch {
	case asked.wrong != nil:
		return nil, nil, st.set.malformed(*asked.wrong)
	case !st.set.admits(asked.source):
		return nil, nil, refuse(http.StatusBadRequest, "InvalidSourceError", "", "source %q is not one of COR's", asked.source)
	case !st.knowsUser(user):
		return nil, nil, st.set.unknown("user", "UserNotFoundError", user)
	}
	refuses := st.set.number("unknown-workspace") != 0
	for _, it := range asked.items {
		m := mapping{asked.source, it.Workspace}
		switch {
		case st.knowsWorkspace(m):
			wanted = append(wanted, attachment{st.name(m, now), string(it.Percentage)})
		case refuses:
			return nil, nil, st.set.unknown("workspace", "WorkspaceNotFoundError", it.Workspace)
		default:
			unknown = append(unknown, it.Workspace)
		}
	}
	return wanted, unknown, nil
}

// attach works out what a user has after an attach, and which of it the attach writes. It changes nothing.
func (st *store) attach(before, wanted []attachment) (after, written []attachment, no *refusal) {
	if st.set["attach"] == "add" {
		after = slices.Clone(before)
	}
	for _, a := range wanted {
		i := find(before, a.name.workspace)
		switch {
		case st.set["zero"] == "400" && rational(a.percentage).Sign() == 0:
			return nil, nil, badRequest("percentage 0 of workspace %q cannot be attached", a.name.external)
		case i >= 0 && st.set["re-attach"] == "error":
			return nil, nil, refuse(http.StatusBadRequest, "AlreadyAttachedError", "ZC004", "association exists: workspace %q", a.name.external)
		case i >= 0 && st.set["re-attach"] == "keep":
			after = put(after, before[i])
		default:
			a.percentage = st.set.stored(a.percentage)
			after = put(after, a)
			written = append(written, a)
		}
	}
	if st.set["over-100"] == "400" && !isPercentage(total(after)) {
		text := strings.TrimSuffix(strings.TrimRight(total(after).FloatString(4), "0"), ".")
		return nil, nil, badRequest("the user's percentages would add up to %s, over 100", text)
	}
	return after, written, nil
}

// detach is attach for a detach, which writes nothing.
func (st *store) detach(before, wanted []attachment) (after, written []attachment, no *refusal) {
	after = slices.Clone(before)
	for _, a := range wanted {
		i := find(after, a.name.workspace)
		switch {
		case i >= 0:
			after = slices.Delete(after, i, i+1)
		case st.set["re-detach"] == "error":
			return nil, nil, refuse(http.StatusBadRequest, "CORCustomError", "UT012", "not in workspace: workspace %q", a.name.external)
		}
	}
	return after, nil, nil
}

// listed is what the answer to an attach shows: a workspace that the request names under the names it gives it, the
// others under the name that attached them last.
func (st *store) listed(attached, wanted []attachment) (list []attachment) {
	for _, a := range attached {
		first := len(list)
		for _, w := range wanted {
			named := attachment{w.name, a.percentage}
			if w.name.workspace == a.name.workspace && !slices.Contains(list[first:], named) {
				list = append(list, named)
			}
		}
		if len(list) == first && st.set["reply-scope"] == "all" {
			list = append(list, a)
		}
	}
	return list
}
