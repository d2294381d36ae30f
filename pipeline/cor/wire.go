package cor

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What COR answers is read by the rules of encoding/json's second version: a name
// counts as it is spelled, and one that stands twice in an object is an error (RFC
// 8259 leaves open which of them holds). A value of an unexpected type costs
// itself, not the answer.

func decode(body []byte, into any) error {
	return json.Unmarshal(body, into, jsontext.AllowInvalidUTF8(true))
}

// fieldsOf returns the members of an object; nil of any other value.
func fieldsOf(value raw) map[string]raw {
	var fields map[string]raw
	if decode([]byte(value), &fields) != nil {
		return nil
	}
	return fields
}

// leniently reads what says that something went wrong: a doubled name costs
// nothing there, the last one counts.
func leniently(value raw, into any) error {
	return json.Unmarshal([]byte(value), into, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// raw is a JSON value as it stands in an answer, "" when absent. COR writes
// numbers as strings in places, so what a value is is asked only when it is
// used.
type raw string

// UnmarshalJSONFrom keeps any value, null too.
func (r *raw) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	value, err := in.ReadValue()
	*r = raw(value)
	return err
}

// text returns a string's value or a number's text, "" for all else.
func (r raw) text() string {
	switch jsontext.Value(r).Kind() {
	case '"':
		value, _ := jsontext.AppendUnquote(nil, r) // the error is of bytes that are no UTF-8: they are U+FFFD now
		return string(value)
	case '0':
		return string(r)
	}
	return ""
}

// number returns a number's text, or that in a string of a number and nothing
// else; "" for all else.
func (r raw) number() string {
	text := r.text()
	if value := jsontext.Value(text); text != string(r) && (value.Kind() != '0' || !value.IsValid() || strings.TrimSpace(text) != text) {
		return ""
	}
	return text
}

// integer returns the value of a whole number, or of a string of one.
func (r raw) integer() (int64, bool) {
	n, err := strconv.ParseInt(r.number(), 10, 64)
	return n, err == nil
}

// object reads a T from a JSON object. From any other value it takes nothing.
type object[T any] struct{ it T }

// UnmarshalJSONFrom reads any value.
func (o *object[T]) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '{' {
		return in.SkipValue()
	}
	return json.UnmarshalDecode(in, &o.it)
}

// array reads Ts from a JSON array, and takes nothing from any other value.
type array[T any] []T

// UnmarshalJSONFrom reads any value.
func (a *array[T]) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '[' {
		return in.SkipValue()
	}
	return json.UnmarshalDecode(in, (*[]T)(a))
}
