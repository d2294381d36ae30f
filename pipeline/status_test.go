package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestStatusWords(t *testing.T) {
	const want = "matched mismatched missing failed unknown invalid held duplicate unchanged not_sent planned"
	var words []string
	for _, s := range Statuses() {
		words = append(words, s.String())
	}
	if got := strings.Join(words, " "); got != want {
		t.Errorf("Statuses() = %s, want %s", got, want)
	}
	if got := statusCount.String(); got != "status(11)" {
		t.Errorf("a status outside the list is called %q", got)
	}
}

func TestStatusText(t *testing.T) {
	for _, s := range Statuses() {
		text, err := json.Marshal(s)
		if err != nil || string(text) != `"`+s.String()+`"` {
			t.Errorf("json.Marshal(%v) = %s, %v", s, text, err)
		}
		back := statusCount
		if err := json.Unmarshal(text, &back); err != nil || back != s {
			t.Errorf("json.Unmarshal(%s) = %v, %v", text, back, err)
		}
	}
	if _, err := statusCount.MarshalText(); err == nil {
		t.Error("a status outside the list was marshalled")
	}
	s := Held
	if err := s.UnmarshalText([]byte("Matched")); err == nil || s != Held {
		t.Errorf("UnmarshalText of no status: %v, %v", s, err)
	}
}

func TestStatusWorse(t *testing.T) {
	worstFirst := []Status{
		Failed, Unknown, Invalid, Held, NotSent, Missing, Mismatched, Planned, Matched, Unchanged, Duplicate,
	}
	sorted := slices.Clone(worstFirst)
	slices.Sort(sorted)
	if !slices.Equal(sorted, Statuses()) {
		t.Fatalf("the test does not order every status: %v", sorted)
	}
	for i, a := range worstFirst {
		for j, b := range worstFirst {
			if got := a.Worse(b); got != (i < j) {
				t.Errorf("%v.Worse(%v) = %v", a, b, got)
			}
		}
	}
}
