package cor

import (
	"bytes"
	"cmp"
	"html"
	"net/http"
	"path"
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
func (w *wireError) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '{' {
		return w.Message.UnmarshalJSONFrom(in)
	}
	type plain wireError
	if err := json.UnmarshalDecode(in, (*plain)(w)); err != nil {
		return err
	}
	if inner := (plain{}); strings.HasPrefix(string(w.Error), "{") && leniently([]byte(w.Error), &inner) == nil {
		w.Error = inner.Error
		w.Name, w.Code, w.Message = cmp.Or(inner.Name, w.Name), cmp.Or(inner.Code, w.Code), cmp.Or(inner.Message, w.Message)
	}
	return nil
}

// said is what an error, or one of its entries, says.
type said struct {
	id       string
	code     string // COR's code or name for it, one word; "" when it gives none
	message  string // on any number of lines; "" when it says nothing
	meaning  meaning
	attached bool // the association exists already: by the error, or by every one of its entries
	own      bool // it, or an entry, is of COR's own: see read
	person   bool // it may be the data of a person
	entries  []said
}

// read tells what stands in an error. The fields may hold COR's words anywhere.
//
// COR's own are kinds A to D, F and G of its pages: they have one of COR's words,
// a name or a code as COR's are, the status ERROR beside a code, or a field. Kind
// E is none, as any gateway answers so.
func (w *wireError) read() said {
	_, isNumber := w.ID.integer()
	s := said{id: w.ID.text(), person: isNumber || w.Email != ""}
	var texts []string
	for _, entry := range w.Errors {
		e := entry.read()
		s.entries, texts = append(s.entries, e), append(texts, e.message)
	}
	first := said{}
	if len(s.entries) > 0 {
		first = s.entries[0]
	}

	// The first field with one of COR's words decides. Beside another word,
	// "attached" does not count.
	word := ""
	for _, field := range [...]raw{w.Name, w.ErrorCode, w.Code, w.Error, w.Message} {
		for _, next := range strings.FieldsFunc(field.sentence(), func(r rune) bool { return !isWord(r) }) {
			if means := meaningOf(next); means != "" && (s.meaning == "" || s.meaning == attached) {
				s.meaning, word = means, next
			}
		}
		if s.meaning != "" {
			break
		}
	}

	const generic = "CORCustomError" // the name of most of COR's errors
	name := w.Name.text()
	if !isErrorName(name) {
		name = ""
	}
	for _, text := range [...]string{w.ErrorCode.text(), w.Code.text(), name} {
		isStatus := len(text) == 3 && areDigits(text)
		if s.code == "" && text != generic && visible(text, -1) && !isStatus {
			s.code = text
		}
	}
	// OAuth's codes are the only errors in words that are no sentence (RFC 6749, section 5.2).
	oauth := w.Error.text()
	if strings.Trim(oauth, "abcdefghijklmnopqrstuvwxyz_") != "" {
		oauth = ""
	}
	s.code = cmp.Or(s.code, word, oauth, first.code, name)

	field := w.Field.text()
	s.message = cmp.Or(w.Message.sentence(), w.Description.sentence(), w.Error.text(), w.Validation.text(), joined(texts[:min(len(texts), 5)]))
	if field != "" && s.message != "" {
		s.message = field + ": " + s.message
	}
	s.message = s.message[:min(len(s.message), mostText)]

	code := cmp.Or(w.ErrorCode.text(), w.Code.text())
	isCode, _ := path.Match("[A-Z][A-Z][0-9][0-9][0-9]", code)
	s.own = s.meaning != "" || isCode || strings.HasSuffix(name, "Error") || code != "" && w.Status.text() == "ERROR" ||
		field != "" && cmp.Or(w.Validation, w.Message) != "" || slices.ContainsFunc(s.entries, func(e said) bool { return e.own })
	s.attached = s.meaning == attached || first.attached && !slices.ContainsFunc(s.entries, func(e said) bool { return !e.attached })
	return s
}

// isErrorName says whether a name ends as those of errors do. Any other may be a
// person's.
func isErrorName(name string) bool {
	return strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Exception")
}

// sentence returns text, or that of an array's members. What an object says is
// not known to be a message.
func (r raw) sentence() string {
	var members array[raw]
	_ = leniently([]byte(r), &members) // what is no array has no members
	texts := []string{r.text()}
	for _, member := range members {
		texts = append(texts, member.text())
	}
	return joined(texts)
}

// joined returns the texts that are not blank.
func joined(texts []string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "; ")
}

// meaning is what one of COR's names and codes says; "" for any other word.
type meaning string

const (
	attached         meaning = "attached"          // the association exists
	unassociated     meaning = "unassociated"      // an external id is not associated
	unknownUser      meaning = "unknown user"      // there is no such user
	unknownWorkspace meaning = "unknown workspace" // there is no such workspace
	otherwise        meaning = "other"             // another error
)

func meaningOf(word string) meaning {
	switch word {
	case "AlreadyAttachedError", "ZC004", "UT011":
		return attached
	case "ZC001":
		return unassociated
	case "UserNotFoundError":
		return unknownUser
	case "WorkspaceNotFoundError":
		return unknownWorkspace
	case "ValidationError", "InvalidSourceError":
		return otherwise
	}
	return ""
}

// readError reads whatever stands in a body: an object, or an array as the
// entries of one. Else text stands for a body that says nothing readable. Of a 2xx
// answer it quotes nothing, as that may be a person's data.
func readError(r reply) (s said, text string) {
	var w wireError
	body := bytes.TrimSpace(r.body)
	switch {
	case len(body) == 0:
		return s, cmp.Or(r.cut, "an empty body")
	case body[0] == '{' && leniently(body, &w) == nil, body[0] == '[' && leniently(body, &w.Errors) == nil:
		return w.read(), ""
	case body[0] == '{' || body[0] == '[':
		return s, cmp.Or(r.cut, "broken JSON")
	case isPage(r):
		title := regexp.MustCompile(`(?is)<title[^>]*>\s*(.*?)\s*</title`).FindSubmatch(body[:min(len(body), 64<<10)])
		if title == nil || r.ok() || len(title[1]) == 0 {
			return s, "an HTML page"
		}
		return s, "an HTML page: " + html.UnescapeString(string(title[1]))
	case r.ok():
		return s, ""
	}
	return s, string(body[:min(len(body), mostText)])
}

func isPage(r reply) bool {
	return strings.Contains(strings.ToLower(r.header.Get("Content-Type")), "html") ||
		strings.HasPrefix(http.DetectContentType(r.body), "text/html")
}
