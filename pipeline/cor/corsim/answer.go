package corsim

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// How an exchange ended, in the words of the log.
const (
	answered = "answered"
	cut      = "cut"
	cutShort = "truncated"
	gone     = "gone" // the client hung up first
)

// answer is a reply before it is written. Nothing of it is sent after a cut, or when the client is gone.
type answer struct {
	status int
	header http.Header
	body   []byte
	end    string
}

func newAnswer(status int, contentType string, body []byte) answer {
	return answer{status, http.Header{"Content-Type": {contentType}}, body, answered}
}

// jsonAnswer answers with JSON. Bytes of an id that are no UTF-8 become U+FFFD.
func jsonAnswer(status int, value any) answer {
	body, _ := json.Marshal(value, jsontext.AllowInvalidUTF8(true)) // what it is given has no errors
	return newAnswer(status, "application/json; charset=utf-8", body)
}

// refusal is an error answer before it takes one of COR's forms. In form D name is the field and code the validation.
type refusal struct {
	status              int
	name, code, message string
}

// refuse makes a refusal; without a code the name stands for it.
func refuse(status int, name, code, format string, args ...any) *refusal {
	return &refusal{status, name, cmp.Or(code, name), fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "ValidationError", "", format, args...)
}

// unauthorized has no code, and is in form E always.
func unauthorized() *refusal { return refuse(http.StatusUnauthorized, "", "", "Unauthorized") }

// unknown refuses an id that COR does not know; what is user or workspace.
func (s settings) unknown(what, name, id string) *refusal {
	if s.number("unknown-"+what) == http.StatusNotFound {
		return refuse(http.StatusNotFound, name, "", "%s %q not found", what, id)
	}
	return refuse(http.StatusBadRequest, "CORCustomError", "ZC001", "external id not associated: %s %q", what, id)
}

// errorBody is an error body of COR's, or an entry of one. Each form has some of the fields.
type errorBody struct {
	Status     any    `json:"status,omitempty"`
	Error      int    `json:"error,omitzero"`
	Name       string `json:"name,omitzero"`
	Code       string `json:"code,omitzero"`
	Field      string `json:"field,omitzero"`
	Validation string `json:"validation,omitzero"`
	ID         string `json:"id,omitzero"`
	ErrorCode  string `json:"error_code,omitzero"`
	Message    string `json:"message"`
}

// inForm is the refusal in one of the forms A to E; in E if it has no code.
func (r *refusal) inForm(form string) answer {
	body := errorBody{Status: r.status, Name: r.name, Code: r.code, Message: r.message}
	switch {
	case form == "E", r.code == "":
		body = errorBody{Error: r.status, Message: strings.TrimPrefix(r.code+": "+r.message, ": ")}
	case form == "B":
		body.Status = nil
	case form == "C":
		body.Status, body.Name = "ERROR", ""
	case form == "D":
		return jsonAnswer(r.status, []errorBody{{Field: r.name, Validation: r.code, Message: r.message}})
	}
	return jsonAnswer(r.status, body)
}
