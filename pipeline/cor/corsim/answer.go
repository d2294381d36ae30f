package corsim

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strconv"

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

// answer is a whole reply before it is written. After a cut, or when the client is gone, nothing of it is sent; of one
// that is cut short the first keep bytes are.
type answer struct {
	status int
	header http.Header
	body   []byte
	end    string
	keep   int
}

// newAnswer makes a whole answer; kind is its Content-Type, "" for none.
func newAnswer(status int, kind string, body []byte) answer {
	a := answer{status: status, header: make(http.Header), body: body, end: answered}
	if kind != "" {
		a.header.Set("Content-Type", kind)
	}
	return a
}

// jsonAnswer answers with JSON. Bytes of an id that are no UTF-8 become U+FFFD.
func jsonAnswer(status int, value any) answer {
	body, err := json.Marshal(value, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err)
	}
	return newAnswer(status, "application/json; charset=utf-8", body)
}

// pageAnswer is what a proxy answers with.
func pageAnswer(status int) answer {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	page := "<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n"
	return newAnswer(status, "text/html; charset=utf-8", []byte(page))
}

// send writes the answer. Where the connection has to break it panics with http.ErrAbortHandler, which net/http and
// Transport turn into exactly that.
func (a *answer) send(w http.ResponseWriter) {
	if a.end == cut || a.end == gone {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), a.header)
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if a.end == answered {
		_, _ = w.Write(a.body)
		return
	}
	_, _ = w.Write(a.body[:a.keep])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// refusal is an error answer before it takes one of COR's forms. In form D name is the field and code the validation.
type refusal struct {
	status              int
	name, code, message string
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

// refuse makes a refusal; without a code the name stands for it.
func refuse(status int, name, code, format string, args ...any) *refusal {
	return &refusal{status, name, cmp.Or(code, name), fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "ValidationError", "", format, args...)
}

// malformed refuses a request for what is wrong with a field.
func (s settings) malformed(wrong refusal) *refusal {
	wrong.status = s.number("validation")
	if wrong.status != http.StatusExpectationFailed {
		wrong.name, wrong.code = "ValidationError", "ValidationError"
	}
	return &wrong
}

// unknown refuses an id that COR does not know; what is user or workspace.
func (s settings) unknown(what, name, id string) *refusal {
	if s["unknown-"+what] == "404" {
		return refuse(http.StatusNotFound, name, "", "%s %q not found", what, id)
	}
	return refuse(http.StatusBadRequest, "CORCustomError", "ZC001", "external id not associated: %s %q", what, id)
}

// answer is a refusal as the switches want it.
func (s settings) answer(no *refusal) answer {
	if no.status == http.StatusExpectationFailed {
		return no.inForm("D")
	}
	return no.inForm(s["error-form"])
}

// inForm is the refusal in one of the forms A to E.
func (r *refusal) inForm(form string) answer {
	switch form {
	case "D":
		return jsonAnswer(r.status, []errorBody{{Field: r.name, Validation: r.code, Message: r.message}})
	case "B":
		return jsonAnswer(r.status, errorBody{Name: r.name, Code: r.code, Message: r.message})
	case "C":
		return jsonAnswer(r.status, errorBody{Status: "ERROR", Code: r.code, Message: r.message})
	case "E":
		return jsonAnswer(r.status, errorBody{Error: r.status, Message: r.code + ": " + r.message})
	}
	return jsonAnswer(r.status, errorBody{Status: r.status, Name: r.name, Code: r.code, Message: r.message})
}

// plainRefusal is form E with the status's own words, as COR answers 401.
func plainRefusal(status int) answer {
	return jsonAnswer(status, errorBody{Error: status, Message: http.StatusText(status)})
}
