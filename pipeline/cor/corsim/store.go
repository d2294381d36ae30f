package corsim

import (
	"math/big"
	"net/http"
	"slices"
	"strings"
	"unique"

	"golang.org/x/text/unicode/norm"
)

// user is one user of COR under all ids that mean it.
type user struct {
	id       int
	external string // the first id that meant it
	attached []attachment
}

// workspace is one workspace of COR; it never changes.
type workspace struct {
	id    int
	title string
}

// mapping is what names a workspace: its external id under a source. That of a user has no source.
type mapping struct{ source, external string }

// attachment is a workspace under the name that attached it last, with the text of the percentage. In a request it is
// what is asked for.
type attachment struct {
	name       unique.Handle[mapping]
	workspace  *workspace
	percentage string
}

// documentedSources are spelled as COR's pages print them.
const documentedSources = "JIRA SALESFORCE ADVERTMIND QUICKBOOKS ZAPIER OKTA MICROSOFT_DYNAMICS GITHUB MICROSOFT_TEAMS VBS SAP GLOBANT"

// key is what COR compares a workspace by; or a user, without a source.
func (s settings) key(m mapping) mapping {
	if s["id-sources"] == "shared" {
		m.source = ""
	}
	if s["id-form"] == "nfc" {
		m.external = norm.NFC.String(m.external)
	}
	if s["id-case"] == "ignored" {
		m.external = strings.ToLower(m.external)
	}
	return m
}

// user returns the user that an id means. One that is new has nothing attached.
func (s *Simulator) user(external string) *user {
	const first = 8545 // of COR's ids; the next ones count up
	key := s.set.key(mapping{"", external}).external
	if s.users[key] == nil {
		s.users[key] = &user{id: first + len(s.users), external: external}
	}
	return s.users[key]
}

// workspace returns the workspace that a source and an id mean.
func (s *Simulator) workspace(m mapping) *workspace {
	key := s.set.key(m)
	if s.workspaces[key] == nil {
		s.workspaces[key] = &workspace{1 + len(s.workspaces), "Workspace " + m.external}
	}
	return s.workspaces[key]
}

func find(list []attachment, w *workspace) int {
	return slices.IndexFunc(list, func(a attachment) bool { return a.workspace == w })
}

// write carries out an attach or a detach, all of it or nothing, and returns the answer.
func (s *Simulator) write(x *exchange) (any, *refusal) {
	wanted, unknown, no := s.admit(x.User, x.call)
	if no != nil {
		return nil, no
	}
	u, change := s.user(x.User), s.attach
	if x.Endpoint == endpointDetach {
		change = s.detach
	}
	after, no := change(u.attached, wanted)
	if no != nil {
		return nil, no
	}
	stores := len(wanted) > 0 && x.Endpoint == endpointAttach && s.set["repeat"] != "keeps" // the same percentage again too
	x.Applied = stores || !slices.Equal(u.attached, after)
	u.attached = after
	if x.Endpoint == endpointAttach {
		after = s.listed(after, wanted)
	}
	return s.reply(x, u, after, unknown), nil
}

// admit splits a call into the workspaces that exist and those that do not, or refuses it. Nothing is attached yet.
func (s *Simulator) admit(user string, asked call) (wanted []attachment, unknown []string, no *refusal) {
	everything := s.config.Known == nil
	switch {
	case asked.wrong != nil:
		return nil, nil, asked.wrong
	case s.set["sources"] != "any" && !slices.Contains(strings.Fields(documentedSources), asked.Metadata.Source):
		return nil, nil, refuse(http.StatusBadRequest, "InvalidSourceError", "", "source %q is not one of COR's", asked.Metadata.Source)
	case !everything && !s.knownUsers[s.set.key(mapping{"", user}).external]:
		return nil, nil, s.set.unknown("user", "UserNotFoundError", user)
	}
	for _, it := range asked.Workspaces {
		m := mapping{asked.Metadata.Source, it.Workspace}
		key := s.set.key(m)
		switch {
		case everything, s.knownWorkspaces[key], s.knownWorkspaces[mapping{"", key.external}]:
			wanted = append(wanted, attachment{unique.Make(m), s.workspace(m), string(it.Percentage)})
		case s.set.number("unknown-workspace") != 0:
			return nil, nil, s.set.unknown("workspace", "WorkspaceNotFoundError", it.Workspace)
		default:
			unknown = append(unknown, it.Workspace)
		}
	}
	return wanted, unknown, nil
}

// attach works out what a user has after an attach. It changes nothing.
func (s *Simulator) attach(before, wanted []attachment) (after []attachment, no *refusal) {
	if s.set["attach"] == "adds" {
		after = slices.Clone(before)
	}
	for _, a := range wanted {
		i := find(before, a.workspace)
		switch {
		case s.set["zero"] == "refused" && rational(a.percentage).Sign() == 0:
			return nil, badRequest("percentage 0 of workspace %q cannot be attached", a.name.Value().external)
		case i >= 0 && s.set["repeat"] == "refuses":
			return nil, refuse(http.StatusBadRequest, "AlreadyAttachedError", "ZC004", "association exists: workspace %q", a.name.Value().external)
		case i >= 0 && s.set["repeat"] == "keeps":
			a = before[i]
		default:
			a.percentage = s.set.stored(a.percentage)
		}
		if j := find(after, a.workspace); j >= 0 {
			after[j] = a
		} else {
			after = append(after, a)
		}
	}
	if s.set["over-100"] == "refused" {
		sum := new(big.Rat)
		for _, a := range after {
			sum.Add(sum, rational(a.percentage))
		}
		if !isPercentage(sum) {
			return nil, badRequest("the user's percentages would add up to more than 100")
		}
	}
	return after, nil
}

// detach works out what a user has after a detach. It changes nothing.
func (s *Simulator) detach(before, wanted []attachment) (after []attachment, no *refusal) {
	after = slices.Clone(before)
	for _, a := range wanted {
		i := find(after, a.workspace)
		switch {
		case i >= 0:
			after = slices.Delete(after, i, i+1)
		case s.set["second-detach"] == "refused":
			return nil, refuse(http.StatusBadRequest, "CORCustomError", "UT012", "not in workspace: workspace %q", a.name.Value().external)
		}
	}
	return after, nil
}

// listed is what the answer to an attach shows: a workspace that the request names under the names it gives it, the
// others under the name that attached them last.
func (s *Simulator) listed(attached, wanted []attachment) (list []attachment) {
	for _, a := range attached {
		first := len(list)
		for _, w := range wanted {
			w.percentage = a.percentage
			if w.workspace == a.workspace && !slices.Contains(list[first:], w) {
				list = append(list, w)
			}
		}
		if len(list) == first && s.set["listed"] == "all" {
			list = append(list, a)
		}
	}
	return list
}

// Holdings returns the percentages of all that is attached now, as exact decimal text: users under the first id that
// meant them, workspaces under the one that attached them last.
func (s *Simulator) Holdings() map[Pair]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(map[Pair]string)
	for _, u := range s.users {
		for _, a := range u.attached {
			held[Pair{u.external, a.name.Value().source, a.name.Value().external}] = a.percentage
		}
	}
	return held
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
