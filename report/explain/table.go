package explain

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

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
	widths := columnWidths(shown)
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

func columnWidths(rows []tableRow) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), widestCell))
		}
	}
	return widths
}
