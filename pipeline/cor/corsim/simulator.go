package corsim

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a Simulator behaves. The zero value is COR as documented: every switch at its default, everybody
// known, no faults, no log. New copies it; it is not safe for concurrent use.
type Config struct {
	Known  *Known           // the users and workspaces that exist; nil means that all do
	Script *Script          // the faults; nil means none
	Log    io.Writer        // receives one JSON line for each request, each in one Write, never two at a time; nil means no log
	Keep   bool             // Requests and Applied remember everything; else they stay empty, and memory grows only with what is attached
	Now    func() time.Time // the clock; nil means time.Now

	chosen settings
}

// Simulator is a simulated COR. All its methods are safe for concurrent use; it starts no goroutines and needs no
// closing. Its start, from which scripts count, is the moment of New.
type Simulator struct {
	config   Config // Script and Now are set
	set      settings
	start    time.Time
	latency  time.Duration
	requests atomic.Int64

	logging  sync.Mutex // guards the log and what follows
	kept     []Record
	logError error

	// mu guards what follows and is never held while waiting, reading or writing.
	mu      sync.Mutex
	store   store
	tokens  tokens
	next    time.Time // when the throttle is full again
	met     map[meeting]int
	applied []Write
}

// New makes a simulator from a copy of c.
func New(c Config) *Simulator {
	if c.Script == nil {
		c.Script = new(Script)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	set := c.settings()
	latency, _ := time.ParseDuration(set["latency"])
	return &Simulator{
		config: c, set: set, start: c.Now(), latency: latency, store: newStore(set, c.Known), met: make(map[meeting]int),
		tokens: tokens{access: make(map[string]time.Time), refresh: make(map[string]bool), revoked: make(map[string]bool)},
	}
}

// exchange is one request on its way to an answer.
type exchange struct {
	number  int64
	at      time.Time
	request *http.Request
	route   route
	body    []byte
	call    call
	fault   *fault
	applied bool
}

// bearer is the token that the request carries, "" for none.
func (x *exchange) bearer() string {
	token, ok := strings.CutPrefix(x.request.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return token
}

// ServeHTTP answers one request. Where a connection is to break it panics with http.ErrAbortHandler, as net/http asks
// of handlers.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{number: s.requests.Add(1), at: s.config.Now(), request: r, route: routeOf(r.Method, r.URL.EscapedPath()), fault: new(fault)}
	ans := s.answer(r.Context(), x)
	s.log(x, &ans)
	ans.send(w)
}

// maxBody bounds what is read of a request.
const maxBody = 16 << 20

// answer brings an exchange to its answer: fault, waits, and what COR itself says. A body over maxBody did not arrive.
func (s *Simulator) answer(ctx context.Context, x *exchange) answer {
	body, err := io.ReadAll(io.LimitReader(x.request.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return answer{end: gone}
	}
	x.body = body
	if x.route.writes() {
		x.call = s.set.decodeCall(x.route.endpoint, x.request.Header.Get("Content-Type"), body)
	}
	s.choose(x)
	if !wait(ctx, s.latency+time.Duration(x.fault.Delay)) {
		return answer{end: gone}
	}
	if x.fault.Cut == "before" {
		return answer{end: cut}
	}
	var ans answer
	if x.fault.Status == 0 || x.fault.Apply {
		ans = s.handle(x, s.config.Now())
	}
	if x.fault.Status != 0 {
		ans = x.fault.answer(s.config.Now())
	}
	if !wait(ctx, time.Duration(x.fault.ReplyDelay)) {
		return answer{end: gone}
	}
	x.fault.spoil(&ans)
	return ans
}

// handle is COR's own answer.
func (s *Simulator) handle(x *exchange, now time.Time) answer {
	switch endpoint := x.route.endpoint; {
	case endpoint == endpointUnknown:
		return s.set.answer(refuse(http.StatusNotFound, "NotFoundError", "", "no such endpoint: %s %s", x.request.Method, x.request.URL.EscapedPath()))
	case endpoint == endpointToken:
		return s.token(x, now)
	case endpoint == endpointRefresh:
		return s.refresh(x, now)
	case x.route.writes() && s.throttled(now):
		return s.set.tooMany(now)
	case !s.authorized(x, now):
		return plainRefusal(http.StatusUnauthorized)
	case endpoint == endpointMe:
		return jsonAnswer(http.StatusOK, meReply{1, s.set["account"], s.set["account"] + "@example.com"})
	}
	reply, no := s.write(x, now)
	if no != nil {
		return s.set.answer(no)
	}
	return jsonAnswer(http.StatusOK, reply)
}

// throttled takes one request at this time, or says that there are too many: n at once, and n per second on average.
func (s *Simulator) throttled(now time.Time) bool {
	n := s.set.number("throttle")
	if n == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	gap := time.Second / time.Duration(n)
	if s.next.Before(now) {
		s.next = now
	}
	if s.next.Sub(now) > time.Duration(n-1)*gap {
		return true
	}
	s.next = s.next.Add(gap)
	return false
}

// tooMany is the 429 in the configured form.
func (s settings) tooMany(now time.Time) answer {
	f := fault{Status: http.StatusTooManyRequests}
	switch s["throttle-form"] {
	case "seconds":
		f.RetryAfter.seconds = s["throttle-after"]
	case "date":
		in := duration(s.number("throttle-after")) * duration(time.Second)
		f.RetryAfter.DateIn = &in
	case "html":
		f.Body = "html"
	}
	return f.answer(now)
}

// write decides and applies an attach or a detach at once.
func (s *Simulator) write(x *exchange, now time.Time) (userReply, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply, changes, no := s.store.write(x.route, x.call, now)
	if no != nil {
		return reply, no
	}
	s.store.edit(&reply, x.fault, x.call.source, now)
	x.applied = len(changes) > 0
	if s.config.Keep {
		for _, change := range changes {
			s.applied = append(s.applied, Write{x.number, now, x.route.endpoint, change})
		}
	}
	return reply, nil
}

// wait returns whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
