package corsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// fault is one entry of a script: whom it strikes, and what it then does.
type fault struct {
	user, source, endpoint string
	attempts               []int
	from, to               int
	after, until           time.Duration
	act                    action
}

// action is what happens to one request. The zero value is nothing.
type action struct {
	status            int
	header            map[string]string
	body              scriptedBody
	retry             retryAfter
	delay, replyDelay time.Duration
	apply             bool
	cut               string
	truncate          truncation
	drop              []string
	percentages       map[string]editedPercentage
	extra             []item
	contradict        string
	revoke            bool
}

const (
	cutBefore = "before"
	cutAfter  = "after"
)

// handled answers whether the request reaches COR at all.
func (a *action) handled() bool {
	return a.cut == cutAfter || a.apply || a.status == 0 && a.cut == ""
}

// truncation says how much of an answer is sent: all of it, so many bytes, or half. The last byte is never sent.
type truncation struct {
	on, half bool
	bytes    int
}

func (t truncation) keep(length int) int {
	if t.half {
		return length / 2
	}
	return max(0, min(t.bytes, length-1))
}

// editedPercentage replaces a percentage in an answer: a number, in the form the switch asks for, or any JSON value.
type editedPercentage struct {
	number string
	raw    json.RawMessage
}

func (p editedPercentage) inReply(s *settings) json.RawMessage {
	if p.number != "" {
		return percentageJSON(s, p.number)
	}
	return p.raw
}

// scriptedBody is a body of one of COR's kinds, filled with name, code and message, or raw bytes.
type scriptedBody struct {
	kind                string
	raw                 []byte
	contentType         string
	name, code, message string
}

// partial answers whether the body shows the user's data beside errors.
func (b *scriptedBody) partial() bool { return b.kind == "F" || b.kind == "G" }

// render is the body as an answer; data is the user object for the partial kinds, failed what they complain about.
func (b *scriptedBody) render(status int, data userReply, failed []string) answer {
	switch b.kind {
	case "raw":
		return answer{status: status, kind: b.contentType, body: b.raw, end: ended}
	case "empty":
		return answer{status: status, end: ended}
	case "html":
		return answer{status: status, kind: kindHTML, body: page(status), end: ended}
	case "F":
		data.reportF(failed, b.code, b.message)
		return jsonAnswer(status, data)
	case "G":
		data.reportG(failed, b.code, b.message)
		return jsonAnswer(status, data)
	case "plain":
		return plainRefusal(status)
	}
	return jsonAnswer(status, refusal{status: status, name: b.name, code: b.code, message: b.message}.inForm(b.kind))
}

// sighting is what a script sees of a request.
type sighting struct {
	user, source, endpoint string
	since                  time.Duration
}

func (f *fault) concerns(s sighting) bool {
	return f.endpoint == s.endpoint &&
		(f.user == "" || f.user == s.user) &&
		(f.source == "" || f.source == s.source) &&
		s.since >= f.after && (f.until == 0 || s.since < f.until)
}

func (f *fault) counted() bool { return f.attempts != nil || f.from != 0 || f.to != 0 }

func (f *fault) strikes(attempt int) bool {
	if f.attempts != nil {
		return slices.Contains(f.attempts, attempt)
	}
	return attempt >= f.from && (f.to == 0 || attempt <= f.to)
}

// tallies counts the requests that each entry concerns, by user. Its owner guards it.
type tallies map[tally]int

type tally struct {
	fault int
	user  string
}

// pick counts a request at every entry that concerns it and answers with the first that strikes, or -1.
func (t tallies) pick(faults []fault, s sighting) int {
	struck := -1
	for i := range faults {
		f := &faults[i]
		if !f.concerns(s) {
			continue
		}
		attempt := 0
		if f.counted() {
			attempt = t[tally{i, s.user}] + 1
			t[tally{i, s.user}] = attempt
		}
		if struck < 0 && (!f.counted() || f.strikes(attempt)) {
			struck = i
		}
	}
	return struck
}

// transportFault is what the transport switch does to the n-th attach request.
func transportFault(s *settings, n int64) action {
	every, burst := int64(s.transportEvery), int64(s.transportBurst)
	if s.transport == "fine" || (n-1)%every < every-burst {
		return action{}
	}
	apply := s.transportApply == "yes"
	switch s.transport {
	case "cut-before":
		return action{cut: cutBefore}
	case "cut-after":
		return action{cut: cutAfter}
	case "truncated":
		return action{truncate: truncation{on: true, half: true}}
	case "slow":
		return action{replyDelay: s.transportDelay}
	case "html":
		return action{status: http.StatusOK, apply: apply, body: scriptedBody{kind: "html"}}
	}
	status, err := strconv.Atoi(s.transport)
	if err != nil {
		return action{}
	}
	return action{status: status, apply: apply, body: scriptedBody{kind: "plain"}}
}
