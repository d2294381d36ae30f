package corsim

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"
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

// Line is the record as JSON, with its line feed.
func (r Record) Line() []byte {
	line, _ := json.Marshal(r, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) // a Record has no errors
	return append(line, '\n')
}

// Simulator is a simulated COR. All its methods are safe for concurrent use; it starts no goroutines and needs no
// closing.
type Simulator struct {
	config   Config
	set      settings
	throttle *rate.Limiter // nil for none
	tooMany  fault         // what answers where throttle does not allow a request
	requests atomic.Int64
	logging  sync.Mutex

	knownUsers      map[string]bool // and workspaces, by key; both mean nothing where everything is known
	knownWorkspaces map[mapping]bool

	mu         sync.Mutex       // guards what follows; it is never held while waiting, reading or writing
	users      map[string]*user // by key; they and the workspaces get their ids when a request first names them, and keep them
	workspaces map[mapping]*workspace
	met        map[string]int       // how many requests of a user an entry of the script has concerned
	issued     int                  // tokens
	expires    map[string]time.Time // when access tokens do; zero for one that a script has revoked
	refresh    map[string]bool      // the refresh tokens that are good
}

// New makes a simulator from a copy of c.
func New(c Config) *Simulator {
	s := &Simulator{
		config: c, set: make(settings), knownUsers: make(map[string]bool), knownWorkspaces: make(map[mapping]bool),
		users: make(map[string]*user), workspaces: make(map[mapping]*workspace), met: make(map[string]int),
		expires: make(map[string]time.Time), refresh: make(map[string]bool),
	}
	for _, w := range Switches() {
		usual, _, _ := strings.Cut(w.Values, "|")
		s.set[w.Name] = cmp.Or(c.chosen[w.Name], usual)
	}
	count, form, _ := strings.Cut(s.set["throttle"], ",")
	if n, err := strconv.Atoi(count); err == nil {
		s.throttle = rate.NewLimiter(rate.Limit(n), n)
	}
	s.tooMany = map[string]fault{
		"":     {RetryAfter: new(1.0)},
		"date": {RetryDate: duration{time.Second}},
		"html": {Body: "html"},
	}[form]
	s.tooMany.Status = http.StatusTooManyRequests
	for _, k := range c.Known {
		s.knownUsers[s.set.key(mapping{"", k.User}).external] = true
		s.knownWorkspaces[s.set.key(mapping{k.Source, k.Workspace})] = true
	}
	return s
}

// exchange is one request on its way to an answer.
type exchange struct {
	Record
	request *http.Request
	body    []byte
	call    call
	fault   *fault
}

// ServeHTTP answers one request. Where a connection is to break before an answer it panics with http.ErrAbortHandler, as
// net/http asks of handlers; after a part of one net/http breaks it.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{
		Record:  Record{Number: s.requests.Add(1), Time: time.Now().UTC(), Method: r.Method, Path: r.URL.EscapedPath()},
		request: r, fault: new(fault),
	}
	x.Endpoint, x.User = routeOf(x.Method, x.Path)
	ans := s.answer(x)
	if x.Status = ans.status; s.config.Log != nil {
		s.logging.Lock()
		s.config.Log(x.Record)
		s.logging.Unlock()
	}
	if x.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), ans.header)
	w.WriteHeader(ans.status)
	_, _ = w.Write(ans.body)
}

// answer brings an exchange to its answer and its end: what COR itself says, and what the script makes of it.
func (s *Simulator) answer(x *exchange) (ans answer) {
	const maxBody = 16 << 20 // a longer request does not arrive
	var err error
	x.End = "gone"
	if x.body, err = io.ReadAll(http.MaxBytesReader(nil, x.request.Body, maxBody)); err != nil {
		return answer{}
	}
	if x.User != "" { // an attach or a detach
		x.call = s.set.decodeCall(x.Endpoint == endpointAttach, x.request.Header.Get("Content-Type"), x.body)
		x.Source, x.Body = x.call.Metadata.Source, x.body
		if !x.Body.IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
			x.Body = jsontext.Value(quoted(x.body))
		}
	}
	s.choose(x)
	f := x.fault
	if f.Cut != "before" && (f.Status == 0 || f.Apply) {
		ans = s.handle(x, time.Now())
	}
	if f.Delay.Duration > 0 {
		select {
		case <-x.request.Context().Done():
			return answer{}
		case <-time.After(f.Delay.Duration):
		}
	}
	if f.Cut != "" {
		x.End = "cut"
		return answer{}
	}
	x.End = "answered"
	if f.Status != 0 {
		ans = f.answer(time.Now())
	}
	for name, value := range f.Headers {
		ans.header.Set(name, value)
	}
	if f.Truncate != nil {
		x.End = "truncated"
		ans.header.Set("Content-Length", strconv.Itoa(len(ans.body)))
		ans.body = ans.body[:max(0, min(*f.Truncate, len(ans.body)-1))]
	}
	return ans
}

// handle is COR's own answer.
func (s *Simulator) handle(x *exchange, now time.Time) answer {
	if x.User != "" && s.throttle != nil && !s.throttle.AllowN(now, 1) {
		return s.tooMany.answer(now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var reply any
	var no *refusal
	switch {
	case x.Endpoint == endpointUnknown:
		no = refuse(http.StatusNotFound, "NotFoundError", "", "no such endpoint: %s %s", x.Method, x.Path)
	case x.Endpoint == endpointToken:
		reply, no = s.token(x, now)
	case x.Endpoint == endpointRefresh:
		reply, no = s.renew(x, now)
	case !s.authorize(x.bearer(), now):
		no = unauthorized()
	case x.Endpoint == endpointMe:
		reply = jsontext.Value(`{"id":1,"name":"corsim","email":"corsim@example.com"}`)
	default:
		reply, no = s.write(x)
	}
	switch {
	case no == nil:
		return jsonAnswer(http.StatusOK, reply)
	case no.status == http.StatusExpectationFailed:
		return jsonAnswer(no.status, no.inForm("D"))
	}
	return jsonAnswer(no.status, no.inForm(s.set["error-form"]))
}
