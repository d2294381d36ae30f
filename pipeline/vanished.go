package pipeline

import (
	"fmt"
	"strings"
	"time"
)

// VanishedResults returns all results, in the order reports list them.
func VanishedResults() []VanishedResult {
	all := make([]VanishedResult, vanishedResults)
	for i := range all {
		all[i] = VanishedResult(i)
	}
	return all
}

// String returns the word that stands for the result in every file; scripts
// depend on these words.
func (r VanishedResult) String() string {
	switch r {
	case Listed:
		return "listed"
	case DetachPlanned:
		return "planned"
	case Detached:
		return "detached"
	case StillAttached:
		return "still_attached"
	case DetachFailed:
		return "failed"
	case DetachUnknown:
		return "unknown"
	case DetachNotSent:
		return "not_sent"
	}
	return fmt.Sprintf("result(%d)", uint8(r))
}

// MarshalText returns String; a value outside the list is an error.
func (r VanishedResult) MarshalText() ([]byte, error) {
	if r >= vanishedResults {
		return nil, fmt.Errorf("no result: %d", uint8(r))
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what String returns; another word is an error and leaves
// r as it was.
func (r *VanishedResult) UnmarshalText(text []byte) error {
	for _, known := range VanishedResults() {
		if known.String() == string(text) {
			*r = known
			return nil
		}
	}
	return fmt.Errorf("no result: %q", text)
}

// Nightly says what a plan makes of what earlier runs know. The zero value makes
// nothing of it: every row is sent, and vanished pairs are listed.
type Nightly struct {
	ChangedOnly    bool      // leave out requests that COR has confirmed whole
	Now            time.Time // when the run was planned
	MaxAge         time.Duration
	DetachVanished bool
}

// confirms reports whether COR has confirmed exactly this share, not before
// MaxAge and not in the future: a clock that was wrong proves nothing.
func (n *Nightly) confirms(share Share, known *KnownPair) bool {
	if known == nil || !known.Confirmed || !share.Percent.Equals(known.Percentage) {
		return false
	}
	age := n.Now.Sub(known.At)
	return age >= 0 && age <= n.MaxAge
}

// recall gives a request that COR has confirmed whole the history that says so.
func (n *Nightly) recall(r *Request, known map[pair]*KnownPair) {
	if !n.ChangedOnly || len(known) == 0 {
		return
	}
	times := make([]time.Time, len(r.Shares))
	for i, share := range r.Shares {
		k := known[pair{r.Source, share.Workspace}]
		if !n.confirms(share, k) {
			return
		}
		times[i] = k.At
	}
	r.Past = History{{Attempt: Attempt{Key: r.Key(), Shares: r.Shares}, Confirmed: times}}
}

// index finds the pairs of a user.
func (k *Known) index() map[pair]*KnownPair {
	if k == nil {
		return nil
	}
	index := make(map[pair]*KnownPair, len(k.Pairs))
	for i := range k.Pairs {
		index[pair{k.Pairs[i].Source, k.Pairs[i].Workspace}] = &k.Pairs[i]
	}
	return index
}

func (r *Reference) add(other Reference) {
	r.JobRows += other.JobRows
	r.JobUsers += other.JobUsers
	r.GoneRows += other.GoneRows
	r.GoneUsers += other.GoneUsers
}

// TooMuchGone says why the guard stops the run, "" when it does not.
func (r *Reference) TooMuchGone(maxDrop Guard) string {
	var parts []string
	for _, g := range []struct {
		what      string
		gone, all int
	}{{"rows", r.GoneRows, r.JobRows}, {"users", r.GoneUsers, r.JobUsers}} {
		if maxDrop.Exceeded(g.gone, g.all) {
			parts = append(parts, fmt.Sprintf("%s that the job had and the input has no more: %d of %d", g.what, g.gone, g.all))
		}
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("%s, more than --max-drop %v", strings.Join(parts, "; "), maxDrop)
}

// vanished compares what is known of a user with its rows, none for a user that
// the input does not name. An invalid row that names its pair counts as well:
// the pair is still in the input. hold says why nothing may be detached for the
// user, "" when nothing stands in the way.
func (n *Nightly) vanished(known *Known, rows []entry, hold string) ([]Vanished, Reference) {
	var all []Vanished
	var count Reference
	if known == nil {
		return nil, count
	}
	listed := make(map[pair]bool, len(rows))
	for _, e := range rows {
		listed[pair{e.source, e.workspace}] = true
	}
	if known.InJob {
		count.JobUsers++
		if len(rows) == 0 {
			count.GoneUsers++
		}
	}
	for i := range known.Pairs {
		k := &known.Pairs[i]
		here := listed[pair{k.Source, k.Workspace}]
		if k.InJob {
			count.JobRows++
			if !here {
				count.GoneRows++
			}
		}
		if k.Ours && k.Attached && !here {
			v := Vanished{User: known.User, Source: k.Source, Workspace: k.Workspace, Percentage: k.Percentage, ConfirmedAt: k.At}
			v.Result, v.Reason = n.fate(k, hold)
			all = append(all, v)
		}
	}
	return all, count
}

// fate decides what is to become of a vanished pair.
func (n *Nightly) fate(k *KnownPair, hold string) (VanishedResult, string) {
	switch {
	case k.OtherJob != "":
		return Listed, fmt.Sprintf("not to be detached: job %q has it too", k.OtherJob)
	case hold != "" && n.DetachVanished:
		return DetachNotSent, hold
	case n.DetachVanished:
		return DetachPlanned, ""
	}
	return Listed, ""
}

// detaches makes the requests that detach the planned ones among the vanished
// pairs of one user, by source in order of appearance, cut into chunks.
func (r Rules) detaches(vanished []Vanished) []Request {
	var requests []Request
	at := make(map[Source]int)
	for i := range vanished {
		v := &vanished[i]
		if v.Result != DetachPlanned {
			continue
		}
		n, found := at[v.Source]
		if !found {
			n = len(requests)
			at[v.Source] = n
			requests = append(requests, Request{User: v.User, Source: v.Source, Vanished: true})
		}
		requests[n].Shares = append(requests[n].Shares, Share{Workspace: v.Workspace})
	}
	return r.chunks(requests)
}

// settle gives the planned ones among the vanished pairs of one user what came
// of their requests; why stands for those without one.
func (r Rules) settle(vanished []Vanished, histories map[Key]History, why unsent, dry bool) {
	results := make(map[pair]removal)
	requests := r.detaches(vanished)
	var chunk unsent
	for i := range requests {
		request := &requests[i]
		request.Past = histories[request.Key()]
		if request.Chunk == 0 {
			chunk = why
		} else if previous := &requests[i-1]; !chunk.forGood && len(previous.Past) > 0 && !previous.Past.accepted() {
			chunk = unsent{fmt.Sprintf("chunk %d of the request was not accepted", request.Chunk), previous.settled()}
		}
		if len(request.Past) == 0 && dry {
			continue
		}
		for i, removal := range request.Past.removals(request.Source, request.Shares, chunk.reason) {
			removal.open = removal.open && !(chunk.forGood && removal.result == DetachNotSent)
			results[pair{request.Source, request.Shares[i].Workspace}] = removal
		}
	}
	for i := range vanished {
		v := &vanished[i]
		if is, found := results[pair{v.Source, v.Workspace}]; found {
			v.Result, v.Reason, v.Resumable = is.result, is.reason, is.open
		}
	}
}

// removal is what came of detaching a vanished pair.
type removal struct {
	result VanishedResult
	reason string
	open   bool // another session would try again
}

// removals says what came of detaching workspaces, in their order; unsent says
// why nothing left, where nothing did.
func (h History) removals(source Source, shares []Share, unsent string) []removal {
	views := h.views()
	all := make([]removal, len(shares))
	for i, s := range shares {
		all[i] = removalOf(source, s.Workspace, views, unsent)
	}
	return all
}

func removalOf(source Source, w WorkspaceID, views []exchangeView, unsent string) removal {
	var said *answerView // COR's last word
	var open, refused, lost *Exchange
	for i := range views {
		e := &views[i]
		switch {
		case !e.only.has(w):
		case e.Answer != nil:
			said, open = &e.answer, nil
		case !e.MayHaveLeft():
			lost = e.Exchange
		case e.leavesOpen():
			open = e.Exchange
		default:
			refused = e.Exchange
		}
	}
	switch {
	case open != nil:
		ev := evidence{open: open, refusal: refused}
		return removal{DetachUnknown, ev.openReason(), true}
	case said != nil:
		return said.removal(source, w)
	case refused != nil:
		return removal{DetachFailed, "COR refused: " + refused.Fault.Error(), refused.refusedForNow()}
	case lost != nil:
		return removal{DetachNotSent, lost.Fault.Error(), true}
	}
	return removal{DetachNotSent, unsent, true}
}

// removal reads from the answer to a detach what became of a workspace: COR
// answers with all that remain.
func (a *answerView) removal(source Source, w WorkspaceID) removal {
	reason := ""
	if item := a.errorOf(w); item != nil {
		reason = item.text()
	}
	switch pivot, _ := a.find(source, w); {
	case pivot != nil:
		return removal{StillAttached, strings.TrimSuffix("COR accepted the request and still returns it: "+reason, ": "), false}
	case a.Strange() != nil:
		return removal{DetachUnknown, a.strangeText(), true}
	case reason != "":
		return removal{DetachFailed, "COR accepted the request, but not this workspace: " + reason, false}
	case len(a.Errors) > 0:
		return removal{DetachUnknown, "COR accepted the request with errors: " + a.errorTexts(), true}
	}
	return removal{result: Detached}
}

// nextRemoval decides what a request does next that detaches vanished pairs:
// the same as Next, without repairs.
func nextRemoval(r Request, h, recent History, policy Policy) Step {
	if len(recent) == 0 {
		var open []WorkspaceID
		for i, removal := range h.removals(r.Source, r.Shares, "") {
			if removal.open {
				open = append(open, r.Shares[i].Workspace)
			}
		}
		return r.send(Detach, open)
	}
	last := &recent[len(recent)-1]
	again := Step{Do: Send, Op: Detach, Only: last.Only}
	switch {
	case last.Answer != nil, last.refuses():
		return Step{Do: Done}
	case last.Fault == nil:
		return again
	}
	return tryAgain(recent, again, policy)
}
