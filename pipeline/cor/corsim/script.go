package corsim

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Script is a list of faults, read from one JSON document:
//
//	{"faults": [
//	  {"comment": "U1's second and third attempt", "user": "U1", "attempts": [2, 3], "status": 503, "retry_after": 2},
//	  {"comment": "stored, but nobody hears of it", "source": "SAP", "attempts": [1], "cut": "after"},
//	  {"from": 3, "status": 429, "retry_date": "3s", "body": "html"},
//	  {"endpoint": "token", "attempts": [1], "status": 401}
//	]}
//
// The first entry that matches a request acts on it; a request that none matches is answered in earnest. A script never
// changes and is safe for concurrent use.
type Script []fault

// fault is one entry of a script. The zero value does nothing.
type fault struct {
	Comment string `json:"comment"`

	// Which requests it matches; what is absent matches all.
	User     string `json:"user"`     // the exact external user id, or "*"
	Source   string `json:"source"`   // in the request's body
	Endpoint string `json:"endpoint"` // attach, which is the default, detach, token, refresh or me
	Attempts []int  `json:"attempts"` // of the requests that fit all the above, counted by entry and user from 1
	From     int    `json:"from"`     // the same, from this number on; attempts, if set, wins

	// What it does.
	Delay       duration          `json:"delay"`        // between the write and the answer, such as "250ms"
	RevokeToken bool              `json:"revoke_token"` // the request's token is refused from now on, by this request already
	Cut         string            `json:"cut"`          // "before" or "after" the write: the connection closes without an answer
	Truncate    *int              `json:"truncate"`     // so many bytes of the answer come, then the connection closes
	Headers     map[string]string `json:"headers"`      // added to whatever is answered

	// What it answers in place of COR.
	Status     int      `json:"status"`
	Body       string   `json:"body"` // A to E, "html" or "empty"; absent: A with name, code or message, else E from 400 on, else empty
	Name       string   `json:"name"` // absent: CORCustomError, FS003 and the status in words
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	RetryAfter *float64 `json:"retry_after"` // in seconds
	RetryDate  duration `json:"retry_date"`  // Retry-After as an HTTP date that is so far ahead
	Apply      bool     `json:"apply"`       // the request is handled all the same, and its write stored

	// What it changes in COR's 200 to an attach or detach, never in what is stored.
	DropWorkspace     []string                  `json:"drop_workspace"`
	SetPercentage     map[string]jsontext.Value `json:"set_percentage"` // of a workspace: any JSON value, as it stands
	InactiveWorkspace []string                  `json:"inactive_workspace"`
	ExtraWorkspace    map[string]jsontext.Value `json:"extra_workspace"` // with its percentage; "": one made in COR's own pages
	Contradict        string                    `json:"contradict"`      // "user" or "workspace": the pivots name another one
}

// duration is spelled as time.ParseDuration reads it.
type duration struct{ time.Duration }

func (d *duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}

// ReadScript reads a script strictly. Errors name the line or the entry, counted from 0, and its field.
func ReadScript(r io.Reader) (Script, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("fault script: %w", err)
	}
	var document struct {
		Faults Script `json:"faults"`
	}
	if place, err := readStrictly(text, &document, nil); err != nil {
		return nil, fmt.Errorf("fault script: %s: %w", place, err)
	}
	if document.Faults == nil {
		return nil, errors.New(`fault script: the document has no "faults"`)
	}
	for i, f := range document.Faults {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("fault script: faults.%d: %w", i, err)
		}
	}
	return document.Faults, nil
}

// readStrictly reads a JSON document: names exactly as documented, none of them twice, and no others. With an error
// comes its place: the line of what is no JSON, else the member that does not fit, such as workspaces.0.percentage.
func readStrictly(text []byte, into any, o json.Options) (place string, err error) {
	err = json.Unmarshal(text, into, json.RejectUnknownMembers(true), o)
	if syntactic := (*jsontext.SyntacticError)(nil); errors.As(err, &syntactic) {
		return fmt.Sprintf("line %d", 1+bytes.Count(text[:syntactic.ByteOffset], []byte("\n"))), syntactic.Err
	}
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) {
		place = strings.ReplaceAll(strings.TrimPrefix(string(semantic.JSONPointer), "/"), "/", ".")
		return cmp.Or(place, "the document"), cmp.Or(semantic.Err, errors.New("wrong kind of value"))
	}
	return "the document", err
}

// check refuses words and numbers that mean nothing.
func (f *fault) check() error {
	for _, w := range []struct{ field, value, known string }{
		{"endpoint", f.Endpoint, "attach, detach, token, refresh, me"},
		{"cut", f.Cut, "before, after"},
		{"contradict", f.Contradict, "user, workspace"},
		{"body", f.Body, "A, B, C, D, E, html, empty"},
	} {
		if w.value != "" && !slices.Contains(strings.Split(w.known, ", "), w.value) {
			return fmt.Errorf("%s: %q is none of %s", w.field, w.value, w.known)
		}
	}
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not within 200 and 599", f.Status)
	case f.Status == 0 && (f.RetryAfter != nil || f.RetryDate.Duration != 0 || f.Apply || f.Body+f.Name+f.Code+f.Message != ""):
		return errors.New("body, retry_after, retry_date, apply, name, code and message need a status")
	}
	return nil
}

// choose counts an exchange at every entry of the script that concerns it. The first that strikes is its fault.
func (s *Simulator) choose(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.config.Script {
		f := &s.config.Script[i]
		if cmp.Or(f.Endpoint, endpointAttach) != x.Endpoint || f.User != "*" && f.User != "" && f.User != x.User || f.Source != "" && f.Source != x.Source {
			continue
		}
		entryAndUser := fmt.Sprint(i, " ", x.User)
		s.met[entryAndUser]++
		attempt := s.met[entryAndUser]
		strikes := f.Attempts == nil && attempt >= f.From || slices.Contains(f.Attempts, attempt)
		if strikes && x.Fault == nil {
			x.fault, x.Fault = f, &i
		}
	}
	if x.fault.RevokeToken {
		s.expires[x.bearer()] = time.Time{}
	}
}

// answer is what a fault with a status answers in COR's place.
func (f *fault) answer(now time.Time) (ans answer) {
	text := http.StatusText(f.Status)
	no := refusal{f.Status, cmp.Or(f.Name, "CORCustomError"), cmp.Or(f.Code, "FS003"), cmp.Or(f.Message, text)}
	if f.Body+f.Name+f.Code+f.Message == "" {
		no.code = ""
	}
	switch {
	case f.Body == "html": // as a proxy answers
		page := fmt.Sprintf("<html><head><title>%d %s</title></head><body><h1>%d %s</h1></body></html>\n", f.Status, text, f.Status, text)
		ans = answer{f.Status, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, []byte(page)}
	case f.Body == "empty", no.code == "" && f.Status < http.StatusBadRequest:
		ans = answer{status: f.Status, header: make(http.Header)}
	default:
		ans = jsonAnswer(f.Status, no.inForm(cmp.Or(f.Body, "A")))
	}
	if f.RetryAfter != nil {
		ans.header.Set("Retry-After", strconv.FormatFloat(*f.RetryAfter, 'f', -1, 64))
	}
	if f.RetryDate.Duration > 0 { // rounded up to its second
		ans.header.Set("Retry-After", now.Add(f.RetryDate.Duration+time.Second-1).UTC().Format(http.TimeFormat))
	}
	return ans
}
