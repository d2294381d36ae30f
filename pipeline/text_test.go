package pipeline

import "testing"

func TestShow(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                   "plain",
		"Ünïcödé 用户 \"q\" \\":     "Ünïcödé 用户 \"q\" \\",
		"a\x1b[31mb\r\n\tc\x07":   `a\x1b[31mb\r\n\tc\a`,
		"\u202ertl\u200b\u2028":   `\u202ertl\u200b\u2028`,
		"\x9b\xff\ufffd\u009b":    `\x9b\xff` + "\ufffd" + `\u009b`,
		"nbsp\u00a0and\u3000wide": `nbsp\u00a0and\u3000wide`,
	} {
		if got := Show(text); got != want {
			t.Errorf("Show(%q) = %s, want %s", text, got, want)
		}
	}
	for cell, want := range map[string]string{
		"U-1": "U-1", "": `""`, " U": `" U"`, "U ": `"U "`, `a"b`: `"a\"b"`, `a\b`: `"a\\b"`, "a b": "a b", "é": "é", "a\nb": `"a\nb"`,
	} {
		if got := ShowCell(cell); got != want {
			t.Errorf("ShowCell(%q) = %s, want %s", cell, got, want)
		}
	}
}
