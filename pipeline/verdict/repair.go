package verdict

import (
	"slices"

	"corattach/pipeline"
)

// Repaired reports whether there is no second repair of a request: COR has
// answered or refused a detach. A detach that nobody knows the end of was perhaps
// not done, when the old percentage comes back after it; it is tried once more.
func Repaired(h pipeline.History) bool {
	open, tries := false, 0
	for i := range h {
		switch e := &h[i]; {
		case e.Op == pipeline.Attach && open && e.Answer != nil:
			open = false
			tries++
		case e.Op == pipeline.Attach:
		case e.Answer != nil, Refuses(e), AcceptedUnread(e):
			return true
		case e.MayHaveLeft():
			open = true
		}
	}
	return tries > 1
}

// Refuses reports whether COR said no for good to what was asked.
func Refuses(e *pipeline.Exchange) bool {
	return e.Is(pipeline.Refused) || e.Is(pipeline.Attached) || e.Is(pipeline.Forbidden)
}

// RefusedForNow reports whether COR refused an exchange for a reason that passes:
// 401, 403 or 429.
func RefusedForNow(e *pipeline.Exchange) bool {
	return e.Is(pipeline.Unauthorized) || e.Is(pipeline.Forbidden) || e.Is(pipeline.Throttled) && !e.LeavesOpen()
}

// AcceptedUnread reports whether an exchange brought a 2xx that can't be read.
func AcceptedUnread(e *pipeline.Exchange) bool {
	return e.Is(pipeline.Unreadable) && e.Fault.Status/100 == 2
}

// Futile reports whether the repair of a request that is Repaired has changed
// nothing: COR returns, for each workspace that still differs, the same other
// percentage as before.
func Futile(r *pipeline.Request, tolerance pipeline.Percent) bool {
	first := slices.IndexFunc(r.Past, func(e pipeline.Exchange) bool { return e.Op == pipeline.Detach })
	before := *r
	before.Past = r.Past[:first]
	then, same := Of(&before, tolerance), false
	for i, now := range Of(r, tolerance) {
		if now.Status != pipeline.Mismatched {
			continue
		}
		if then[i].Pivot == nil || !pipeline.SameNumber(then[i].Pivot.Percentage, now.Pivot.Percentage) {
			return false
		}
		same = true
	}
	return same
}
