package report

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"corattach/pipeline"
)

// No text steers a terminal through a document, and JSON reads back what it was.
func TestWriteJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := pipeline.ValidUTF8(rapid.OneOf(rapid.String(), hostile("x")).Draw(t, "text")) + rapid.SampledFrom([]string{"", "\u202e", "\u009b", "\U000e0001", "\x1b", "<&>"}).Draw(t, "control")
		var b strings.Builder
		must(t, WriteJSON(&b, []string{want}, "  "))
		if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Fatalf("%q can't be seen at %d", b.String(), i)
		}
		var got []string
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got[0] != want {
			t.Fatalf("%q is read back as %q, %v", want, got, err)
		}
	})
}

func TestCountsAreReadBack(t *testing.T) {
	want := Counts{pipeline.Matched: 3, pipeline.NotSent: 4}
	text, err := json.Marshal(want)
	must(t, err)
	if strings.Count(string(text), ":") != 1+len(pipeline.Statuses()) {
		t.Errorf("%s lacks a status", text)
	}
	var got Counts
	must(t, json.Unmarshal(text, &got))
	if got.Total() != 7 || got.String() != "3 matched + 4 not_sent" {
		t.Errorf("%s is read back as %+v", text, got)
	}
}
