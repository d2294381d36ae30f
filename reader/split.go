package reader

import (
	"slices"
	"strings"

	"corattach/pipeline"
)

// form is how the records of one file are read. Its methods may be called from
// several goroutines.
type form struct {
	rules
	delim   byte
	columns []int // per field of the header: its place in columnNames, -1 for none
}

func newForm(head *layout, rules *rules) *form {
	f := &form{rules: *rules, delim: head.delim}
	for _, column := range head.columns {
		f.columns = append(f.columns, slices.Index(columnNames(), column))
	}
	return f
}

// split sets the cells of a well-formed record, given without its line end, and
// returns how many fields it has. A line break within quotes stays as it stands:
// the four columns have none.
func (f *form) split(text string, cells *pipeline.Cells) int {
	for n := 0; ; n++ {
		var cell string
		var more bool
		if text != "" && text[0] == '"' {
			cell, text, more = unquote(text)
		} else if i := strings.IndexByte(text, f.delim); i >= 0 {
			cell, text, more = text[:i], text[i+1:], true
		} else {
			cell = text
		}
		if n < len(f.columns) {
			switch f.columns[n] {
			case 0:
				cells.User = cell
			case 1:
				cells.Workspace = cell
			case 2:
				cells.Percentage = cell
			case 3:
				cells.Source = cell
			}
		}
		if !more {
			return n + 1
		}
	}
}

// unquote takes a quoted field off the front of text, with the delimiter behind
// it, if one is there.
func unquote(text string) (cell, rest string, more bool) {
	text = text[1:]
	end, doubled := 0, false
	for {
		end += strings.IndexByte(text[end:], '"')
		if end+1 == len(text) || text[end+1] != '"' {
			break
		}
		doubled = true
		end += 2
	}
	cell, rest = text[:end], text[end+1:]
	if doubled {
		cell = strings.ReplaceAll(cell, `""`, `"`)
	}
	if rest == "" {
		return cell, "", false
	}
	return cell, rest[1:], true
}
