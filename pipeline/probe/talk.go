package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
)

// tries is how often a session tries to find something out, or to put something back, that COR's answers leave open.
const tries = 3

// talk is one conversation with COR.
type talk struct {
	Subject
	trace
	ask     Ask
	replies map[string]reply // by the name of the step
	over    bool             // nothing more can be sent
	why     string           // why a question was not asked
	stop    *pipeline.Stop
}

// askAll asks the questions, and puts everything back.
func (t *talk) askAll() {
	for _, q := range t.questions() {
		if !t.try(q.send) {
			return
		}
		if !t.replies["first"].lists(t.Workspaces[0]) {
			t.why = "COR did not attach the first workspace"
			return
		}
	}
	t.why = "the ids of the two workspaces can't show it"
	if t.replies["bare look"].Answer != nil && t.replies["gone again"].refusal != nil {
		t.refuse("--workspace", "user %q had workspace %q, and COR detached it when that was asked for; its percentage is not known: attach it again",
			t.User, t.Workspaces[1])
	}
}

// look finds out what the user has, and reports whether the probe may go on. A detach answers with all that is left, and
// that of a workspace that COR does not know changes nothing. Where COR refuses that one, the second workspace is asked
// with, which the user is not to have; where COR refuses that too, it is attached first: if that takes other workspaces
// away, the findings say so.
func (t *talk) look() bool {
	b := t.Workspaces[1]
	for _, steps := range [][]step{
		{t.detach("look", ghostWorkspace)},
		{t.detach("bare look", b)},
		{t.attach("look on", share(b, 1_0000)), t.detach("look off", b)},
	} {
		if !t.try(steps) {
			return false
		}
		refusal := t.replies[steps[len(steps)-1].name].refusal
		if t.before != nil || refusal == nil {
			break
		}
		if steps[0].name == "bare look" && refusal.Subject != "" {
			return t.refuse("--user", "COR does not know the user or the workspace: %s", t.evidence("bare look"))
		}
	}
	if t.before == nil {
		t.why = "what the user has could not be seen: " + t.evidence("look, bare look, look on, look off")
		return false
	}
	for _, w := range t.Workspaces {
		if p := listed(t.before, w); p != nil {
			return t.refuse("--workspace", "user %q has workspace %q under %s already, with %s %%; nothing was changed",
				t.User, p.Workspace, p.Source, p.Percentage)
		}
	}
	if _, possible := t.restore(); !possible {
		return t.refuse("--user", "user %q has workspaces that could not be attached again if COR took them away (%s); nothing was changed",
			t.User, pivotsText(t.before, t.Source))
	}
	return true
}

// try sends the steps of a question, and all of them again when an answer leaves open what a step did. It puts back what
// they have changed, and reports whether the probe may go on.
func (t *talk) try(steps []step) bool {
	sure := false
	for attempt := 0; attempt < tries && !sure; attempt++ {
		sure = t.take(steps)
		t.putBack()
		left := len(t.attached) + len(t.lost)
		switch {
		case t.over:
			return false
		case t.harmed:
			now := "they were attached again as they were"
			if left > 0 {
				now = "some of them may be gone"
			}
			return t.refuse("--user", "an attach takes away or changes what it does not name, and user %q has other workspaces; %s", t.User, now)
		case left > 0:
			t.why = "what was attached before could not be taken away"
			return false
		}
	}
	return true
}

// take sends steps, up to the first whose reply is not certain, or with which the user loses something. It reports whether
// all replies are certain.
func (t *talk) take(steps []step) (sure bool) {
	for _, s := range steps {
		delete(t.replies, s.name)
	}
	for _, s := range steps {
		if past := t.send(s.Request); len(past) > 0 {
			t.replies[s.name] = replyOf(past)
		}
		if sure = t.replies[s.name].sure(); !sure || t.harmed {
			return sure
		}
	}
	return true
}

// send sends one request, unless the run is over.
func (t *talk) send(r pipeline.Request) pipeline.History {
	if t.over {
		return nil
	}
	r.Chunk = t.chunk
	past, more := t.ask(r)
	t.over = !more
	t.follow(past)
	return past
}

// putBack takes away what the probe has attached, and attaches what the user has lost.
func (t *talk) putBack() {
	for range tries {
		for _, pair := range slices.Clone(t.attached) {
			off := t.detach("", pair.Workspace)
			off.User, off.Source = pair.User, pair.Source
			t.send(off.Request)
		}
		if r, possible := t.restore(); possible && t.lost != nil {
			t.send(r)
		}
	}
}

// restore attaches what the user had. The second result is false when one request can't do that: COR may take away all
// that a request does not name.
func (t *talk) restore() (r pipeline.Request, possible bool) {
	if r = t.attach("").Request; t.before == nil {
		return r, false
	}
	for _, p := range t.before.Pivots {
		percent, plain := pipeline.ParseDecimal(p.Percentage, '.')
		if p.Problem != "" || p.Workspace == "" || p.Source == "" || p.Source != t.before.Pivots[0].Source || !plain {
			return r, false
		}
		r.Source, r.Shares = p.Source, append(r.Shares, share(p.Workspace, percent))
	}
	return r, true
}

// refuse stops the probe because of what the user has. It returns false.
func (t *talk) refuse(flag, format string, args ...any) bool {
	t.stop = &pipeline.Stop{Kind: pipeline.Guarded, Guard: flag, Reason: flag + ": " + fmt.Sprintf(format, args...)}
	t.why = "the probe stopped before it was asked"
	return false
}

// evidence tells the replies of steps, which are named as in a question, as far as they were sent.
func (t *talk) evidence(from string) string {
	var texts []string
	for name := range strings.SplitSeq(from, ", ") {
		if r, sent := t.replies[name]; sent {
			texts = append(texts, r.text(&t.Subject))
		}
	}
	return cmp.Or(strings.Join(texts, "; "), t.why)
}
