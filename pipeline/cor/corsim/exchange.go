package corsim

import (
	"context"
	"io"
	"net/http"
	"time"
)

// maxBody bounds what is read of a request.
const maxBody = 16 << 20

// exchange is one request on its way to an answer.
type exchange struct {
	number        int64
	at            time.Time
	method, path  string
	query         string
	authorization string
	contentType   string
	route         route
	body          []byte
	tooLong       bool
	unread        bool
	call          call
	fault         int
	act           action
	applied       bool
}

// receive reads a request.
func (s *Server) receive(r *http.Request) *exchange {
	x := &exchange{
		at: s.now(), method: r.Method, path: r.URL.EscapedPath(), query: r.URL.RawQuery,
		authorization: r.Header.Get("Authorization"), contentType: r.Header.Get("Content-Type"), fault: -1,
	}
	x.route = routeOf(x.path)
	s.arrive(x)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	x.body, x.unread, x.tooLong = body, err != nil, len(body) > maxBody
	if x.route.writes() && !x.unread && !x.tooLong {
		x.call = decodeCall(x.route.endpoint, x.contentType, body)
	}
	return x
}

// answerTo brings an exchange to its answer: fault, waits, and what COR itself says.
func (s *Server) answerTo(ctx context.Context, x *exchange) answer {
	if x.unread {
		return answer{end: gone}
	}
	s.choose(x)
	a := &x.act
	if !wait(ctx, s.set.latency+a.delay) {
		return answer{end: gone}
	}
	if a.cut == cutBefore {
		return answer{end: cut}
	}
	var ans answer
	if a.handled() {
		ans = s.handle(x)
	}
	if a.status != 0 {
		ans = s.scripted(x)
	}
	if !wait(ctx, a.replyDelay) {
		return answer{end: gone}
	}
	for name, value := range a.header {
		ans.setHeader(name, value)
	}
	switch {
	case a.cut == cutAfter:
		return answer{end: cut}
	case a.truncate.on:
		ans.end, ans.keep = truncated, a.truncate.keep(len(ans.body))
	}
	return ans
}

// scripted is the answer an action gives in COR's place.
func (s *Server) scripted(x *exchange) answer {
	a := &x.act
	var data userReply
	var failed []string
	if a.body.partial() {
		s.mu.Lock()
		v := s.book.look(x.route.user)
		s.mu.Unlock()
		data = compose(&s.set, x.route.user, v)
		for _, it := range x.call.items {
			failed = append(failed, it.workspace)
		}
	}
	ans := a.body.render(a.status, data, failed)
	a.retry.set(&ans, s.now())
	return ans
}

// handle is COR's own answer.
func (s *Server) handle(x *exchange) answer {
	switch {
	case x.route.endpoint == endpointUnknown:
		return noSuchEndpoint(x.method, x.path).answer(&s.set)
	case x.method != x.route.method:
		ans := wrongMethod(x.method, x.route.method).answer(&s.set)
		ans.setHeader("Allow", x.route.method)
		return ans
	case x.tooLong:
		return plainRefusal(http.StatusRequestEntityTooLarge)
	}
	switch x.route.endpoint {
	case endpointToken:
		return s.token(x)
	case endpointRefresh:
		return s.refresh(x)
	case endpointMe:
		return s.me(x)
	}
	return s.write(x)
}

func (s *Server) token(x *exchange) answer {
	if no, ok := x.grant(&s.set); !ok {
		return no
	}
	now := s.now()
	s.mu.Lock()
	reply := s.vault.issue(&s.set, now)
	s.mu.Unlock()
	return jsonAnswer(http.StatusOK, reply)
}

func (s *Server) refresh(x *exchange) answer {
	old, no, ok := x.refreshTokenOf(&s.set)
	if !ok {
		return no
	}
	now := s.now()
	s.mu.Lock()
	reply, ok := s.vault.rotate(&s.set, old, now)
	s.mu.Unlock()
	if !ok {
		return plainRefusal(http.StatusUnauthorized)
	}
	return jsonAnswer(http.StatusOK, reply)
}

func (s *Server) me(x *exchange) answer {
	now := s.now()
	s.mu.Lock()
	ok := s.vault.admit(&s.set, bearer(x.authorization), now)
	s.mu.Unlock()
	if !ok {
		return plainRefusal(http.StatusUnauthorized)
	}
	return jsonAnswer(http.StatusOK, struct {
		ID    int    `json:"id"`
		Name  string `json:"name"`
		Email string `json:"email"`
	}{1, s.set.account, s.set.account + "@example.com"})
}

// write is an attach or a detach: throttled, authorized, decided and applied under one lock, composed outside it.
func (s *Server) write(x *exchange) answer {
	now := s.now()
	s.mu.Lock()
	if !s.meter.admit(now, s.set.throttle) {
		s.mu.Unlock()
		return tooMany(&s.set, now)
	}
	if !s.vault.admit(&s.set, bearer(x.authorization), now) {
		s.mu.Unlock()
		return plainRefusal(http.StatusUnauthorized)
	}
	v, no := s.apply(x, now)
	extra := s.extraPairs(x, now)
	s.mu.Unlock()
	if no != nil {
		return no.answer(&s.set)
	}
	reply := compose(&s.set, x.route.user, v)
	reply.edit(&s.set, &x.act, extra)
	return jsonAnswer(http.StatusOK, reply)
}

// apply needs the lock.
func (s *Server) apply(x *exchange, now time.Time) (view, *refusal) {
	c := clerk{set: &s.set, known: s.known, book: &s.book}
	operation := c.attach
	if x.route.endpoint == endpointDetach {
		operation = c.detach
	}
	v, changes, no := operation(x.route.user, x.call, now)
	x.applied = len(changes) > 0
	if s.keep {
		for _, change := range changes {
			s.applied = append(s.applied, Write{x.number, now, x.route.endpoint, change})
		}
	}
	return v, no
}

// extraPairs needs the lock, as a workspace an answer adds gets its internal id here.
func (s *Server) extraPairs(x *exchange, now time.Time) []pair {
	var pairs []pair
	for _, it := range x.act.extra {
		pairs = append(pairs, pair{s.book.space(mapping{x.call.source, it.workspace}, now), it.percentage})
	}
	return pairs
}

// wait answers whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
