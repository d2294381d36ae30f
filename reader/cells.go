package reader

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"corattach/pipeline"
)

const (
	idLimit    = 255 // bytes
	quoteLimit = 64  // bytes of a cell that a text quotes
)

// Check returns the row that cells are, good or bad, as Read gives it.
func Check(cells pipeline.Cells, opts Options) pipeline.Row {
	r, row := newReading(make([]File, 1), opts, nil), pipeline.Row{Cells: cells}
	r.check(&row)
	return row
}

// check judges the cells of a row. The Problem is the first in the order of the
// columns; what is right is set all the same.
func (r *reading) check(row *pipeline.Row) {
	user, workspace := trim(row.Cells.User), trim(row.Cells.Workspace)
	badUser, badWorkspace := r.idProblem(userColumn, user), r.idProblem(workspaceColumn, workspace)
	if badUser == "" {
		row.User = pipeline.UserID(user)
	}
	if badWorkspace == "" {
		row.Workspace = pipeline.WorkspaceID(workspace)
	}
	row.Problem = cmp.Or(badUser, badWorkspace, r.setPercent(row), r.setSource(row))
	for i, id := range []string{string(row.User), string(row.Workspace)} {
		if id != "" && id[0] <= '9' && strings.ContainsAny(id, "eE") && r.exponent.MatchString(id) {
			r.warnings.damaged.add(fmt.Sprintf("%s %s at %s", columnNames()[i], quote(id), r.at(row.Place)))
		}
	}
}

// idProblem says why id, without its outer blanks, is no external id; "" when it
// is one.
func (r *reading) idProblem(column, id string) string {
	fault := ""
	switch {
	case id == "":
		return column + " is blank"
	case len(id) > idLimit:
		fault = fmt.Sprintf("has %d bytes, %d are allowed", len(id), idLimit)
	case column == userColumn && (id == "." || id == ".."):
		fault = "can't stand in a URL path"
	case id[0] == '#' && r.sheetError.MatchString(id):
		fault = "is an error that a spreadsheet has left"
	case strings.HasPrefix(id, `="`):
		fault = "is a formula that a spreadsheet has put around the id"
	case !utf8.ValidString(id):
		fault = pipeline.NotUTF8
	default:
		for _, c := range id {
			if what := forbidden(c); what != "" {
				fault = fmt.Sprintf("has U+%04X, %s", c, what)
				break
			}
		}
	}
	if fault == "" {
		return ""
	}
	return column + " " + quote(id) + " " + fault
}

// forbidden says what a character is that no id may have; "" for all others.
func forbidden(c rune) string {
	switch {
	case ' ' <= c && c <= '~':
		return ""
	case c == utf8.RuneError:
		return "in place of a letter that was lost before"
	case unicode.Is(unicode.Cc, c):
		return "a control character"
	case unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp), c == '\u3164', c == '\u115F', c == '\u2800':
		return "an invisible character"
	case unicode.In(c, unicode.Zs, unicode.White_Space):
		return "a blank that is no plain space"
	}
	return ""
}

// setSource sets the row's source, or returns what is wrong with its cell.
func (r *reading) setSource(row *pipeline.Row) string {
	cell := trim(row.Cells.Source)
	source := SourceOf(cell)
	switch {
	case cell == "" && r.Source != "":
		row.Source = r.Source
		return ""
	case cell == "":
		return "source is blank; --source NAME fills it"
	case slices.Contains(r.Sources, source):
		row.Source = source
		return ""
	case !utf8.ValidString(cell):
		return "source " + quote(cell) + " " + pipeline.NotUTF8
	}
	hint, nearest := "--allow-source NAME accepts another one", 3 // the one that is meant is at most two letters off
	for _, known := range r.Sources {
		if len(cell) > quoteLimit {
			break
		}
		if d := levenshtein.ComputeDistance(string(source), string(known)); d < nearest {
			hint, nearest = fmt.Sprintf("is %s meant?", known), d
		}
	}
	return fmt.Sprintf("source %s is not known; %s", quote(cell), hint)
}

// SourceOf is the name of a source as it is compared and sent: without outer spaces
// and tabs, ASCII letters in upper case, and no others.
func SourceOf(name string) pipeline.Source {
	return pipeline.Source(strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' {
			return c - 'a' + 'A'
		}
		return c
	}, trim(name)))
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// trim drops outer spaces and tabs.
func trim(cell string) string {
	if cell == "" || cell[0] > ' ' && cell[len(cell)-1] > ' ' {
		return cell
	}
	return strings.Trim(cell, " \t")
}

// quote quotes a cell for a text, cut when it is long.
func quote(cell string) string {
	if shown := pipeline.Head(cell, quoteLimit); len(shown) < len(cell) {
		return strconv.Quote(shown) + "…"
	}
	return strconv.Quote(cell)
}
