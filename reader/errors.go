package reader

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// RefusedError says that a file is no acceptable CSV, or that the input as a
// whole is in doubt. No row of the run may be sent.
type RefusedError struct {
	File   string // as given
	Line   int64  // the physical line it is about; 0: the file as a whole
	Reason string // what it is instead, or what is wrong with it
	Hint   string // what to do
}

// Error names the file, the line and the reason; the hint stands apart.
func (e *RefusedError) Error() string {
	if e.Line > 0 {
		return at(e.File, e.Line) + ": " + e.Reason
	}
	return display(e.File) + ": " + e.Reason
}

// OpenError says that a file could not be opened, or not be read to its end:
// it does not exist, may not be read, is a directory, or its device fails.
type OpenError struct {
	File string // as given
	Op   string // "open" or "read"
	Err  error
}

// Error names the file once, whatever Err repeats of it.
func (e *OpenError) Error() string {
	err := e.Err
	if path := new(fs.PathError); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Sprintf("can't %s %s: %v", e.Op, display(e.File), err)
}

// Unwrap returns the system's error.
func (e *OpenError) Unwrap() error { return e.Err }

func refuse(reason, hint string) *RefusedError {
	return &RefusedError{Reason: reason, Hint: hint}
}

// display is a file's name as people see it: bytes that are no UTF-8 are shown
// as \xNN.
func display(name string) string {
	if name == "-" {
		return "standard input"
	}
	var b strings.Builder
	for i, c := range name {
		if c == utf8.RuneError && !strings.HasPrefix(name[i:], "\ufffd") {
			fmt.Fprintf(&b, `\x%02x`, name[i])
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// at is a place as people see it.
func at(file string, line int64) string {
	return fmt.Sprintf("%s:%d", display(file), line)
}
