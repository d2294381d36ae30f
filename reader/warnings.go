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

func (l *list) join() string {
	if more := l.count - len(l.first); more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(l.first, ", "), more)
	}
	return strings.Join(l.first, ", ")
}

// addIgnored takes the names of a file's ignored columns.
func (w *warnings) addIgnored(file string, names []string) {
	if len(names) > 0 {
		w.ignoredIn.add(display(file))
	}
	for _, name := range names {
		if quoted := quote(name); !slices.Contains(w.ignored.first, quoted) {
			w.ignored.add(quoted)
		}
	}
}

// lines returns one line for each kind. An input of one file without rows is no
// matter for a warning: whoever counts the rows says so.
func (w *warnings) lines(files int, detach bool) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if w.ignored.count > 0 {
		say("%s: ignored columns: %s", w.ignoredIn.join(), w.ignored.join())
	}
	if n := w.empty.count; n > 0 && files > 1 {
		say("%s without rows: %s", pipeline.Count(n, "file"), w.empty.join())
	}
	if w.twice.count > 0 {
		say("the same bytes were given twice: %s", w.twice.join())
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
