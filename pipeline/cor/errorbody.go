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
	own      bool // it, or an entry, is of COR's own: see saidBy
	person   bool // it may be the data of a person
	entries  []said
}

// saidBy tells what an error says: an object, an array as the entries of one, or
// any other value as the message of one. Entries have no entries.
//
// COR's own are kinds A to D, F and G of its pages: they have one of COR's words,
// a name or a code as COR's are, the status ERROR beside a code, or a field. Kind
// E is none, as any gateway answers so.
func saidBy(value raw, isEntry bool) said {
	var fields map[string]raw
	var entries, more array[raw]
	if leniently(value, &fields) != nil {
		fields = map[string]raw{"message": value}
		_ = leniently(value, &entries) // what is no array has no members
	}
	_ = leniently(fields["errors"], &more)
	if entries = append(entries, more...); strings.HasPrefix(string(fields["error"]), "{") {
		entries = append(entries, fields["error"])
	}
	text := func(field string) string { return fields[field].text() }
	_, isNumber := fields["id"].integer()
	s := said{id: text("id"), person: isNumber || fields["email"] != ""}
	var first said
	var messages []string
	for i, entry := range entries {
		if isEntry {
			break
		}
		e := saidBy(entry, true)
		if s.entries, messages = append(s.entries, e), append(messages, e.message); i == 0 {
			first = e
		}
	}

	// The first field with one of COR's words decides. Beside another word,
	// "attached" does not count.
	word := ""
	for _, field := range [...]string{"name", "error_code", "code", "error", "message"} {
		for _, next := range strings.FieldsFunc(fields[field].sentence(), func(r rune) bool { return !isWord(r) }) {
			if means := meaningOf(next); means != "" && (s.meaning == "" || s.meaning == attached) {
				s.meaning, word = means, next
			}
		}
		if s.meaning != "" {
			break
		}
	}

	const generic = "CORCustomError" // the name of most of COR's errors
	name := text("name")
	if !isErrorName(name) {
		name = ""
	}
	code := cmp.Or(text("error_code"), text("code"))
	for _, word := range [...]string{text("error_code"), text("code"), name, word, text("error")} {
		isStatus := len(word) == 3 && areDigits(word)
		if s.code == "" && word != generic && visible(word, -1) && !isStatus {
			s.code = word
		}
	}
	s.code = cmp.Or(s.code, first.code, name)

	s.message = cmp.Or(fields["message"].sentence(), fields["error_description"].sentence(), text("error"), text("validation"),
		joined(messages[:min(len(messages), 5)]))
	if text("field") != "" && s.message != "" {
		s.message = text("field") + ": " + s.message
	}
	s.message = s.message[:min(len(s.message), mostText)]

	isCode, _ := path.Match("[A-Z][A-Z][0-9][0-9][0-9]", code)
	s.own = s.meaning != "" || isCode || strings.HasSuffix(name, "Error") || code != "" && text("status") == "ERROR" ||
		text("field") != "" && cmp.Or(fields["validation"], fields["message"]) != "" ||
		slices.ContainsFunc(s.entries, func(e said) bool { return e.own })
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
