package corsim

import (
	"cmp"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Record is one line of the request log. It has no header, no query and no token: of a request to the v1 endpoints the
// body is left out.
type Record struct {
	Number   int64          `json:"n"` // counts requests in the order of arrival, from 1; lines stand in the order of their ends
	Time     time.Time      `json:"time"`
	Method   string         `json:"method"`
	Path     string         `json:"path"` // as received, still escaped
	Endpoint string         `json:"endpoint"`
	User     string         `json:"user,omitzero"`
	Source   string         `json:"source,omitzero"`
	Body     jsontext.Value `json:"body,omitzero"`   // of an attach or detach; one that is not JSON stands there as a string
	Status   int            `json:"status,omitzero"` // 0 where no answer left
	End      string         `json:"end"`             // answered, cut, truncated, or gone for a client that hung up first
	Applied  bool           `json:"applied"`         // whether anything was stored or removed
	Fault    *int           `json:"fault,omitzero"`  // the index of the script entry that acted; nil for none
}

// log writes and keeps the record of an exchange, one at a time.
func (s *Simulator) log(x *exchange, a *answer) {
	if s.config.Log == nil && !s.config.Keep {
		return
	}
	r := x.record(a)
	line, err := json.Marshal(r, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	s.logging.Lock()
	defer s.logging.Unlock()
	if s.config.Keep {
		s.kept = append(s.kept, r)
	}
	if s.config.Log != nil && err == nil {
		_, err = s.config.Log.Write(append(line, '\n'))
	}
	s.logError = cmp.Or(s.logError, err)
}

func (x *exchange) record(a *answer) Record {
	r := Record{
		Number: x.number, Time: x.at.UTC(), Method: x.request.Method, Path: x.request.URL.EscapedPath(), Endpoint: x.route.endpoint,
		User: x.route.user, Source: x.call.source, Status: a.status, End: a.end, Applied: x.applied, Fault: x.fault.index,
	}
	if !x.route.writes() || len(x.body) == 0 {
		return r
	}
	r.Body = x.body
	if !r.Body.IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
		r.Body, _ = json.Marshal(string(x.body), jsontext.AllowInvalidUTF8(true))
	}
	return r
}

// Holding is one workspace of one user, by external ids, with the stored percentage as exact decimal text.
type Holding struct {
	User, Source, Workspace, Percentage string
}

// Write is one change that was applied, by the ids of the request: an attach of a percentage, or a removal, whose
// Percentage is empty. Request is the number of the request in the log.
type Write struct {
	Request  int64
	Time     time.Time
	Endpoint string
	Holding
}

// Holdings lists everything attached now, ordered by user, source and workspace: users under the first id that meant
// them, workspaces under the one that attached them last.
func (s *Simulator) Holdings() []Holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Holding, 0, len(s.store.users))
	for _, u := range s.store.users {
		for _, a := range u.attached {
			list = append(list, Holding{u.external, a.name.source, a.name.external, a.percentage})
		}
	}
	slices.SortFunc(list, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Workspace, b.Workspace))
	})
	return list
}

// Percentage returns what is stored for the pair that the ids mean (see switch identity), and whether anything is.
func (s *Simulator) Percentage(user, source, workspace string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, w := s.store.users[s.set.idKey(user)], s.store.workspaces[s.set.workspaceKey(mapping{source, workspace})]
	if u == nil || w == nil {
		return "", false
	}
	if i := find(u.attached, w); i >= 0 {
		return u.attached[i].percentage, true
	}
	return "", false
}

// Applied lists every change in the order in which it was applied; without Config.Keep it is empty.
func (s *Simulator) Applied() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.applied)
}

// Requests lists the records of all requests answered so far, in the order of their ends; without Config.Keep it is empty.
func (s *Simulator) Requests() []Record {
	s.logging.Lock()
	defer s.logging.Unlock()
	return slices.Clone(s.kept)
}

// LogError is the first error of Config.Log, or nil. Requests are answered whether or not they can be logged.
func (s *Simulator) LogError() error {
	s.logging.Lock()
	defer s.logging.Unlock()
	return s.logError
}
