package pipeline

import (
	"cmp"
	"fmt"
	"strings"
)

// Is reports whether the exchange met a fault of this kind.
func (e *Exchange) Is(kind FaultKind) bool {
	return e.Fault != nil && e.Fault.Kind == kind
}

// Sent reports whether the attempt came to a sending at all, with or without a
// connection: without a token there is nothing to send.
func (e *Exchange) Sent() bool {
	return !e.Is(NoToken) && !e.Is(TokenDown) && !e.Is(Withheld)
}

// MayHaveLeft reports whether anything of the attempt may have reached COR.
func (e *Exchange) MayHaveLeft() bool {
	return e.Sent() && !e.Is(NotConnected) && !e.Is(Untrusted)
}

// LeavesOpen reports whether COR may have applied what was sent although it did
// not say so. A 503 does, like every 5xx; a 408 says that COR did not get the
// request, and a 429 that it did not look at it.
func (e *Exchange) LeavesOpen() bool {
	if e.Fault == nil {
		return e.Answer == nil
	}
	return e.Is(ServerError) || e.Is(Unreadable) || e.Is(NoAnswer) || e.Is(Throttled) && e.Fault.Status/100 == 5
}

// Strange returns the first pivot of another user, nil when there is none: what
// is not in an answer with one may still be attached.
func (a *Answer) Strange() *Pivot {
	for i := range a.Pivots {
		if p := &a.Pivots[i]; p.UserID != 0 && p.UserID != a.UserID {
			return p
		}
	}
	return nil
}

// Text returns code and message in one line.
func (e *ItemError) Text() string {
	return strings.TrimSpace(e.Code + " " + e.Message)
}

// Error tells the fault in one line: status, code and what was said. A Fault is
// a value of one attempt; it is an error only for those who print it.
func (f *Fault) Error() string {
	text := f.Code + " " + f.Message
	if f.Status != 0 {
		text = fmt.Sprintf("HTTP %d %s", f.Status, strings.TrimSpace(text))
	}
	return cmp.Or(strings.TrimSpace(text), strings.ReplaceAll(string(f.Kind), "_", " "))
}
