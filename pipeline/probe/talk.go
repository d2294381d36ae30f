package probe

import (
	"fmt"
	"strings"

	"corattach/pipeline"
)

// talk is one conversation with COR.
type talk struct {
	Subject
	ask Ask

	past    pipeline.History // all that was sent
	replies map[string]reply // by the name of the step
	over    bool             // nothing more can be sent
	why     string           // why a question was not asked
	stop    *pipeline.Stop
}

// run finds out what the user has, asks the questions, and puts everything back.
func (t *talk) run() {
	t.why = "the run ended before it was asked"
	if !t.look() {
		return
	}
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
	if t.replies["bare look"].last.Answer != nil && t.replies["gone again"].refusal != nil {
		t.refuse("--workspace", "user %q had workspace %q, and COR detached it when that was asked for; its percentage is not known: attach it again", t.User, t.Workspaces[1])
	}
}

// look finds out what the user has, and reports whether the probe may go on. A
// detach answers with all that is left, and that of a workspace that COR does not
// know changes nothing. Where COR refuses that one, the second workspace is asked
// with, which the user is not to have; where COR refuses that too, it does no harm to
// attach it first.
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
		if before := follow(t.past, 0).before; before != nil {
			return t.admit(before)
		}
		last := steps[len(steps)-1].name
		switch refusal := t.replies[last].refusal; {
		case refusal == nil:
			t.why = "what the user has could not be seen: " + t.evidence("look", "bare look", "look on", "look off")
			return false
		case last == "bare look" && refusal.Subject != "":
			return t.refuse("--user", "COR does not know the user or the workspace: %s", t.evidence(last))
		}
	}
	t.why = "COR refuses to detach what it has attached: " + t.evidence("look on", "look off")
	return false
}

// admit judges what the user has, and reports whether the probe may go on.
func (t *talk) admit(before *pipeline.Answer) bool {
	for _, w := range t.Workspaces {
		if p := listed(before, w); p != nil {
			return t.refuse("--workspace", "user %q has workspace %q under %s already, with %s %%; nothing was changed", t.User, p.Workspace, p.Source, p.Percentage)
		}
	}
	if _, possible := t.restore(before); !possible && !t.Harmless {
		return t.refuse("--user", "user %q has workspaces that could not be attached again if COR took them away (%s); nothing was changed", t.User, pivotsText(before, t.Source))
	}
	return true
}

// try sends the steps of a question, and all of them again when an answer leaves open
// what a step did. It puts back what they have changed, and reports whether the probe
// may go on.
func (t *talk) try(steps []step) bool {
	for range tries {
		sure := t.take(steps)
		for r, more := t.PutBack(t.past, 0); more && !t.over; r, more = t.PutBack(t.past, 0) {
			t.send(r)
		}
		switch left := len(Left(t.past)); {
		case t.over:
			return false
		case follow(t.past, 0).harmed:
			now := "they were attached again as they were"
			if left > 0 {
				now = "some of them may be gone"
			}
			return t.refuse("--user", "an attach takes away or changes what it does not name, and user %q has other workspaces; %s", t.User, now)
		case left > 0:
			t.why = "what was attached before could not be taken away"
			return false
		case sure:
			return true
		}
	}
	return true
}

// take sends steps and reports whether all replies are certain. It stops at the first
// that is not, and when the user has lost what was there before.
func (t *talk) take(steps []step) (sure bool) {
	for _, s := range steps {
		delete(t.replies, s.name)
	}
	for _, s := range steps {
		if past := t.send(s.Request); len(past) > 0 {
			t.replies[s.name] = replyTo(s.Request, past)
		}
		if !t.replies[s.name].sure() {
			return false
		}
		if follow(t.past, 0).harmed {
			return true
		}
	}
	return true
}

// send sends one request, unless the run is over.
func (t *talk) send(r pipeline.Request) pipeline.History {
	if t.over {
		return nil
	}
	r.Chunk = nextChunk(t.past)
	past, more := t.ask(r)
	t.over = !more
	t.past = append(t.past, past...)
	return past
}

// refuse stops the probe because of what the user has. It returns false.
func (t *talk) refuse(flag, format string, args ...any) bool {
	t.stop = &pipeline.Stop{Kind: pipeline.Guarded, Guard: flag, Reason: flag + ": " + fmt.Sprintf(format, args...)}
	t.why = "the probe stopped before it was asked"
	return false
}

// facts reads the replies to all questions.
func (t *talk) facts() []Found {
	var all []Found
	for _, q := range t.questions() {
		if q.moot {
			continue
		}
		found := Found{Fact: q.fact, Question: q.about, Finding: Unknown, Evidence: t.evidence(q.from...)}
		for _, f := range q.findings {
			if f.seen {
				found.Finding, found.Consequence = f.word, f.so
				break
			}
		}
		all = append(all, found)
	}
	return all
}

// evidence tells the replies of steps, as far as they were sent.
func (t *talk) evidence(names ...string) string {
	var texts []string
	for _, name := range names {
		if r, sent := t.replies[name]; sent {
			texts = append(texts, r.text(&t.Subject))
		}
	}
	if texts == nil {
		return t.why
	}
	return strings.Join(texts, "; ")
}
