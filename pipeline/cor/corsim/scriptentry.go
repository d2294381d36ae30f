package corsim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// entry is a fault as a script spells it.
type entry struct {
	Comment        string                     `json:"comment"`
	User           string                     `json:"user"`
	Source         string                     `json:"source"`
	Endpoint       string                     `json:"endpoint"`
	Attempts       []int                      `json:"attempts"`
	From           *int                       `json:"from"`
	To             *int                       `json:"to"`
	After          *duration                  `json:"after"`
	Until          *duration                  `json:"until"`
	Delay          *duration                  `json:"delay"`
	ReplyDelay     *duration                  `json:"reply_delay"`
	RevokeToken    bool                       `json:"revoke_token"`
	Cut            string                     `json:"cut"`
	Truncate       *int                       `json:"truncate"`
	Headers        map[string]string          `json:"headers"`
	Status         int                        `json:"status"`
	Body           json.RawMessage            `json:"body"`
	Name           string                     `json:"name"`
	Code           string                     `json:"code"`
	Message        string                     `json:"message"`
	RetryAfter     json.RawMessage            `json:"retry_after"`
	Apply          *bool                      `json:"apply"`
	DropWorkspace  []string                   `json:"drop_workspace"`
	SetPercentage  map[string]json.RawMessage `json:"set_percentage"`
	Contradict     string                     `json:"contradict"`
	ExtraWorkspace map[string]json.RawMessage `json:"extra_workspace"`
}

// duration is a time.Duration spelled "250ms".
type duration time.Duration

func (d *duration) UnmarshalJSON(text []byte) error {
	var spelled string
	if err := json.Unmarshal(text, &spelled); err != nil {
		return fmt.Errorf(`%s is not a duration like "2s"`, text)
	}
	parsed, err := time.ParseDuration(spelled)
	if err != nil || parsed < 0 {
		return fmt.Errorf(`%q is not a duration like "2s"`, spelled)
	}
	*d = duration(parsed)
	return nil
}

func (d *duration) value() time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

func decodeFault(text []byte) (fault, error) {
	var e entry
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return fault{}, decodeError(err)
	}
	for _, check := range []func() error{e.checkMatch, e.checkExclusive, e.checkAnswer, e.checkEdits, e.checkUseful} {
		if err := check(); err != nil {
			return fault{}, err
		}
	}
	return e.fault()
}

// decodeError says in a script's words what encoding/json says in Go's.
func decodeError(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s: a %s cannot be a value of kind %s", kind.Field, kind.Value, kind.Type.Kind())
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func (e *entry) fault() (fault, error) {
	f := fault{
		source: e.Source, endpoint: e.endpoint(), attempts: e.Attempts,
		after: e.After.value(), until: e.Until.value(),
		act: action{
			status: e.Status, header: e.Headers, delay: e.Delay.value(), replyDelay: e.ReplyDelay.value(),
			apply: e.Apply != nil && *e.Apply, cut: e.Cut, drop: e.DropWorkspace, contradict: e.Contradict,
			revoke: e.RevokeToken,
		},
	}
	if e.User != "*" {
		f.user = e.User
	}
	if e.From != nil {
		f.from = *e.From
	}
	if e.To != nil {
		f.to = *e.To
	}
	if e.Truncate != nil {
		f.act.truncate = truncation{on: true, bytes: *e.Truncate}
	}
	f.act.percentages = make(map[string]editedPercentage, len(e.SetPercentage))
	for workspace, raw := range e.SetPercentage {
		f.act.percentages[workspace] = readPercentage(raw)
	}
	for _, workspace := range slices.Sorted(maps.Keys(e.ExtraWorkspace)) {
		percentage := readPercentage(e.ExtraWorkspace[workspace])
		if percentage.number == "" {
			return f, fmt.Errorf("extra_workspace: %s is no number", e.ExtraWorkspace[workspace])
		}
		f.act.extra = append(f.act.extra, item{workspace, percentage.number})
	}
	var err error
	if f.act.retry, err = readRetryAfter(e.RetryAfter); err != nil {
		return f, err
	}
	f.act.body, err = e.body()
	return f, err
}

func (e *entry) endpoint() string {
	if e.Endpoint == "" {
		return endpointAttach
	}
	return e.Endpoint
}

func readPercentage(raw json.RawMessage) editedPercentage {
	text := string(raw)
	var spelled string
	if json.Unmarshal(raw, &spelled) == nil && spelled != "" {
		text = spelled
	}
	var number json.Number
	if text[0] != '"' && json.Unmarshal([]byte(text), &number) == nil && number != "" {
		return editedPercentage{number: text}
	}
	return editedPercentage{raw: raw}
}

func readRetryAfter(raw json.RawMessage) (retryAfter, error) {
	if raw == nil {
		return retryAfter{}, nil
	}
	var seconds uint32
	if json.Unmarshal(raw, &seconds) == nil && string(raw) != "null" {
		return retryAfter{text: strconv.FormatUint(uint64(seconds), 10)}, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		return retryAfter{text: text}, nil
	}
	var date struct {
		In *duration `json:"date_in"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(&date) == nil && date.In != nil {
		return retryAfter{date: true, in: date.In.value()}, nil
	}
	return retryAfter{}, fmt.Errorf(`retry_after: %s is none of seconds, a string, {"date_in": "3s"}`, raw)
}

// body is what an entry with a status answers.
func (e *entry) body() (scriptedBody, error) {
	b := scriptedBody{name: e.Name, code: e.Code, message: e.Message}
	var text string
	switch {
	case e.Body == nil:
		b.kind = e.defaultKind()
	case json.Unmarshal(e.Body, &text) != nil || string(e.Body) == "null":
		b.kind, b.raw, b.contentType = "raw", e.Body, kindJSON
	case len(text) == 1 && "A" <= text && text <= "G", text == "html", text == "empty":
		b.kind = text
	default:
		b.kind, b.raw, b.contentType = "raw", []byte(text), kindText
	}
	named := len(b.kind) == 1
	if !named && b.name+b.code+b.message != "" {
		return b, errors.New("name, code and message go with the bodies A to G alone")
	}
	if b.partial() && e.endpoint() != endpointAttach && e.endpoint() != endpointDetach {
		return b, fmt.Errorf("body %s goes with attach and detach alone", b.kind)
	}
	if named {
		b.complete(e.Status)
	}
	return b, nil
}

func (e *entry) defaultKind() string {
	switch {
	case e.Name+e.Code+e.Message != "":
		return "A"
	case e.Status >= http.StatusBadRequest:
		return "plain"
	}
	return "empty"
}

// complete fills what a named body leaves open.
func (b *scriptedBody) complete(status int) {
	name, code, message := "CORCustomError", "FS003", http.StatusText(status)
	switch {
	case b.partial(), status == http.StatusBadRequest, status == http.StatusNotFound:
		code, message = "ZC001", "external id not associated"
	case b.kind == "D":
		name, code, message = "workspaces", "invalid", "workspaces is not valid"
	}
	b.name, b.code, b.message = cmp.Or(b.name, name), cmp.Or(b.code, code), cmp.Or(b.message, message)
}
