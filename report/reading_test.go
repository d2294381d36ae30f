package report

import (
	"testing"

	"corattach/pipeline"
)

// A flag for the whole input is named when nothing in it speaks against the flag.
func TestReadingFlag(t *testing.T) {
	row := func(user, percentage, problem string) pipeline.Line {
		l := at(2, user, "W1", percentage, "SAP", pipeline.Verdict{Status: pipeline.Matched})
		if problem != "" {
			l.Status, l.Reason = pipeline.Invalid, `cell "x" `+problem
		}
		return l
	}
	comma, bytes := row("U1", "33,5", pipeline.DecimalComma), row("J\xe4", "1", pipeline.NotUTF8)
	quoting := row("U1", "1", "")
	quoting.Status, quoting.Reason = pipeline.Invalid, `source "x `+pipeline.DecimalComma+`" is not known`
	for name, c := range map[string]struct {
		rows []pipeline.Line
		want string
	}{
		"well":                    {[]pipeline.Line{row("Jä", "33.5", "")}, ""},
		"commas":                  {[]pipeline.Line{row("U1", "50", ""), comma}, "--decimal-comma"},
		"one comma among points":  {[]pipeline.Line{comma, row("U1", "33.5", "")}, ""},
		"another encoding":        {[]pipeline.Line{row("U1", "33.5", ""), bytes, comma}, "--encoding"},
		"one bad row among UTF-8": {[]pipeline.Line{bytes, row("Jä", "50", "")}, ""},
		"the words in a cell":     {[]pipeline.Line{quoting}, ""},
	} {
		var f reading
		for i := range c.rows {
			f.note(&c.rows[i])
		}
		if got := f.flag(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
