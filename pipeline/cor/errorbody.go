package cor

import (
	"bytes"
	"cmp"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// wireError is any of COR's error objects, or one entry of an errors array.
type wireError struct {
	ID          raw              `json:"id"`
	Email       raw              `json:"email"`
	Status      raw              `json:"status"`
	Name        raw              `json:"name"`
	Code        raw              `json:"code"`
	ErrorCode   raw              `json:"error_code"`
	Message     raw              `json:"message"`
	Error       raw              `json:"error"`
	Description raw              `json:"error_description"`
	Field       raw              `json:"field"`
	Validation  raw              `json:"validation"`
	Errors      array[wireError] `json:"errors"`
}

// UnmarshalJSONFrom reads an object, also one that wraps another in error; all
// else becomes the message of an object.
func (e *wireError) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '{' {
		return e.Message.UnmarshalJSONFrom(in)
	}
	type plain wireError
	if err := json.UnmarshalDecode(in, (*plain)(e)); err != nil {
		return err
	}
	if inner := (plain{}); strings.HasPrefix(string(e.Error), "{") && leniently([]byte(e.Error), &inner) == nil {
		e.Error = inner.Error
		e.Name, e.Code, e.Message = cmp.Or(inner.Name, e.Name), cmp.Or(inner.Code, e.Code), cmp.Or(inner.Message, e.Message)
	}
	return nil
}

// code returns COR's code for the error: the specific one, a name when there is
// none, else that of its entries, "" when nothing serves. A code is one word; an HTTP status is none. A
// name that does not end as those of errors do may be a person's.
func (e wireError) code() string {
	const generic = "CORCustomError" // the name of most of COR's errors
	name := e.Name.text()
	if !strings.HasSuffix(name, "Error") && !strings.HasSuffix(name, "Exception") {
		name = ""
	}
	for _, text := range [...]string{e.ErrorCode.text(), e.Code.text(), name} {
		isStatus := len(text) == 3 && areDigits(text)
		if text != "" && text != generic && visible(text, -1) && !isStatus {
			return text
		}
	}
	for _, word := range words(e.Message) {
		if meaningOf(word) != saysNothing {
			return word
		}
	}
	// OAuth's codes are the only errors in words that are no sentence (RFC 6749, section 5.2).
	if text := e.Error.text(); text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == "" {
		return text
	}
	if name == "" && len(e.Errors) > 0 {
		return e.Errors[0].code()
	}
	return name
}

// message returns what the error says, else what its first entries say, on any
// number of lines, "" when it says nothing.
func (e wireError) message() string {
	text := cmp.Or(e.Message.sentence(), e.Description.sentence(), e.Error.text(), e.Validation.text(),
		joinTexts(e.Errors[:min(len(e.Errors), 5)], wireError.message))
	if field := e.Field.text(); field != "" && text != "" {
		return field + ": " + text
	}
	return text
}

// sentence returns text, or that of an array's members. What an object says is
// not known to be a message.
func (r raw) sentence() string {
	var members array[raw]
	_ = leniently([]byte(r), &members) // what is no array has no members
	return joinTexts(append(members, r), raw.text)
}

// joinTexts returns the texts of all, without blank ones.
func joinTexts[T any](all []T, text func(T) string) string {
	var texts []string
	for _, one := range all {
		if t := text(one); t != "" {
			texts = append(texts, t)
		}
	}
	return strings.Join(texts, "; ")
}

type saying uint8

const (
	saysNothing          saying = iota // no word of COR's
	saysAttached                       // the association exists
	saysUnassociated                   // an external id is not associated
	saysUnknownUser                    // there is no such user
	saysUnknownWorkspace               // there is no such workspace
	saysOther                          // another error
)

// meaningOf returns what one of COR's names and codes says.
func meaningOf(word string) saying {
	switch word {
	case "AlreadyAttachedError", "ZC004", "UT011":
		return saysAttached
	case "ZC001":
		return saysUnassociated
	case "UserNotFoundError":
		return saysUnknownUser
	case "WorkspaceNotFoundError":
		return saysUnknownWorkspace
	case "ValidationError", "InvalidSourceError":
		return saysOther
	}
	return saysNothing
}

// meaning returns what the error says. The first of its fields to hold one of
// COR's words decides; beside another word, "attached" does not count.
func (e wireError) meaning() saying {
	for _, field := range [...]raw{e.Name, e.ErrorCode, e.Code, e.Error, e.Message} {
		says := saysNothing
		for _, word := range words(field) {
			if next := meaningOf(word); next != saysNothing && says <= saysAttached {
				says = next
			}
		}
		if says != saysNothing {
			return says
		}
	}
	return saysNothing
}

// attached says whether the association exists already: by the error, or by
// every one of its entries.
func (e wireError) attached() bool {
	other := func(entry wireError) bool { return !entry.attached() }
	return e.meaning() == saysAttached || len(e.Errors) > 0 && !slices.ContainsFunc(e.Errors, other)
}

func words(field raw) []string {
	return strings.FieldsFunc(field.sentence(), func(r rune) bool { return !isWord(r) })
}

// own says whether the error, or an entry, is of COR's own, kinds A to D, F and G
// of its pages: it has one of COR's words, a name or a code as COR's are, the status
// ERROR beside a code, or a field. Kind E is none, as any gateway answers so.
func (e wireError) own() bool {
	code := cmp.Or(e.ErrorCode.text(), e.Code.text())
	isCode := len(code) == 5 && strings.Trim(code[:2], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && areDigits(code[2:])
	return e.meaning() != saysNothing || isCode || strings.HasSuffix(e.Name.text(), "Error") ||
		code != "" && e.Status.text() == "ERROR" ||
		e.Field.text() != "" && cmp.Or(e.Validation, e.Message) != "" ||
		slices.ContainsFunc(e.Errors, wireError.own)
}

// readError reads whatever stands in a body: an object, or an array as the
// entries of one. Else text stands for a body that says nothing readable. Of a 2xx
// answer it quotes nothing, as that may be a person's data.
func readError(r reply) (e wireError, text string) {
	body := bytes.TrimSpace(r.body)
	switch {
	case len(body) == 0:
		return e, cmp.Or(r.cut, "an empty body")
	case body[0] == '{' && leniently(body, &e) == nil, body[0] == '[' && leniently(body, &e.Errors) == nil:
		return e, ""
	case body[0] == '{' || body[0] == '[':
		return wireError{}, cmp.Or(r.cut, "broken JSON")
	case isPage(r):
		if title := title(body); title != "" && !r.ok() {
			return e, "an HTML page: " + title
		}
		return e, "an HTML page"
	case r.ok():
		return e, ""
	}
	return e, string(body[:min(len(body), mostText)])
}

func isPage(r reply) bool {
	return strings.Contains(strings.ToLower(r.header.Get("Content-Type")), "html") ||
		strings.HasPrefix(http.DetectContentType(r.body), "text/html")
}

func title(page []byte) string {
	found := regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title`).FindSubmatch(page[:min(len(page), 64<<10)])
	if found == nil {
		return ""
	}
	return strings.TrimSpace(html.UnescapeString(string(found[1])))
}
