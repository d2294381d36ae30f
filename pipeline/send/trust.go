package send

import (
	"fmt"

	"corattach/pipeline"
)

// firstAnswers is how many answers must not all say that the run is sent with
// credentials that may do nothing, or to an address that is not COR's.
const firstAnswers = 3

// trust is what the answers so far say of the credentials and of the address. The
// zero value has seen none. It is not for use from several goroutines.
type trust struct {
	proven bool // COR has taken the token: more than one attempt may be open
	tokens int  // that COR has refused

	settled bool                 // the first answers are not all of one kind that stops the run
	doubts  []pipeline.FaultKind // the kinds of the first answers
}

// note takes an exchange into account and returns why the run must stop, nil when
// it need not. stale says that the token has been renewed since the attempt left.
func (t *trust) note(e *pipeline.Exchange, stale bool) error {
	switch {
	case e.Is(pipeline.NoToken):
		return credentialsRefused(e.Fault)
	case e.Is(pipeline.Untrusted):
		return stopFor(pipeline.Unavailable, "COR can't be trusted", e.Fault)
	case e.Is(pipeline.TokenDown) && e.Fault.Foreign && !t.settled:
		return stopFor(pipeline.Unavailable, "the URL of --auth-url may be wrong", e.Fault)
	case e.Is(pipeline.Unauthorized) && !stale:
		if t.tokens > 0 && !t.proven {
			return credentialsRefused(e.Fault)
		}
		t.proven = false
		t.tokens++
	case !t.settled && (e.Is(pipeline.Forbidden) || e.Is(pipeline.Refused) && e.Fault.Status == 404 && e.Fault.Foreign):
		t.doubts = append(t.doubts, e.Fault.Kind)
		t.settled = t.doubts[0] != e.Fault.Kind
		switch {
		case t.settled || len(t.doubts) < firstAnswers:
		case e.Is(pipeline.Forbidden):
			return stopFor(pipeline.Credentials, fmt.Sprintf("the first %d answers all say that this is forbidden", firstAnswers), e.Fault)
		default:
			return stopFor(pipeline.Unavailable, fmt.Sprintf(
				"the first %d answers are all a 404 that is not COR's own, so --base-url may be wrong", firstAnswers), e.Fault)
		}
	case e.Answer != nil, e.Is(pipeline.Refused), e.Is(pipeline.Attached):
		t.settled = true
		t.proven = t.proven || !stale
	}
	return nil
}

func credentialsRefused(f *pipeline.Fault) error {
	return stopFor(pipeline.Credentials, "the credentials were refused", f)
}

// stopFor ends the run for what a fault has shown.
func stopFor(kind pipeline.StopKind, why string, f *pipeline.Fault) error {
	return pipeline.Stop{Kind: kind, Reason: why + ": " + f.Error()}
}
