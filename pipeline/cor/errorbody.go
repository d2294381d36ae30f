package cor

import (
	"bytes"
	"cmp"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// said is what an error, or one of its entries, says.
type said struct {
	id       string
	word     string // the one of COR's names and codes that decides what it means; "" when it has none
	code     string // COR's code or name for it, one word; "" when it gives none
	message  string // on any number of lines; "" when it says nothing
	attached bool   // the association exists already: by the error, or by every one of its entries
	own      bool   // it, or an entry, is of COR's own: it has one of COR's words, or its form
	person   bool   // it may be the data of a person
	entries  []said
}

// saidBy tells what an error says: an object, an array as the entries of one, or
// any other value as the message of one. Its entries are those of errors, an error
// that it wraps, and the members of a message; depth is how many layers are read.
func saidBy(value raw, depth int) said {
	twice := jsontext.AllowDuplicateNames(true) // the last one counts
	f := decode[fields](value, twice)
	if f == nil {
		f = fields{"message": value}
	}
	word := f.word()
	attached := word == "AlreadyAttachedError" || word == "ZC004" || word == "UT011"
	s := said{id: f["id"].text(), word: word, code: f.code(word), attached: attached, own: word != "" || f.own()}
	_, isNumber := f["id"].integer()
	s.person = isNumber || f["email"] != ""
	s.message = cmp.Or(f["message"].text(), f["error_description"].text(), f["error"].text(), f["validation"].text())
	if field := f["field"].text(); field != "" && s.message != "" {
		s.message = field + ": " + s.message
	}
	s.message = s.message[:min(len(s.message), mostText)]
	all := slices.Concat(decode[[]raw](f["errors"], twice), decode[[]raw](f["message"], twice))
	if strings.HasPrefix(string(f["error"]), "{") {
		all = append(all, f["error"])
	}
	if depth == 0 || len(all) == 0 {
		return s
	}
	var messages []string
	for _, entry := range all {
		e := saidBy(entry, depth-1)
		s.entries = append(s.entries, e)
		s.own = s.own || e.own
		if e.message != "" && len(messages) < 5 {
			messages = append(messages, e.message)
		}
	}
	s.code = cmp.Or(s.code, s.entries[0].code)
	s.message = cmp.Or(s.message, strings.Join(messages, "; "))
	s.attached = s.attached || !slices.ContainsFunc(s.entries, func(e said) bool { return !e.attached })
	return s
}

// word returns the word of COR's that decides what the error means: of those in the
// first field that has one, the first of this list.
func (f fields) word() string {
	known := []string{
		"UserNotFoundError", "WorkspaceNotFoundError", "ZC001", "ValidationError", "InvalidSourceError",
		"AlreadyAttachedError", "ZC004", "UT011",
	}
	for _, name := range [...]string{"name", "error_code", "code", "error", "message"} {
		words := strings.FieldsFunc(f[name].text(), func(r rune) bool { return !isWord(r) })
		if at := slices.IndexFunc(known, func(word string) bool { return slices.Contains(words, word) }); at >= 0 {
			return known[at]
		}
	}
	return ""
}

// code returns COR's code or name for the error: the most specific one, word when
// that stands elsewhere, a single word of a gateway. An HTTP status is no code, and
// CORCustomError is the name of most of COR's errors.
func (f fields) code(word string) string {
	name := f["name"].text()
	if !isErrorName(name) {
		name = ""
	}
	for _, code := range [...]string{f["error_code"].text(), f["code"].text(), name, word, f["error"].text()} {
		_, notNumber := strconv.Atoi(code)
		if code != "" && code != "CORCustomError" && visible(code) && (len(code) != 3 || notNumber != nil) {
			return code
		}
	}
	return name
}

// isErrorName says whether a name ends as those of errors do, or is that of an HTTP
// status, such as NotFound. Any other may be a person's.
func isErrorName(name string) bool {
	name = strings.ReplaceAll(name, " ", "")
	for status := http.StatusBadRequest; status < 600; status++ {
		if name == strings.ReplaceAll(http.StatusText(status), " ", "") {
			return name != ""
		}
	}
	return strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Exception")
}

// own says whether the error has the form of COR's own, kinds A to D, F and G of
// its pages: a name or a code as COR's are, the status ERROR beside a code, or a
// field. Kind E is none, as any gateway answers so.
func (f fields) own() bool {
	code := cmp.Or(f["error_code"].text(), f["code"].text())
	isCode, _ := path.Match("[A-Z][A-Z][0-9][0-9][0-9]", code)
	return isCode || strings.HasSuffix(f["name"].text(), "Error") || code != "" && f["status"].text() == "ERROR" ||
		f["field"].text() != "" && cmp.Or(f["validation"], f["message"]) != ""
}

// readError reads whatever stands in a body. When that is no JSON, text stands for
// it. Of a 2xx answer that quotes nothing, as it may be a person's data.
func readError(r reply) (s said, text string) {
	body := bytes.TrimSpace(r.body)
	switch {
	case len(body) == 0:
		return s, cmp.Or(r.cut, "an empty body")
	case body[0] == '{' || body[0] == '[':
		if !jsontext.Value(body).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
			return s, cmp.Or(r.cut, "broken JSON")
		}
		return saidBy(raw(body), 2), ""
	case isPage(r):
		return s, "an HTML page"
	case r.ok():
		return s, ""
	}
	return s, string(body[:min(len(body), mostText)])
}

