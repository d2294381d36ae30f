package corsim

import (
	"net/http"
	"sync"
	"time"
)

// Server is a simulated COR. It is safe for concurrent use, starts no goroutines and needs no closing. Its start, from
// which scripts count, is the moment of New.
type Server struct {
	set    settings
	known  *Known
	faults []fault
	keep   bool
	now    func() time.Time
	start  time.Time
	log    requestLog

	// mu guards what follows and is never held while waiting, reading or writing.
	mu       sync.Mutex
	book     book
	vault    vault
	meter    meter
	tallies  tallies
	requests int64
	attaches int64
	applied  []Write
	open     map[string]int
	maxOpen  int
}

// New makes a server from a copy of c.
func New(c Config) *Server {
	s := &Server{
		set: c.settings(), known: c.Known, keep: c.Keep, now: c.Now,
		log:   requestLog{out: c.Log, keep: c.Keep},
		vault: newVault(), tallies: make(tallies), open: make(map[string]int),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if c.Script != nil {
		s.faults = c.Script.faults
	}
	s.book = newBook(&s.set)
	s.start = s.now()
	return s
}

// ServeHTTP answers one request. Where a connection is to break it panics with http.ErrAbortHandler, as net/http asks
// of handlers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.receive(r)
	ans := s.answerTo(r.Context(), x)
	s.leave(x)
	s.log.write(x, &ans)
	ans.send(w)
}

// arrive numbers an exchange and opens it.
func (s *Server) arrive(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	x.number = s.requests
	if x.route.writes() {
		s.open[x.route.user]++
		s.maxOpen = max(s.maxOpen, s.open[x.route.user])
	}
}

func (s *Server) leave(x *exchange) {
	if !x.route.writes() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[x.route.user]--
	if s.open[x.route.user] == 0 {
		delete(s.open, x.route.user)
	}
}

// choose settles which fault, if any, strikes an exchange.
func (s *Server) choose(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.fault = s.tallies.pick(s.faults, sighting{x.route.user, x.call.source, x.route.endpoint, x.at.Sub(s.start)})
	if x.route.endpoint == endpointAttach {
		s.attaches++
		x.act = transportFault(&s.set, s.attaches)
	}
	if x.fault >= 0 {
		x.act = s.faults[x.fault].act
	}
	if x.act.revoke {
		s.vault.revoke(bearer(x.authorization))
	}
}
