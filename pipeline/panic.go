package pipeline

import (
	"fmt"
	"runtime/debug"
)

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
