package reader

import (
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
)

// listed bounds what a warning or a refusal lists.
const listed = 20

// warnings gathers what there is to warn of, by kind.
type warnings struct {
	ignored   list // names of columns
	ignoredIn list // their files
	empty     list // files, and how they are
	twice     list // pairs of files
	damaged   list // ids and their places
	blank     list // places
	nobodys   list // places
}

// list keeps the first few of the texts added, and counts them.
type list struct {
	count int
	first []string
}

func (l *list) add(text string) {
	if l.count++; l.count <= listed {
		l.first = append(l.first, text)
	}
}

// String joins the texts.
func (l *list) String() string {
	if more := l.count - len(l.first); more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(l.first, ", "), more)
	}
	return strings.Join(l.first, ", ")
}

// addIgnored takes note of the columns of a file that are none of those to read, and
// that neither say by a leading _ that they are meant for others nor stand in the
// vanished.csv that a detach is given.
func (w *warnings) addIgnored(file string, h *layout, detach bool) {
	some := false
	for i, name := range h.names {
		expected := strings.HasPrefix(bare(name), "_") || detach && (isColumn(name, percentageColumn) || isColumn(name, "confirmed_at"))
		if h.columns[i] != "" || expected {
			continue
		}
		if some = true; !slices.Contains(w.ignored.first, quote(name)) {
			w.ignored.add(quote(name))
		}
	}
	if some {
		w.ignoredIn.add(display(file))
	}
}

// lines returns one line for each kind. An input of one file without rows is no
// matter for a warning: whoever counts the rows says so.
func (w *warnings) lines(files int, detach bool) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if w.ignored.count > 0 {
		say("%s: ignored columns: %s", &w.ignoredIn, &w.ignored)
	}
	if n := w.empty.count; n > 0 && files > 1 {
		say("%s without rows: %s", pipeline.Count(n, "file"), &w.empty)
	}
	if w.twice.count > 0 {
		say("the same bytes were given twice: %s", &w.twice)
	}
	if n := w.damaged.count; n > 0 {
		say("%s in the form of a number that a spreadsheet has shortened; the first is %s", pipeline.Count(n, "id"), w.damaged.first[0])
	}
	if n := w.blank.count; n > 0 {
		say("%s of blank cells alone, not counted as rows; the first is at %s", pipeline.Count(n, "record"), w.blank.first[0])
	}
	if n := w.nobodys.count; n > 0 && !detach {
		say("%s without a known user; the first is at %s: users may be sent in part", pipeline.Count(n, "record"), w.nobodys.first[0])
	}
	return lines
}
