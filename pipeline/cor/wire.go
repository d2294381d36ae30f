package cor

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// raw is a JSON value as it stands in an answer, "" when absent. COR writes
// numbers as strings in places, so what a value is is asked only when it is
// used.
type raw string

// UnmarshalJSON keeps any value, null too.
func (r *raw) UnmarshalJSON(data []byte) error {
	*r = raw(data)
	return nil
}

// text returns a string's value or a number's text, "" for all else.
func (r raw) text() string {
	switch {
	case r == "":
		return ""
	case r[0] == '"':
		if inner := r[1 : len(r)-1]; !strings.ContainsRune(string(inner), '\\') && utf8.ValidString(string(inner)) {
			return string(inner)
		}
		value := ""
		if json.Unmarshal([]byte(r), &value) != nil {
			return ""
		}
		return value
	case r[0] == '-' || isDigit(r[0]):
		return string(r)
	}
	return ""
}

// whole returns text, and for arrays, objects and booleans their JSON.
func (r raw) whole() string {
	if text := r.text(); text != "" || r == "" || r[0] == '"' || r == "null" {
		return text
	}
	return string(r)
}

// or returns r, or other when r is absent or null.
func (r raw) or(other raw) raw {
	if r == "" || r == "null" {
		return other
	}
	return r
}

// integer returns the value of a whole number, or of a string of one.
func (r raw) integer() (int64, bool) {
	n, err := strconv.ParseInt(r.text(), 10, 64)
	return n, err == nil && isNumber(r.text())
}

// maxNumber bounds a percentage's text, in bytes.
const maxNumber = 64

// isNumber says whether text is a JSON number and nothing else.
func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || isDigit(text[0])) && isDigit(text[len(text)-1]) && json.Valid([]byte(text))
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// decode is json.Unmarshal that leaves out what has the wrong type: an
// unexpected value costs itself, not the answer.
func decode(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if wrongType := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrongType) {
		return nil
	}
	return err
}

// decodeAccount reads the answer of /v1/me. Choice: its shape is not public;
// the fields are taken from the object or from its user or data, the name also
// from first_name and last_name as in COR's v1 users.
func decodeAccount(body []byte) (Account, bool) {
	type fields struct {
		ID    raw `json:"id"`
		Name  raw `json:"name"`
		First raw `json:"first_name"`
		Last  raw `json:"last_name"`
		Email raw `json:"email"`
	}
	var wire struct {
		fields
		User fields `json:"user"`
		Data fields `json:"data"`
	}
	if decode(body, &wire) != nil {
		return Account{}, false
	}
	for _, f := range [...]fields{wire.fields, wire.User, wire.Data} {
		full := strings.TrimSpace(f.First.text() + " " + f.Last.text())
		account := Account{ID: f.ID.text(), Name: or(f.Name.text(), full), Email: f.Email.text()}
		if account != (Account{}) {
			return account, true
		}
	}
	return Account{}, false
}
