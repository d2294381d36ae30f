package pipeline

import (
	"fmt"
	"strings"
)

// Key returns the name of the request within its run.
func (r Request) Key() Key { return Key{r.User, r.Source, r.Vanished, r.Chunk} }

// only returns the request cut down to the named workspaces; nil names all.
func (r Request) only(workspaces []WorkspaceID) Request {
	if workspaces == nil {
		return r
	}
	shares := make([]Share, 0, len(workspaces))
	names := setOf(workspaces)
	for _, s := range r.Shares {
		if names.has(s.Workspace) {
			shares = append(shares, s)
		}
	}
	r.Shares = shares
	return r
}

// leavesOpen reports whether COR may have applied what was sent although it did
// not say so. A 503 does, like every 5xx; a 408 says that COR did not get the
// request, and a 429 that it did not look at it.
func (e *Exchange) leavesOpen() bool {
	if e.Fault == nil {
		return e.Answer == nil && e.Confirmed == nil
	}
	switch e.Fault.Kind {
	case ServerError, Unreadable, NoAnswer:
		return true
	case Throttled:
		return e.Fault.Status/100 == 5
	}
	return false
}

// Sent reports whether the attempt came to a sending at all, with or without a
// connection: without a token there is nothing to send.
func (e *Exchange) Sent() bool {
	return e.Confirmed == nil && !e.is(NoToken) && !e.is(TokenDown)
}

// MayHaveLeft reports whether anything of the attempt may have reached COR.
func (e *Exchange) MayHaveLeft() bool {
	if e.Fault == nil {
		return e.Confirmed == nil
	}
	switch e.Fault.Kind {
	case NotConnected, NoToken, TokenDown:
		return false
	}
	return true
}

// Unchanged reports whether the request is not sent because COR has confirmed it
// before.
func (r *Request) Unchanged() bool { return r.Past.unchanged() }

// unchanged reports whether the request was not sent because COR had confirmed
// it before.
func (h History) unchanged() bool {
	return len(h) > 0 && h[0].Confirmed != nil
}

func (a *Answer) errorTexts() string {
	var texts []string
	for i := range min(len(a.Errors), 3) {
		texts = append(texts, a.Errors[i].text())
	}
	return strings.Join(texts, ", ")
}

func (e *ItemError) text() string {
	return strings.TrimSpace(e.Code + " " + e.Message)
}

// Error tells the fault in one line: status, code and what was said. A Fault is
// a value of one attempt; it is an error only for those who print it.
func (f *Fault) Error() string {
	var parts []string
	if f.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", f.Status))
	}
	if f.Code != "" {
		parts = append(parts, f.Code)
	}
	if f.Message != "" {
		parts = append(parts, f.Message)
	}
	if len(parts) == 0 {
		return f.Kind.String()
	}
	return strings.Join(parts, " ")
}

// String names the kind for logs and the journal.
func (k FaultKind) String() string {
	switch k {
	case Refused:
		return "refused"
	case Attached:
		return "already attached"
	case Unauthorized:
		return "unauthorized"
	case Forbidden:
		return "forbidden"
	case Throttled:
		return "throttled"
	case TimedOut:
		return "timed out"
	case ServerError:
		return "server error"
	case Unreadable:
		return "unreadable answer"
	case NoAnswer:
		return "no answer"
	case NotConnected:
		return "no connection"
	case NoToken:
		return "credentials refused"
	case TokenDown:
		return "token endpoint down"
	}
	return "unclassified"
}
