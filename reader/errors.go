package reader

import (
	"errors"
	"fmt"
	"io/fs"
)

// RefusedError says that a file is no acceptable CSV. No row of the run may be
// sent.
type RefusedError struct {
	File   string // as given
	Line   int64  // the physical line it is about; 0: the file as a whole
	Reason string // what it is instead, or what is wrong with it
	Hint   string // what to do; "" when there is nothing to say
}

// Error names the file, the line and the reason; the hint stands apart.
func (e *RefusedError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", display(e.File), e.Line, e.Reason)
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

func display(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

func refuse(reason, hint string) *RefusedError {
	return &RefusedError{Reason: reason, Hint: hint}
}
