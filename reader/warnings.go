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

// addIgnored takes note of the columns of a file that nobody expects there.
func (w *warnings) addIgnored(file string, h *layout) {
	for i, name := range h.names {
		if h.columns[i] == "" && !slices.Contains(w.ignored.first, quote(name)) {
			w.ignored.add(quote(name))
		}
	}
	if slices.Contains(h.columns, "") {
		w.ignoredIn.add(display(file))
	}
}

// lines returns one line for each kind. An input of one file without rows is no
// matter for a warning: whoever counts the rows says so.
func (w *warnings) lines(files int, detach bool) []string {
	var lines []string
	say := func(of *list, noun, format string) { // of their number with its noun, of all of them, and of the first
		if of.count > 0 {
			lines = append(lines, fmt.Sprintf(format, pipeline.Count(of.count, noun), of, of.first[0]))
		}
	}
	if w.ignored.count > 0 {
		lines = append(lines, fmt.Sprintf("%s: ignored columns: %s", &w.ignoredIn, &w.ignored))
	}
	if files > 1 {
		say(&w.empty, "file", "%[1]s without rows: %[2]s")
	}
	say(&w.twice, "pair", "the same bytes were given twice: %[2]s")
	say(&w.damaged, "id", "%[1]s in the form of a number that a spreadsheet has shortened; the first is %[3]s")
	say(&w.blank, "record", "%[1]s of blank cells alone, not counted as rows; the first is at %[3]s")
	if !detach {
		say(&w.nobodys, "record", "%[1]s without a known user; the first is at %[3]s: users may be sent in part")
	}
	return lines
}
