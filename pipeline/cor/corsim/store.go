package corsim

import (
	"cmp"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/unicode/norm"
)

// store is what COR holds: users, workspaces and who is attached to what. Users and workspaces get their ids when a
// request first names them, and keep them. Its owner guards it.
type store struct {
	set        settings
	users      map[string]*user       // by key
	workspaces map[mapping]*workspace // by key

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

// attachment is a workspace under the name that attached it last, with the text of the percentage. In a request it is
// what is asked for.
type attachment struct {
	name       unique.Handle[mapping]
	workspace  *workspace
	percentage string
}

// firstUserID is COR's id of the first user; the next ones count up. Those of workspaces begin with 1.
const firstUserID = 8545

// documentedSources are spelled as COR's pages print them.
const documentedSources = "JIRA SALESFORCE ADVERTMIND QUICKBOOKS ZAPIER OKTA MICROSOFT_DYNAMICS GITHUB MICROSOFT_TEAMS VBS SAP GLOBANT"

func newStore(s settings, known *Known) store {
	st := store{set: s, users: make(map[string]*user), workspaces: make(map[mapping]*workspace)}
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

// idKey is what COR compares ids by.
func (s settings) idKey(id string) string {
	if s["id-form"] == "nfc" {
		id = norm.NFC.String(id)
	}
	if s["id-case"] == "ignored" {
		id = strings.ToLower(id)
	}
	return id
}

func (s settings) workspaceKey(m mapping) mapping {
	if s["id-sources"] == "shared" {
		m.source = ""
	}
	m.external = s.idKey(m.external)
	return m
}

// user returns the user that an id means. One that is new has nothing attached.
func (st *store) user(external string) *user {
	key := st.set.idKey(external)
	if st.users[key] == nil {
		st.users[key] = &user{id: firstUserID + len(st.users), external: external}
	}
	return st.users[key]
}

// workspace returns the workspace that a source and an id mean.
func (st *store) workspace(m mapping, now time.Time) *workspace {
	key := st.set.workspaceKey(m)
	if st.workspaces[key] == nil {
		st.workspaces[key] = &workspace{1 + len(st.workspaces), "Workspace " + m.external, now}
	}
	return st.workspaces[key]
}

func find(list []attachment, w *workspace) int {
	return slices.IndexFunc(list, func(a attachment) bool { return a.workspace == w })
}

// write carries out an attach or a detach, all of it or nothing, and returns the answer.
func (st *store) write(x *exchange, now time.Time) (any, *refusal) {
	wanted, unknown, no := st.admit(x.User, x.call, now)
	if no != nil {
		return nil, no
	}
	var after []attachment
	u := st.user(x.User)
	if x.Endpoint == endpointAttach {
		after, x.Applied, no = st.attach(u.attached, wanted)
	} else {
		after, no = st.detach(u.attached, wanted)
	}
	if no != nil {
		return nil, no
	}
	x.Applied = x.Applied || slices.ContainsFunc(u.attached, func(a attachment) bool { return find(after, a.workspace) < 0 })
	u.attached = after
	if x.Endpoint == endpointAttach {
		after = st.listed(after, wanted)
	}
	reply := st.reply(u, after, unknown)
	st.edit(&reply, x.fault, x.Source, now)
	return reply, nil
}

// admit splits a call into the workspaces that exist and those that do not, or refuses it. Nothing is attached yet.
func (st *store) admit(user string, asked call, now time.Time) (wanted []attachment, unknown []string, no *refusal) {
	everything := st.knownUsers == nil
	switch {
	case asked.wrong != nil:
		return nil, nil, asked.wrong
	case st.set["sources"] != "any" && !slices.Contains(strings.Fields(documentedSources), asked.Metadata.Source):
		return nil, nil, refuse(http.StatusBadRequest, "InvalidSourceError", "", "source %q is not one of COR's", asked.Metadata.Source)
	case !everything && !st.knownUsers[st.set.idKey(user)]:
		return nil, nil, st.set.unknown("user", "UserNotFoundError", user)
	}
	for _, it := range asked.Workspaces {
		m := mapping{asked.Metadata.Source, it.Workspace}
		key := st.set.workspaceKey(m)
		switch {
		case everything, st.knownWorkspaces[key], st.knownWorkspaces[mapping{"", key.external}]:
			wanted = append(wanted, attachment{unique.Make(m), st.workspace(m, now), string(it.Percentage)})
		case st.set.number("unknown-workspace") != 0:
			return nil, nil, st.set.unknown("workspace", "WorkspaceNotFoundError", it.Workspace)
		default:
			unknown = append(unknown, it.Workspace)
		}
	}
	return wanted, unknown, nil
}

// attach works out what a user has after an attach, and whether it writes anything. It changes nothing.
func (st *store) attach(before, wanted []attachment) (after []attachment, writes bool, no *refusal) {
	if st.set["attach"] == "adds" {
		after = slices.Clone(before)
	}
	for _, a := range wanted {
		i := find(before, a.workspace)
		switch {
		case st.set["zero"] == "refused" && rational(a.percentage).Sign() == 0:
			return nil, false, badRequest("percentage 0 of workspace %q cannot be attached", a.name.Value().external)
		case i >= 0 && st.set["repeat"] == "refuses":
			return nil, false, refuse(http.StatusBadRequest, "AlreadyAttachedError", "ZC004", "association exists: workspace %q", a.name.Value().external)
		case i >= 0 && st.set["repeat"] == "keeps":
			a = before[i]
		default:
			a.percentage, writes = st.set.stored(a.percentage), true
		}
		if j := find(after, a.workspace); j >= 0 {
			after[j] = a
		} else {
			after = append(after, a)
		}
	}
	if st.set["over-100"] == "accepted" {
		return after, writes, nil
	}
	sum := new(big.Rat)
	for _, a := range after {
		sum.Add(sum, rational(a.percentage))
	}
	if !isPercentage(sum) {
		text := strings.TrimSuffix(strings.TrimRight(sum.FloatString(4), "0"), ".")
		return nil, false, badRequest("the user's percentages would add up to %s, over 100", text)
	}
	return after, writes, nil
}

// detach works out what a user has after a detach. It changes nothing.
func (st *store) detach(before, wanted []attachment) (after []attachment, no *refusal) {
	after = slices.Clone(before)
	for _, a := range wanted {
		i := find(after, a.workspace)
		switch {
		case i >= 0:
			after = slices.Delete(after, i, i+1)
		case st.set["second-detach"] == "refused":
			return nil, refuse(http.StatusBadRequest, "CORCustomError", "UT012", "not in workspace: workspace %q", a.name.Value().external)
		}
	}
	return after, nil
}

// listed is what the answer to an attach shows: a workspace that the request names under the names it gives it, the
// others under the name that attached them last.
func (st *store) listed(attached, wanted []attachment) (list []attachment) {
	for _, a := range attached {
		first := len(list)
		for _, w := range wanted {
			w.percentage = a.percentage
			if w.workspace == a.workspace && !slices.Contains(list[first:], w) {
				list = append(list, w)
			}
		}
		if len(list) == first && st.set["listed"] == "all" {
			list = append(list, a)
		}
	}
	return list
}

// Holding is one workspace of one user, by external ids, with the stored percentage as exact decimal text.
type Holding struct {
	User, Source, Workspace, Percentage string
}

// Holdings lists everything attached now, ordered by user, source and workspace: users under the first id that meant
// them, workspaces under the one that attached them last.
func (s *Simulator) Holdings() []Holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Holding, 0, len(s.store.users))
	for _, u := range s.store.users {
		for _, a := range u.attached {
			list = append(list, Holding{u.external, a.name.Value().source, a.name.Value().external, a.percentage})
		}
	}
	slices.SortFunc(list, func(a, b Holding) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

// rational reads a JSON number exactly; nil for one of absurd length or with an exponent.
func rational(number string) *big.Rat {
	if len(number) > 100 || strings.ContainsAny(number, "eE") {
		return nil
	}
	x, _ := new(big.Rat).SetString(number)
	return x
}

// isPercentage says whether a number that rational has read is within 0 and 100.
func isPercentage(x *big.Rat) bool {
	return x != nil && x.Sign() >= 0 && x.Cmp(big.NewRat(100, 1)) <= 0
}

// stored is what becomes of a percentage at COR: the number's text as sent, rounded half up, or cut.
func (s settings) stored(number string) string {
	decimals := s.number("decimals")
	switch s["percentage"] {
	case "rounded", "text-rounded":
		return rational(number).FloatString(decimals)
	case "cut":
		whole, fraction, _ := strings.Cut(number, ".")
		return strings.TrimSuffix(whole+"."+fraction[:min(decimals, len(fraction))], ".")
	}
	return number
}

// answered is a stored percentage as answers have it.
func (s settings) answered(number string) jsontext.Value {
	if strings.HasPrefix(s["percentage"], "text") {
		return jsontext.Value(`"` + number + `"`)
	}
	return jsontext.Value(number)
}
