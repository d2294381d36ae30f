package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// WriteJSON writes v as one JSON document with a final newline, indented by
// indent if that is not blank. Characters that could steer a terminal are written
// as \uNNNN, which JSON reads back as what they were. An error is w's or that of
// the encoding.
func WriteJSON(w io.Writer, v any, indent string) error {
	var document bytes.Buffer
	e := json.NewEncoder(&document)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	var visible []byte
	for _, r := range document.String() {
		if r == '\n' || unicode.IsPrint(r) {
			visible = utf8.AppendRune(visible, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			visible = fmt.Appendf(visible, `\u%04x`, unit)
		}
	}
	_, err := w.Write(visible)
	return err
}
