package reader

import (
	"cmp"
	"fmt"
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

// check judges the cells of a row. The Problem is the first in the order of the
// columns; what is right is set all the same.
func (r *rules) check(row *pipeline.Row) {
	user, workspace := trim(row.Cells.User), trim(row.Cells.Workspace)
	badUser, badWorkspace := userProblem(user), idProblem(workspaceColumn, workspace)
	if badUser == "" {
		row.User = pipeline.UserID(user)
	}
	if badWorkspace == "" {
		row.Workspace = pipeline.WorkspaceID(workspace)
	}
	row.Problem = cmp.Or(badUser, badWorkspace, r.setPercent(row), r.setSource(row))
}

func userProblem(user string) string {
	if user == "." || user == ".." {
		return fmt.Sprintf("user_id %q can't stand in a URL path", user)
	}
	return idProblem(userColumn, user)
}

// idProblem says why id, without its outer blanks, is no external id; "" when it
// is one.
func idProblem(column, id string) string {
	switch {
	case id == "":
		return column + " is blank"
	case len(id) > idLimit:
		return fmt.Sprintf("%s has %d bytes, %d are allowed: %s", column, len(id), idLimit, quote(id))
	case isSpreadsheetError(id):
		return fmt.Sprintf("%s %s is an error that a spreadsheet has left", column, quote(id))
	case strings.HasPrefix(id, `="`):
		return fmt.Sprintf("%s %s is a formula that a spreadsheet has put around the id", column, quote(id))
	case isPrintableASCII(id):
		return ""
	case !utf8.ValidString(id):
		return notUTF8(column, id)
	}
	for _, c := range id {
		if what := forbidden(c); what != "" {
			return fmt.Sprintf("%s %s has U+%04X, %s", column, quote(id), c, what)
		}
	}
	return ""
}

// forbidden says what a character is that no id may have; "" for all others.
func forbidden(c rune) string {
	switch {
	case c == utf8.RuneError:
		return "in place of a letter that was lost before"
	case unicode.Is(unicode.Cc, c):
		return "a control character"
	case unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp), c == '\u3164', c == '\u115F', c == '\u2800':
		return "an invisible character"
	case c != ' ' && unicode.In(c, unicode.Zs, unicode.White_Space):
		return "a blank that is no plain space"
	}
	return ""
}

// notUTF8 is the problem of a cell whose bytes are no UTF-8.
func notUTF8(column, cell string) string {
	return fmt.Sprintf("%s %s %s", column, quote(cell), pipeline.NotUTF8)
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isSpreadsheetError reports what a spreadsheet shows in place of a value, in any
// language: #N/A, #NV, #REF!, #¿NOMBRE?.
func isSpreadsheetError(id string) bool {
	name, found := strings.CutPrefix(id, "#")
	if !found || name == "N/A" || name == "NV" {
		return found
	}
	name = strings.TrimLeft(name, "¡¿")
	word := strings.TrimRight(name, "!?")
	return word != "" && len(word) == len(name)-1 && !strings.ContainsFunc(word, func(c rune) bool {
		return !unicode.IsUpper(c) && !unicode.IsDigit(c) && c != '/' && c != '_'
	})
}

// isExponent reports digits, optionally with decimals, an E and a positive
// exponent: 1E+05, 1.23E+11.
func isExponent(s string) bool {
	if s == "" || s[0] > '9' {
		return false
	}
	number, exponent, found := strings.Cut(strings.ToUpper(s), "E")
	whole, decimals, pointed := strings.Cut(strings.Replace(number, ",", ".", 1), ".")
	return found && isDigits(whole) && (!pointed || isDigits(decimals)) && isDigits(strings.TrimPrefix(exponent, "+"))
}

// setSource sets the row's source, or returns what is wrong with its cell.
func (r *rules) setSource(row *pipeline.Row) string {
	cell := trim(row.Cells.Source)
	source, ok := r.sources[cell]
	switch {
	case cell == "":
		source, ok = r.Source, r.Source != ""
	case !ok:
		source, ok = r.sources[string(SourceOf(cell))]
	}
	row.Source = source
	switch {
	case ok:
		return ""
	case cell == "":
		return "source is blank; --source NAME fills it"
	case !utf8.ValidString(cell):
		return notUTF8(sourceColumn, cell)
	}
	if near := r.nearestSource(string(SourceOf(cell))); near != "" {
		return fmt.Sprintf("source %s is not known; is %s meant?", quote(cell), near)
	}
	return fmt.Sprintf("source %s is not known; --allow-source NAME accepts another one", quote(cell))
}

// nearestSource returns the source that is at most two letters off, "" when there
// is none.
func (r *rules) nearestSource(cell string) (nearest pipeline.Source) {
	const letters = 2
	distance := letters + 1
	for _, source := range r.Sources {
		if len(cell) > quoteLimit {
			break
		}
		if d := levenshtein.ComputeDistance(cell, string(source)); d < distance {
			nearest, distance = source, d
		}
	}
	return nearest
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

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

// trim drops outer spaces and tabs.
func trim(cell string) string {
	if cell == "" || cell[0] > ' ' && cell[len(cell)-1] > ' ' {
		return cell
	}
	return strings.Trim(cell, " \t")
}

// quote quotes a cell for a text, cut when it is long.
func quote(cell string) string {
	if len(cell) <= quoteLimit {
		return strconv.Quote(cell)
	}
	return strconv.Quote(cut(cell, quoteLimit)) + "…"
}
