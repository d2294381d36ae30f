package send

import (
	"testing"

	"corattach/pipeline"
)

func TestTrust(t *testing.T) {
	events := map[rune]*pipeline.Fault{
		'.': nil, // a user object
		'r': fails(pipeline.Refused, 400, 0), 'R': foreign(pipeline.Refused, 400), 'a': fails(pipeline.Attached, 400, 0),
		'4': fails(pipeline.Refused, 404, 0), 'F': foreign(pipeline.Refused, 404),
		'3': fails(pipeline.Forbidden, 403, 0), '1': fails(pipeline.Unauthorized, 401, 0),
		't': fails(pipeline.Throttled, 429, 0), '5': fails(pipeline.ServerError, 500, 0), 'n': fails(pipeline.NoAnswer, 0, 0),
		'k': fails(pipeline.NoToken, 401, 0), 'c': {Kind: pipeline.Untrusted, Message: "x509: expired"},
	}
	const (
		dead    = "the credentials were refused: HTTP 401"
		closed  = "the first 3 answers all say that this is forbidden: HTTP 403"
		astray  = "the first 3 answers are all a 404 that is not COR's own, so --base-url may be wrong: HTTP 404"
		expired = "COR can't be trusted: x509: expired"
	)
	for _, c := range []struct {
		events string // each of them made with the token that the one before has left
		proven bool
		kind   pipeline.StopKind // at the last event, and nowhere before
		reason string
	}{
		{"", false, "", ""}, {".", true, "", ""}, {"r", true, "", ""}, {"a", true, "", ""}, {"4", true, "", ""},
		{"t", false, "", ""}, {"5", false, "", ""}, {"n", false, "", ""}, {"3", false, "", ""}, {"F", false, "", ""},
		{"1", false, "", ""}, {".1", false, "", ""}, {"1.", true, "", ""}, {"1.1.", true, "", ""}, {".1r1", false, "", ""},
		{"11", false, pipeline.Credentials, dead}, {"1t1", false, pipeline.Credentials, dead}, {".1n1", false, pipeline.Credentials, dead},
		{"k", false, pipeline.Credentials, dead}, {"..k", true, pipeline.Credentials, dead}, {"1k", false, pipeline.Credentials, dead},
		{"c", false, pipeline.Unavailable, expired}, {".c", true, pipeline.Unavailable, expired},
		{"333", false, pipeline.Credentials, closed}, {"3t35n3", false, pipeline.Credentials, closed}, {"33.333", true, "", ""}, {"33r3333", true, "", ""},
		{"FFF", false, pipeline.Unavailable, astray}, {"F5FtF", false, pipeline.Unavailable, astray}, {"FF4FFF", true, "", ""}, {"FFRFF", true, "", ""},
		{".FFFF", true, "", ""}, {"F3F3F", true, "", ""}, {"33F333", false, "", ""}, {"444", true, "", ""},
	} {
		var trust trust
		for i, event := range c.events {
			e := pipeline.Exchange{Fault: events[event]}
			if e.Fault == nil {
				e.Answer = &pipeline.Answer{}
			}
			err := trust.note(&e, false)
			stop, _ := err.(pipeline.Stop)
			if last := i == len(c.events)-1; !last && err != nil || last && (stop.Kind != c.kind || stop.Reason != c.reason) {
				t.Errorf("%s: at %d %q (%v)", c.events, i, stop.Kind, err)
			}
		}
		if trust.proven != c.proven {
			t.Errorf("%s: proven %v", c.events, trust.proven)
		}
	}
}

// What left with a token that has been renewed since proves nothing and refuses
// nothing.
func TestTrustOfAnOldToken(t *testing.T) {
	var trust trust
	note := func(f *pipeline.Fault, stale bool) error {
		e := pipeline.Exchange{Fault: f}
		if f == nil {
			e.Answer = &pipeline.Answer{}
		}
		return trust.note(&e, stale)
	}
	denied := fails(pipeline.Unauthorized, 401, 0)
	for _, err := range []error{note(nil, false), note(denied, false), note(denied, true), note(nil, true)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if trust.proven {
		t.Error("an answer to the old token has proven the new one")
	}
	if note(denied, false) == nil {
		t.Error("the renewed token was refused, and the run goes on")
	}
}
