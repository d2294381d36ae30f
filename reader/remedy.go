package reader

import (
	"bufio"
	"bytes"
	"fmt"
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
func (r *reading) remedy(start []byte, refused *layout) (best string) {
	fewest := len(columnNames()) + 1
	f := &framer{in: bufio.NewReaderSize(bytes.NewReader(start), frameWindow), line: 1}
	for f.line <= remedyLines {
		line, err := f.next()
		if err != nil {
			break
		}
		head := r.bestLayout(line, delimiters)
		if columns := head.columnFlags(); head.broken == "" && head.repeated == "" && len(columns) == len(head.missing) && len(columns) < fewest {
			var flags []string
			if head.line != refused.line {
				flags = append(flags, fmt.Sprintf("--skip-lines %d", head.line-1))
			}
			if named := r.Delimiter != "" && r.Delimiter != "auto"; head.delim != refused.delim && (named || head.line == refused.line) {
				flags = append(flags, "--delimiter "+delimiterNames()[strings.IndexByte(delimiters, head.delim)])
			}
			best, fewest = strings.Join(append(flags, columns...), " "), len(columns)
		}
		_ = f.skipLine() // next tells the end too
	}
	return best
}

// columnFlags returns the flags that name the columns which a header lacks, without
// those that can't be told. A column can have the one name of the header that sounds
// like it or, if no other column is missing, the only one that is left.
func (h *layout) columnFlags() (flags []string) {
	var left, taken []string
	for i, name := range h.names {
		if h.columns[i] == "" && strings.TrimSpace(name) != "" && strconv.Quote(name) == `"`+name+`"` { // it can be typed as it is shown
			left = append(left, name)
		}
	}
	for _, column := range h.missing {
		names := slices.DeleteFunc(slices.Clone(left), func(name string) bool { return !soundsLike(name, column) })
		if len(names) == 0 && len(h.missing) == 1 && column != sourceColumn {
			names = left
		}
		switch {
		case len(names) != 1 && column == sourceColumn:
			flags = append(flags, anySource)
		case len(names) == 1 && !slices.Contains(taken, names[0]):
			taken, flags = append(taken, names[0]), append(flags, mapFlag(column, names[0]))
		}
	}
	return flags
}

func mapFlag(column, name string) string {
	return "--map " + shellescape.Quote(column+"="+strings.TrimSpace(name))
}

// hintRepeated lists the flags that tell the columns apart which are one by name.
func (h *layout) hintRepeated() string {
	var flags []string
	for i, name := range h.names {
		switch {
		case h.columns[i] != h.repeated:
		case h.index(name) < i:
			return "rename or remove the column that is there twice"
		default:
			flags = append(flags, mapFlag(h.repeated, name))
		}
	}
	return "say which one is meant: " + strings.Join(flags, " or ")
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
