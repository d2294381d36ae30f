package reader

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"corattach/pipeline"
)

// noticesKept bounds the warnings that are kept.
const noticesKept = 20

// notices gathers what there is to warn of, in whatever order it is found. Its
// methods may be called from several goroutines.
type notices struct {
	mu      sync.Mutex
	first   []notice // those that stand first in the input, in its order
	total   int
	nobodys []nobodys // per file
}

// notice is a warning about a place of the input; line 0 is the header.
type notice struct {
	at   pipeline.Place
	text string
}

// nobodys are the records of a file that do not tell their user.
type nobodys struct {
	rows int
	line int64 // of the first
}

// add notes a warning, as fmt.Sprintf words it.
func (n *notices) add(at pipeline.Place, format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.total++
	i := len(n.first)
	for i > 0 && before(at, n.first[i-1].at) {
		i--
	}
	if i == noticesKept {
		return
	}
	n.first = slices.Insert(n.first[:min(len(n.first), noticesKept-1)], i, notice{at, fmt.Sprintf(format, args...)})
}

func before(a, b pipeline.Place) bool {
	return a.File < b.File || a.File == b.File && a.Line < b.Line
}

// unknown counts a record that does not tell its user.
func (n *notices) unknown(at pipeline.Place) {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := &n.nobodys[at.File]
	if of.rows++; of.rows == 1 || at.Line < of.line {
		of.line = at.Line
	}
}

// all returns the first warnings and how many there are.
func (n *notices) all(files []File) (first []string, total int) {
	for i, of := range n.nobodys {
		if of.rows > 0 {
			n.add(pipeline.Place{File: i, Line: math.MaxInt64}, "%s: %s with no known user, the first on line %d: their users may be sent in part",
				display(files[i].Name), count(of.rows, "record"), of.line)
			n.nobodys[i].rows = 0
		}
	}
	for _, w := range n.first {
		first = append(first, w.text)
	}
	return first, n.total
}
