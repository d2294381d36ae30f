package corsim

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// ending says how an exchange ended, in the words of the log.
type ending string

const (
	ended     ending = "answered"
	cut       ending = "cut"
	truncated ending = "truncated"
	gone      ending = "gone"
)

// answer is a whole reply before it is written. After a cut, or when the client is gone, nothing of it is sent; of a
// truncated one the first keep bytes are.
type answer struct {
	status int
	header http.Header
	kind   string
	body   []byte
	end    ending
	keep   int
}

const (
	kindJSON = "application/json; charset=utf-8"
	kindHTML = "text/html; charset=utf-8"
	kindText = "text/plain; charset=utf-8"
)

func jsonAnswer(status int, value any) answer {
	body, err := json.Marshal(value)
	if err != nil {
		return answer{status: http.StatusInternalServerError, kind: kindText, body: []byte(err.Error()), end: ended}
	}
	return answer{status: status, kind: kindJSON, body: body, end: ended}
}

func (a *answer) setHeader(name, value string) {
	if a.header == nil {
		a.header = make(http.Header)
	}
	a.header.Set(name, value)
}

// send writes the answer. Where the connection has to break it panics with http.ErrAbortHandler, which net/http and
// Transport turn into exactly that.
func (a *answer) send(w http.ResponseWriter) {
	if a.end == cut || a.end == gone {
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	if a.kind != "" {
		header.Set("Content-Type", a.kind)
	}
	for name, values := range a.header {
		header[name] = values
	}
	if hasBody(a.status) {
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if a.end != truncated {
		_, _ = w.Write(a.body)
		return
	}
	_, _ = w.Write(a.body[:a.keep])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
