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

	"github.com/go-json-experiment/json/jsontext"
)

// said is what an error, or one of its entries, says.
type said struct {
	id       string
	code     string // COR's code or name for it, one word; "" when it gives none
	message  string // on any number of lines; "" when it says nothing
	meaning  meaning
	attached bool // the association exists already: by the error, or by every one of its entries
	own      bool // it, or an entry, is of COR's own: it has one of COR's words, or its form
	person   bool // it may be the data of a person
	entries  []said
}

// saidBy tells what an error says: an object, an array as the entries of one, or
// any other value as the message of one. Entries have no entries.
func saidBy(value raw, isEntry bool) said {
	var f errorFields
	var entries, more array[raw]
	if leniently(value, &f) != nil {
		f = errorFields{"message": value}
		_ = leniently(value, &entries) // what is no array has no members
	}
	_ = leniently(f["errors"], &more)
	if entries = append(entries, more...); strings.HasPrefix(string(f["error"]), "{") {
		entries = append(entries, f["error"])
	}
	_, isNumber := f["id"].integer()
	says, word := f.meaning()
	s := said{
		id: f.text("id"), code: f.code(word), message: f.message(), meaning: says, attached: says == attached,
		own: says != "" || f.own(), person: isNumber || f["email"] != "",
	}
	if isEntry || len(entries) == 0 {
		return s
	}
	var messages []string
	for _, entry := range entries {
		e := saidBy(entry, true)
		s.entries, messages = append(s.entries, e), append(messages, e.message)
		s.own = s.own || e.own
	}
	s.code = cmp.Or(s.code, s.entries[0].code)
	s.message = cmp.Or(s.message, joined(messages[:min(len(messages), 5)]))
	s.attached = s.attached || !slices.ContainsFunc(s.entries, func(e said) bool { return !e.attached })
	return s
}

// errorFields are the fields of an error. COR's words may stand in any of them.
type errorFields map[string]raw

func (f errorFields) text(name string) string { return f[name].text() }

// meaning returns what the error means and the word that says so. The first field
// with one of COR's words decides; beside another word, "attached" does not count.
func (f errorFields) meaning() (means meaning, word string) {
	for _, name := range [...]string{"name", "error_code", "code", "error", "message"} {
		for _, next := range strings.FieldsFunc(f[name].sentence(), func(r rune) bool { return !isWord(r) }) {
			if says := meaningOf(next); says != "" && (means == "" || means == attached) {
				means, word = says, next
			}
		}
		if means != "" {
			break
		}
	}
	return means, word
}

// code returns COR's code or name for the error: the most specific one, a word of
// COR's when it stands elsewhere, a single word of a gateway. An HTTP status is no
// code.
func (f errorFields) code(word string) string {
	const generic = "CORCustomError" // the name of most of COR's errors
	name := f.text("name")
	if !isErrorName(name) {
		name = ""
	}
	for _, code := range [...]string{f.text("error_code"), f.text("code"), name, word, f.text("error")} {
		isStatus := len(code) == 3 && areDigits(code)
		if code != "" && code != generic && visible(code, -1) && !isStatus {
			return code
		}
	}
	return name
}

// message returns what the error says, on any number of lines.
func (f errorFields) message() string {
	text := cmp.Or(f["message"].sentence(), f["error_description"].sentence(), f.text("error"), f.text("validation"))
	if field := f.text("field"); field != "" && text != "" {
		text = field + ": " + text
	}
	return text[:min(len(text), mostText)]
}

// own says whether the error is one of COR's own by its form, kinds A to D, F and
// G of its pages: a name or a code as COR's are, the status ERROR beside a code, or
// a field. Kind E is none, as any gateway answers so.
func (f errorFields) own() bool {
	code := cmp.Or(f.text("error_code"), f.text("code"))
	isCode, _ := path.Match("[A-Z][A-Z][0-9][0-9][0-9]", code)
	return isCode || strings.HasSuffix(f.text("name"), "Error") || code != "" && f.text("status") == "ERROR" ||
		f.text("field") != "" && cmp.Or(f["validation"], f["message"]) != ""
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
	_ = leniently(r, &members) // what is no array has no members
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
	body := bytes.TrimSpace(r.body)
	switch {
	case len(body) == 0:
		return s, cmp.Or(r.cut, "an empty body")
	case body[0] == '{' || body[0] == '[':
		if !jsontext.Value(body).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
			return s, cmp.Or(r.cut, "broken JSON")
		}
		return saidBy(raw(body), false), ""
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
