package cor

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"strconv"
	"strings"
)

// wireError is any of COR's error objects, or one entry of an errors array.
type wireError struct {
	ID          raw `json:"id"`
	Name        raw `json:"name"`
	Code        raw `json:"code"`
	ErrorCode   raw `json:"error_code"`
	Message     raw `json:"message"`
	Error       raw `json:"error"`
	Description raw `json:"error_description"`
	Field       raw `json:"field"`
	Validation  raw `json:"validation"`
	Errors      raw `json:"errors"`
}

// UnmarshalJSON reads an object, also one that wraps another in error; all
// else becomes the message of an object.
func (e *wireError) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		e.Message = raw(data)
		return nil
	}
	type plain wireError
	if err := decode(data, (*plain)(e)); err != nil {
		return err
	}
	if inner := (plain{}); strings.HasPrefix(string(e.Error), "{") && decode([]byte(e.Error), &inner) == nil {
		e.Error = inner.Error
		e.Name, e.Code, e.Message = e.Name.or(inner.Name), e.Code.or(inner.Code), e.Message.or(inner.Message)
	}
	return nil
}

// code returns COR's code for the error: the specific one, a name when there
// is none, the name that says nothing when there is neither, "" when nothing
// serves. A code that only repeats the status is none.
func (e wireError) code(status int) string {
	repeats := strconv.Itoa(status)
	for _, field := range [...]raw{e.ErrorCode, e.Code, e.Name} {
		if text := field.text(); text != "" && text != repeats && text != genericName {
			return text
		}
	}
	for _, word := range strings.FieldsFunc(e.Message.text(), notWordly) {
		if meaning(word) != saysNothing {
			return word
		}
	}
	// As a number, error is a status (kind E); as words, a sentence or one of RFC 9110's.
	if text := e.Error.text(); text != "" && !isDigit(text[0]) && text != http.StatusText(status) && visible(text, -1) {
		return text
	}
	return e.Name.text()
}

// message returns what the error says, on any number of lines, "" when it says
// nothing.
func (e wireError) message() string {
	text := or(e.Message.whole(), e.Description.whole())
	text = or(text, or(e.Error.text(), e.Validation.text()))
	if field := e.Field.text(); field != "" && text != "" {
		return field + ": " + text
	}
	return text
}

// attached says whether the error is that the association exists already. The
// first of its fields to hold one of COR's words decides.
func (e wireError) attached() bool {
	for _, field := range [...]raw{e.ErrorCode, e.Code, e.Name, e.Error, e.Message} {
		attached, other := false, false
		for _, word := range strings.FieldsFunc(field.whole(), notWordly) {
			attached = attached || meaning(word) == saysAttached
			other = other || meaning(word) == saysOther
		}
		if attached || other {
			return attached && !other
		}
	}
	return false
}

// genericName is the name that COR gives most of its errors.
const genericName = "CORCustomError"

type saying uint8

const (
	saysNothing  saying = iota // no word of COR's
	saysAttached               // the association exists
	saysOther                  // another error
)

// meaning returns what one of COR's names and codes says.
func meaning(word string) saying {
	switch word {
	case "AlreadyAttachedError", "ZC004", "UT011":
		return saysAttached
	case "ZC001", "UserNotFoundError", "WorkspaceNotFoundError", "ValidationError", "InvalidSourceError":
		return saysOther
	}
	return saysNothing
}

// said is what a body says of an error.
type said struct {
	wireError             // of an object
	entries   []wireError // of an array, or of the object's errors
	text      string      // what stands for a body that says nothing readable; "" for the JSON of a 2xx, which may be a person's data
}

// readError reads whatever stands in a body.
func readError(r reply) (s said) {
	body := bytes.TrimSpace(r.body)
	page := strings.Contains(strings.ToLower(r.header.Get("Content-Type")), "html")
	switch {
	case len(body) == 0:
		return said{text: or(r.cut, "an empty body")}
	case body[0] == '{' || body[0] == '[':
		if r.status/100 != 2 {
			s.text = string(body)
		}
		if body[0] == '[' {
			_ = decode(body, &s.entries) // what can't be decoded says nothing
		} else if json.Unmarshal(body, &s.wireError) == nil {
			_ = decode([]byte(or(string(s.Errors), "null")), &s.entries)
		}
		return s
	case page || isPage(body):
		if title := title(body); title != "" {
			return said{text: "an HTML page: " + title}
		}
		return said{text: "an HTML page"}
	}
	return said{text: string(body)}
}

// code returns the object's code, else that of the first entry.
func (s said) code(status int) string {
	code := s.wireError.code(status)
	if code == "" && len(s.entries) > 0 {
		return s.entries[0].code(status)
	}
	return code
}

// message returns the object's message, else those of the first entries, else
// what stands for the body.
func (s said) message() string {
	if message := s.wireError.message(); message != "" {
		return message
	}
	var all []string
	for _, entry := range s.entries[:min(len(s.entries), 5)] {
		if message := entry.message(); message != "" {
			all = append(all, message)
		}
	}
	return or(strings.Join(all, "; "), s.text)
}

// attached says whether the object does, or every one of its entries.
func (s said) attached() bool {
	if s.wireError.attached() {
		return true
	}
	for _, entry := range s.entries {
		if !entry.attached() {
			return false
		}
	}
	return len(s.entries) > 0
}

// isPage says whether body, which begins with <, is HTML.
func isPage(body []byte) bool {
	start := lower(body[:min(len(body), 1024)])
	return strings.Contains(start, "<!doctype html") || strings.Contains(start, "<html") || strings.Contains(start, "<head")
}

// title returns the title of an HTML page, "" when it has none.
func title(body []byte) string {
	page := body[:min(len(body), 64<<10)]
	folded := lower(page)
	start := strings.Index(folded, "<title")
	if start < 0 {
		return ""
	}
	open := strings.IndexByte(folded[start:], '>')
	if open < 0 {
		return ""
	}
	start += open + 1
	end := strings.Index(folded[start:], "</title")
	if end < 0 {
		return ""
	}
	return strings.TrimSpace(html.UnescapeString(string(page[start : start+end])))
}

// lower folds ASCII letters only, so that offsets stay.
func lower(text []byte) string {
	folded := bytes.Clone(text)
	for i, b := range folded {
		if 'A' <= b && b <= 'Z' {
			folded[i] = b + 'a' - 'A'
		}
	}
	return string(folded)
}