func isPage(r reply) bool {
	return strings.Contains(strings.ToLower(r.header.Get("Content-Type")), "html") ||
		strings.HasPrefix(http.DetectContentType(r.body), "text/html")
}

// subject returns what a refusal and its entries say that COR does not know, and
// the workspaces that they name, in the order of the request.
func (s said) subject(r reply) (subject pipeline.Subject, named []pipeline.WorkspaceID) {
	all := s.entries
	if len(all) == 0 || s.word != "" {
		all = append([]said{s}, all...)
	}
	seen := map[string]bool{}
	for _, one := range all {
		says := one.blames(r, seen)
		if subject != "" && says != "" && subject != says {
			subject = pipeline.UnknownEither
		}
		subject = cmp.Or(subject, says)
	}
	for _, share := range r.asked.Shares {
		if seen[string(share.Workspace)] {
			named = append(named, share.Workspace)
		}
	}
	return subject, named
}

// blames returns what one error says that COR does not know, and adds to seen
// the ids that it names: by its own id, else in its message. Choice: COR's pages
// show no wording; those for "unknown" are usual.
func (s said) blames(r reply, seen map[string]bool) pipeline.Subject {
	isWorkspace := func(id string) bool {
		return slices.ContainsFunc(r.asked.Shares, func(s pipeline.Share) bool { return id == string(s.Workspace) })
	}
	rest, named := r.ids.replaced(s.message, " ")
	byUser := slices.Contains(named, string(r.asked.User))
	if isWorkspace(s.id) {
		named = []string{s.id}
	}
	for _, id := range named {
		seen[id] = true
	}
	says := func(wording string) bool { return strings.Contains(strings.ToLower(rest), wording) }
	unknown := slices.ContainsFunc([]string{"not found", "not associated", "not exist", "n't exist", "unknown", "not known"}, says)
	ofUser, ofWorkspace := s.word == "UserNotFoundError", s.word == "WorkspaceNotFoundError"
	sure := ofUser || ofWorkspace || s.word == "ZC001" // "external id not associated"
	if ofUser == ofWorkspace {
		ofUser, ofWorkspace = says("user"), says("workspace")
	}
	if ofUser == ofWorkspace {
		ofUser, ofWorkspace = byUser, slices.ContainsFunc(named, isWorkspace)
	}
	switch {
	case !sure && (ofUser == ofWorkspace || !unknown || !s.own):
		return ""
	case ofUser == ofWorkspace:
		return pipeline.UnknownEither
	case ofUser:
		return pipeline.UnknownUser
	}
	return pipeline.UnknownWorkspace
}
