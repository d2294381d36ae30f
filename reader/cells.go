package reader

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"corattach/pipeline"
)

const (
	idLimit    = 255 // bytes
	quoteLimit = 64  // bytes of a cell that a text quotes
)

// check judges the cells of a row. The Problem is the first in the order of the
// columns; what is right is set all the same.
func (r *rules) check(row *pipeline.Row) {
	c := &row.Cells
	user, workspace, percentage, source := trim(c.User), trim(c.Workspace), trim(c.Percentage), trim(c.Source)

	userProblem := r.userProblem(user)
	if userProblem == "" {
		row.User = pipeline.UserID(user)
		r.warnDamage(row, userColumn, user)
	}
	workspaceProblem := r.idProblem(workspaceColumn, workspace)
	if workspaceProblem == "" {
		row.Workspace = pipeline.WorkspaceID(workspace)
		r.warnDamage(row, workspaceColumn, workspace)
	}
	percentageProblem := ""
	percent, ok := pipeline.ParsePercent(percentage, r.point)
	if ok {
		row.Percent = percent
	} else {
		percentageProblem = r.percentageProblem(percentage)
	}
	var sourceProblem string
	row.Source, sourceProblem = r.source(source)
	row.Problem = firstOf(userProblem, workspaceProblem, percentageProblem, sourceProblem)
}

func firstOf(problems ...string) string {
	for _, p := range problems {
		if p != "" {
			return p
		}
	}
	return ""
}

func (r *rules) userProblem(user string) string {
	if user == "." || user == ".." {
		return fmt.Sprintf("user_id %q can't stand in a URL path", user)
	}
	return r.idProblem(userColumn, user)
}

// idProblem says why id, without its outer blanks, is no external id.
func (r *rules) idProblem(column, id string) string {
	switch {
	case id == "":
		return column + " is blank"
	case len(id) > idLimit:
		return fmt.Sprintf("%s has %d bytes, %d are allowed: %s", column, len(id), idLimit, quote(id))
	case printableASCII(id):
		return ""
	case !utf8.ValidString(id):
		return fmt.Sprintf("%s %s is not valid UTF-8", column, quote(id))
	}
	for _, c := range id {
		what := ""
		switch {
		case c == utf8.RuneError && r.decoded:
			what = "a character lost in decoding"
		case unicode.Is(unicode.Cc, c):
			what = "a control character"
		case unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp), c == '\u3164', c == '\u115F', c == '\u2800':
			what = "an invisible character"
		case c != ' ' && unicode.In(c, unicode.Zs, unicode.White_Space):
			what = "a blank that is no plain space"
		default:
			continue
		}
		return fmt.Sprintf("%s %s has U+%04X, %s", column, quote(id), c, what)
	}
	return ""
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// percentageProblem says why cell, without its outer blanks, is no percentage.
func (r *rules) percentageProblem(cell string) string {
	accepted := "0 to 100 with up to four decimals, such as 33.3333 or 50%"
	if r.point == ',' {
		accepted = "0 to 100 with up to four decimals after a comma, such as 33,3333 or 50%"
	}
	return fmt.Sprintf("percentage %s %s; accepted is %s", quote(cell), r.mistake(cell), accepted)
}

// mistake names the likely one of those a percentage can have.
func (r *rules) mistake(cell string) string {
	number := strings.TrimRight(strings.TrimSuffix(cell, "%"), " ")
	comma := strings.IndexByte(number, ',') >= 0
	_, decimal := pipeline.ParseDecimal(number, r.point)
	_, withComma := pipeline.ParseDecimal(number, ',')
	whole, fraction, pointed := strings.Cut(number, string(rune(r.point)))
	switch {
	case cell == "":
		return "is blank"
	case strings.HasPrefix(number, "-"), strings.HasPrefix(number, "\u2212"):
		return "is negative"
	case strings.HasPrefix(number, "+"):
		return "has a sign"
	case isExponent(strings.Replace(number, "-", "", 1)):
		return "has an exponent"
	case decimal && strings.HasSuffix(cell, "  %"):
		return "has more than one space before %"
	case decimal, isDigits(number):
		return "is over 100"
	case r.point == ',' && strings.IndexByte(number, '.') >= 0:
		return "has a point where --decimal-comma asks for a comma"
	case r.point == '.' && comma && isThousands(whole):
		return "has a comma: a thousands separator is not accepted, a decimal comma only with --decimal-comma"
	case r.point == '.' && comma && withComma:
		return "has a decimal comma, which only --decimal-comma accepts"
	case pointed && isDigits(whole) && fraction == "":
		return "ends without a decimal"
	case pointed && whole == "" && isDigits(fraction):
		return "begins without a digit"
	case pointed && isDigits(whole) && isDigits(fraction):
		return "has more than four decimals"
	}
	return "is no plain decimal number"
}

// source returns the source of a cell without its outer blanks.
func (r *rules) source(cell string) (pipeline.Source, string) {
	if cell == "" {
		if r.opts.Source != "" {
			return r.opts.Source, ""
		}
		return "", "source is blank; --source NAME fills it"
	}
	source, ok := r.sources[cell]
	if !ok {
		source, ok = r.sources[UpperASCII(cell)]
	}
	if !ok {
		return "", fmt.Sprintf("source %s is not one COR documents; --allow-source accepts another", quote(cell))
	}
	return source, ""
}

// warnDamage warns of an id that looks like what a spreadsheet makes of a long
// number, and marks its row.
func (r *rules) warnDamage(row *pipeline.Row, column, id string) {
	if isExponent(id) {
		row.Suspect = true
		r.notices.add(row.Place, "%s:%d: %s %s looks like a number that a spreadsheet has shortened", display(r.file), row.Line, column, quote(id))
	}
}

// isExponent reports digits, optionally with decimals, an E and a positive
// exponent: 1E+05, 1.23E+11.
func isExponent(s string) bool {
	whole := countDigits(s)
	if whole == 0 || whole == len(s) {
		return false
	}
	s = s[whole:]
	if s[0] == '.' || s[0] == ',' {
		decimals := countDigits(s[1:])
		if s = s[1+decimals:]; decimals == 0 || s == "" {
			return false
		}
	}
	return (s[0] == 'e' || s[0] == 'E') && isDigits(strings.TrimPrefix(s[1:], "+"))
}

// countDigits returns how many digits s begins with.
func countDigits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// isThousands reports groups of three digits behind the first comma: 1,000.
func isThousands(s string) bool {
	groups := strings.Split(s, ",")
	for i, group := range groups {
		if !isDigits(group) || i > 0 && len(group) != 3 || len(group) > 3 {
			return false
		}
	}
	return len(groups) > 1
}

func isDigits(s string) bool {
	return s != "" && countDigits(s) == len(s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// UpperASCII puts ASCII letters in upper case, and no others: so sources are
// compared and sent.
func UpperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

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
	return strconv.Quote(string(cutRune([]byte(cell[:quoteLimit])))) + "…"
}

// cutRune drops a character that the end of b cuts in two.
func cutRune(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if last := b[len(b)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
