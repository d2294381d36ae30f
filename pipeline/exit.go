package pipeline

import (
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"
)

// The exit codes of the program. Scripts depend on them.
const (
	ExitDone        = 0   // every row is accounted for, and none needs attention
	ExitInternal    = 1   // internal error, a report that can't be written, broken accounting
	ExitUsage       = 2   // wrong usage or configuration, a file that can't be opened
	ExitRefused     = 3   // the input was refused; nothing was sent
	ExitRows        = 4   // some rows failed, unknown, invalid, held, protected or not sent
	ExitPivots      = 5   // some rows mismatched, missing or still attached, nothing worse
	ExitGuard       = 6   // stopped by a guard
	ExitCredentials = 7   // credentials refused
	ExitUnavailable = 8   // COR unavailable, not to be trusted, or throttling for too long
	ExitLocked      = 11  // another run holds the lock
	ExitSignal      = 128 // plus the number of the signal
)

// Failure is an error that ends the program with a code of its own.
type Failure struct {
	Code int    // one of the exit codes
	Err  error  // what is wrong: lower case, no full stop
	Hint string // the one thing to do; "" when there is nothing to say
}

// Error returns what is wrong.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error itself.
func (f *Failure) Unwrap() error { return f.Err }

// Usage is wrong usage or configuration.
func Usage(hint, format string, args ...any) error {
	return &Failure{ExitUsage, fmt.Errorf(format, args...), hint}
}

// Internal is what the program, or the machine it runs on, is to blame for. When the
// machine has run out of something, the hint says that.
func Internal(hint string, err error) *Failure {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		hint = "raise the limit of open files (ulimit -n)"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "make room on the disk that is full"
	}
	return &Failure{ExitInternal, err, hint}
}

// Unwritable is the error of a run's directory or report that can't be written. A Stop
// stays as it is.
func Unwritable(err error) error {
	if _, stopped := errors.AsType[Stop](err); stopped {
		return err
	}
	return Internal("choose another --runs-dir, or make this one writable", fmt.Errorf("no reports can be written: %w", err))
}

// PanicError is what a panic in any goroutine becomes: an internal error that
// comes back to whoever waits for the goroutine.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns what the panic said, without the stack.
func (p *PanicError) Error() string { return fmt.Sprintf("internal error: %v", p.Value) }

// Recover turns a panic into *err. It is to be deferred at the top of each
// goroutine whose error somebody waits for. A *PanicError of another goroutine
// that is panicked with again stays as it is.
func Recover(err *error) {
	switch value := recover().(type) {
	case nil:
	case *PanicError:
		*err = value
	default:
		*err = &PanicError{value, debug.Stack()}
	}
}
