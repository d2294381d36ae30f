package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain returns s as it can be shown on a terminal: what would not be seen, or
// would steer the terminal, is written as Go escapes it. Nothing else is
// changed.
func Plain(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if part := rest[:size]; unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(part)
		} else {
			quoted := strconv.Quote(part)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		rest = rest[size:]
	}
	return b.String()
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// plainCell returns a cell so that its extent can be seen: as it is when that is
// plain, else quoted as Go quotes it.
func plainCell(s string) string {
	bare := s != "" && s[0] != ' ' && s[len(s)-1] != ' ' && !strings.ContainsAny(s, `"\`)
	if bare && Plain(s) == s {
		return s
	}
	return strconv.Quote(s)
}

// table is lines of cells that are aligned, each with lines of its own below it.
type table struct {
	indent string
	rows   []tableRow
}

type tableRow struct {
	cells []string
	below []string
}

const (
	widestCell = 40  // columns that a cell is padded to at the most
	mostShown  = 100 // lines of a table that a person is shown
)

// add appends a line. What is blank in below is left out.
func (t *table) add(below []string, cells ...string) {
	t.rows = append(t.rows, tableRow{cells, below})
}

// write appends the table to b. What goes beyond mostShown is counted.
func (t *table) write(b *strings.Builder) {
	shown := t.rows[:min(len(t.rows), mostShown)]
	var widths []int
	for _, row := range shown {
		for i, cell := range row.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), widestCell))
		}
	}
	for _, row := range shown {
		line := t.indent
		for i, cell := range row.cells {
			line += cell + strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0)+2)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		for _, text := range row.below {
			if text != "" {
				b.WriteString(t.indent + "    " + text + "\n")
			}
		}
	}
	if more := len(t.rows) - len(shown); more > 0 {
		b.WriteString(t.indent + "and " + strconv.Itoa(more) + " more; --json has them all\n")
	}
}
