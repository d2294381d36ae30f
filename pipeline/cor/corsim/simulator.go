package corsim

import (
	"cmp"
	"io"
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

// Config says how a Simulator behaves. The zero value is COR as documented: every switch at its default, everybody
// known, no faults, no log. New copies it; it is not safe for concurrent use.
type Config struct {
	Known  *Known             // the users and workspaces that exist; nil means that all do
	Script *Script            // the faults; nil means none
	Log    func(Record) error // told of each request, one at a time, before its answer leaves; nil means no log

	chosen settings
}

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

func (r *Record) writes() bool { return r.Endpoint == endpointAttach || r.Endpoint == endpointDetach }

// Simulator is a simulated COR. All its methods are safe for concurrent use; it starts no goroutines and needs no
// closing.
type Simulator struct {
	config   Config // Script is set
	set      settings
	throttle *rate.Limiter
	requests atomic.Int64
	logging  sync.Mutex // guards logError
	logError error

	// mu guards what follows and is never held while waiting, reading or writing.
	mu     sync.Mutex
	store  store
	tokens tokens
	met    map[meeting]int
}

// New makes a simulator from a copy of c.
func New(c Config) *Simulator {
	if c.Script == nil {
		c.Script = new(Script)
	}
	set := c.settings()
	s := &Simulator{
		config: c, set: set, throttle: rate.NewLimiter(rate.Inf, 0), store: newStore(set, c.Known), met: make(map[meeting]int),
		tokens: tokens{expires: make(map[string]time.Time), refresh: make(map[string]bool)},
	}
	count, _, _ := strings.Cut(set["throttle"], ",")
	if n, err := strconv.Atoi(count); err == nil {
		s.throttle = rate.NewLimiter(rate.Limit(n), n)
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

// ServeHTTP answers one request. Where a connection is to break it panics with http.ErrAbortHandler, as net/http asks
// of handlers.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{
		Record:  Record{Number: s.requests.Add(1), Time: time.Now().UTC(), Method: r.Method, Path: r.URL.EscapedPath()},
		request: r, fault: new(fault),
	}
	x.Endpoint, x.User = routeOf(x.Method, x.Path)
	ans := s.answer(x)
	if x.Status, x.End = ans.status, ans.end; s.config.Log != nil {
		s.logging.Lock()
		s.logError = cmp.Or(s.logError, s.config.Log(x.Record))
		s.logging.Unlock()
	}
	ans.send(w)
}

// LogError is the first error of Config.Log, or nil. Requests are answered whether or not they can be logged.
func (s *Simulator) LogError() error {
	s.logging.Lock()
	defer s.logging.Unlock()
	return s.logError
}

// maxBody bounds what is read of a request. A longer one does not arrive.
const maxBody = 16 << 20

// answer brings an exchange to its answer: what COR itself says, and what the script makes of it.
func (s *Simulator) answer(x *exchange) (ans answer) {
	var err error
	if x.body, err = io.ReadAll(io.LimitReader(x.request.Body, maxBody+1)); err != nil || len(x.body) > maxBody {
		return answer{end: gone}
	}
	if x.writes() {
		x.call = s.set.decodeCall(x.Endpoint == endpointAttach, x.request.Header.Get("Content-Type"), x.body)
		x.Source, x.Body = x.call.Metadata.Source, x.body
		if !x.Body.IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
			x.Body, _ = jsontext.AppendQuote(nil, x.body) // with U+FFFD in place of bad bytes
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
			return answer{end: gone}
		case <-time.After(f.Delay.Duration):
		}
	}
	if f.Status != 0 {
		ans = f.answer(time.Now())
	}
	f.spoil(&ans)
	return ans
}

// handle is COR's own answer.
func (s *Simulator) handle(x *exchange, now time.Time) answer {
	if x.writes() && !s.throttle.AllowN(now, 1) {
		return s.set.tooMany(now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var reply any
	var no *refusal
	switch {
	case x.Endpoint == endpointUnknown:
		no = refuse(http.StatusNotFound, "NotFoundError", "", "no such endpoint: %s %s", x.Method, x.Path)
	case x.Endpoint == endpointToken:
		reply, no = s.tokens.token(s.set, x, now)
	case x.Endpoint == endpointRefresh:
		reply, no = s.tokens.renew(s.set, x, now)
	case !s.tokens.authorize(s.set, x.bearer(), now):
		no = unauthorized()
	case x.Endpoint == endpointMe:
		reply = jsontext.Value(`{"id":1,"name":"corsim","email":"corsim@example.com"}`)
	default:
		reply, no = s.store.write(x, now)
	}
	switch {
	case no == nil:
		return jsonAnswer(http.StatusOK, reply)
	case no.status == http.StatusExpectationFailed:
		return no.inForm("D")
	}
	return no.inForm(s.set["error-form"])
}

// tooMany is the 429 in the configured form.
func (s settings) tooMany(now time.Time) answer {
	f := fault{Status: http.StatusTooManyRequests}
	_, form, _ := strings.Cut(s["throttle"], ",")
	switch form {
	case "":
		f.RetryAfter = jsontext.Value("1")
	case "date":
		f.RetryDate.Duration = time.Second
	case "html":
		f.Body = "html"
	}
	return f.answer(now)
}
