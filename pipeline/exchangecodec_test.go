package pipeline

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What goes into a spool comes out of it.
func TestExchangesSurviveASpool(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.Just("SAP"))
	number := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MaxInt64, math.MinInt64}))
	rapid.Check(t, func(t *rapid.T) {
		e := Exchange{Attempt: Attempt{
			Key: Key{UserID(text.Draw(t, "user")), Source(text.Draw(t, "source")), rapid.Bool().Draw(t, "vanished"), rapid.IntRange(0, 1000).Draw(t, "chunk")},
			Op:  Op(rapid.IntRange(0, 1).Draw(t, "op")), Shares: []Share{{WorkspaceID(text.Draw(t, "workspace")), Percent(rapid.Int64Range(0, 1<<40).Draw(t, "percent"))}, {}},
		}}
		if rapid.Bool().Draw(t, "dated") {
			e.At, e.Ended = time.Unix(0, number.Draw(t, "at")).UTC(), time.Unix(0, number.Draw(t, "ended")).UTC()
		}
		if rapid.Bool().Draw(t, "confirmed") {
			e.Confirmed = []time.Time{time.Unix(0, number.Draw(t, "when")).UTC(), {}}
		}
		if rapid.Bool().Draw(t, "only") {
			e.Only = []WorkspaceID{WorkspaceID(text.Draw(t, "w")), "W"}
		}
		switch rapid.IntRange(0, 2).Draw(t, "outcome") {
		case answerOutcome:
			e.Answer = &Answer{Status: 200, UserID: number.Draw(t, "id"), RequestID: text.Draw(t, "request"), Pivots: []Pivot{{
				Workspace: WorkspaceID(text.Draw(t, "w")), Source: "SAP", Percentage: text.Draw(t, "%"), UserID: number.Draw(t, "u"),
				WorkspaceID: number.Draw(t, "i"), Name: text.Draw(t, "name"), Integration: text.Draw(t, "status"), Problem: text.Draw(t, "problem"),
			}, {}}}
			if rapid.Bool().Draw(t, "errors") {
				e.Answer.Errors = []ItemError{{"W", text.Draw(t, "code"), text.Draw(t, "message"), true}, {}}
			}
		case faultOutcome:
			e.Fault = &Fault{
				FaultKind(rapid.IntRange(0, int(TokenDown)).Draw(t, "kind")), 503, text.Draw(t, "code"), text.Draw(t, "message"),
				time.Duration(number.Draw(t, "after")), text.Draw(t, "request"),
			}
		}
		c := cursor(appendExchange(nil, &e))
		if diff := cmp.Diff(e, c.exchange()); diff != "" || len(c) > 0 {
			t.Fatalf("%d bytes left: %s", len(c), diff)
		}
	})
}
