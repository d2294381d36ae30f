package reader

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"al.essio.dev/pkg/shellescape"
	"github.com/agnivade/levenshtein"
)

const (
	remedyLines = 100 // how far down the file a header is looked for
	anySource   = "--source NAME"
)

// remedy returns the flags under which the file that begins with start has a
// header that is accepted; "" when they can't be told. refused is the header that
// is not. Of several lines, the first that needs fewest flags of columns wins.
func (r *rules) remedy(start []byte, refused *layout) string {
	var best string
	fewest := len(columnNames()) + 1
	f := &framer{buf: start, line: 1, err: io.EOF}
	for ; f.line <= remedyLines && f.pos < len(f.buf); f.skipLine() {
		head, err := bestLayout(f, delimiters, r)
		if err != nil {
			break
		}
		columns, ok := r.columnFlags(head)
		if !ok || len(columns) >= fewest {
			continue
		}
		var flags []string
		if head.line != refused.line {
			flags = append(flags, fmt.Sprintf("--skip-lines %d", head.line-1))
		}
		if head.delim != refused.delim && (r.Delimiter != 0 || head.line == refused.line) {
			flags = append(flags, "--delimiter "+delimiterNames()[strings.IndexByte(delimiters, head.delim)])
		}
		best, fewest = strings.Join(append(flags, columns...), " "), len(columns)
	}
	if best == anySource { // the plain hint says more
		return ""
	}
	return best
}

// columnFlags returns the flags that name the columns which a header lacks. It is
// false when one of them can't be told.
func (r *rules) columnFlags(head *layout) (flags []string, ok bool) {
	if head.broken != "" || head.repeated() != "" {
		return nil, false
	}
	missing := head.missing(r)
	var taken []string
	for _, column := range missing {
		name := head.guess(column, len(missing) == 1)
		switch {
		case name != "" && !slices.Contains(taken, name):
			taken = append(taken, name)
			flags = append(flags, mapFlag(column, name))
		case name == "" && column == sourceColumn:
			flags = append(flags, anySource)
		default:
			return nil, false
		}
	}
	return flags, true
}

func mapFlag(column, name string) string {
	return "--map " + shellescape.Quote(column+"="+strings.TrimSpace(name))
}

// hintRepeated lists the flags that tell the columns apart which are one by name.
func (l *layout) hintRepeated(column string) string {
	var flags, names []string
	for i, name := range l.names {
		if l.columns[i] != column {
			continue
		}
		if slices.ContainsFunc(names, func(other string) bool { return sameName(other, name) }) {
			return "rename or remove the column that is there twice"
		}
		names, flags = append(names, name), append(flags, mapFlag(column, name))
	}
	return "say which one is meant: " + strings.Join(flags, " or ")
}

// guess returns the one name of the header that a missing column can have: one
// that sounds like it or, if no other column is missing, the only one left. It is
// "" when there is no such name.
func (l *layout) guess(column string, onlyOne bool) string {
	var similar, left []string
	for i, name := range l.names {
		if l.columns[i] != "" || isForOthers(name) || !isPlain(name) {
			continue
		}
		left = append(left, name)
		if soundsLike(name, column) {
			similar = append(similar, name)
		}
	}
	switch {
	case len(similar) == 1:
		return similar[0]
	case len(similar) == 0 && onlyOne && len(left) == 1 && column != sourceColumn:
		return left[0]
	}
	return ""
}

// soundsLike reports whether a name in a header may well mean a column: it is a
// letter or two off, or has a word for it.
func soundsLike(name, column string) bool {
	name = strings.ToLower(bare(name))
	if strings.ContainsFunc(name, unicode.IsDigit) {
		return false
	}
	words := map[string][]string{
		userColumn:       {"user", "employee", "person"},
		workspaceColumn:  {"workspace", "costcent"},
		percentageColumn: {"percent", "pct", "%", "share", "allocation"},
		sourceColumn:     {"source", "system", "origin"},
	}
	return levenshtein.ComputeDistance(name, bare(column)) <= 2 ||
		slices.ContainsFunc(words[column], func(word string) bool { return strings.Contains(name, word) })
}

// isPlain reports whether a name can be given on a command line as it is shown.
func isPlain(name string) bool {
	return strings.TrimSpace(name) != "" && strconv.Quote(name) == `"`+name+`"`
}
