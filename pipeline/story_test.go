package pipeline_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// checkStories tells the story of every user by itself and sets it against the
// lines that the whole run gives: the same rows, the same verdicts, to the
// letter. TestSendingTellsTheTruth calls it for its random worlds.
func (w *world) checkStories(want map[pipeline.UserID][]pipeline.Line, journal *memory, found *problems) {
	for user, lines := range want {
		var rows []pipeline.Row
		for _, r := range w.rows {
			if r.User == user {
				rows = append(rows, r)
			}
		}
		var entries []pipeline.Entry
		for e := range journal.exchanges() {
			if e.User == user {
				entries = append(entries, pipeline.Entry{Exchange: e})
			}
		}
		story, err := pipeline.Tell(context.Background(), rows, entries, nil, w.rules, pipeline.Ending{Reason: "stopped"})
		if err != nil {
			found.Errorf("the story of %q: %v", user, err)
			continue
		}
		if diff := cmp.Diff(lines, story.Lines); diff != "" {
			found.Errorf("the story of %q is not what the report says: %s", user, diff)
		}
		told := 0
		for _, r := range story.Requests {
			told += len(r.Past)
		}
		if story.Line.User != user || story.Line.Rows != len(lines) || told != len(entries) {
			found.Errorf("the story of %q: %+v, %d of %d exchanges", user, story.Line, told, len(entries))
		}
	}
}

// Exchanges of another input are an error, not a story with holes.
func TestStoryOfAnotherInput(t *testing.T) {
	row := pipeline.Row{User: "U", Workspace: "W", Source: "SAP", Percent: percent(60), Place: pipeline.Place{Line: 2}}
	request := pipeline.Request{User: "U", Source: "SAP", Shares: []pipeline.Share{{Workspace: "W", Percent: percent(60)}}}
	rules := pipeline.Rules{Files: []string{"a.csv"}, OverAllocation: pipeline.IgnoreOver}
	for name, c := range map[string]struct {
		change func(*pipeline.Attempt)
		fits   bool
	}{
		"its own":        {func(*pipeline.Attempt) {}, true},
		"another source": {func(a *pipeline.Attempt) { a.Source = "OKTA" }, false},
		"another share":  {func(a *pipeline.Attempt) { a.Shares = []pipeline.Share{{Workspace: "other"}} }, false},
	} {
		a := pipeline.Attempt{Key: request.Key(), Shares: request.Shares}
		c.change(&a)
		_, err := pipeline.Tell(context.Background(), []pipeline.Row{row}, []pipeline.Entry{{Exchange: pipeline.Exchange{Attempt: a}}}, nil, rules, pipeline.Ending{})
		if (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStopKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for kind := pipeline.RanToEnd; kind <= pipeline.TooMuchGone; kind++ {
		seen[kind.String()] = true
	}
	if unknown := fmt.Sprint(pipeline.TooMuchGone + 1); len(seen) != 8 || unknown != "stop(8)" || seen["stop(7)"] {
		t.Errorf("names: %v, %s", seen, unknown)
	}
}
