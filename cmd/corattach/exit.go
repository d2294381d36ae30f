package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"corattach/pipeline"
	"corattach/reader"
)

// usage is an error about how the program was called or set up.
func usage(hint, format string, args ...any) error {
	return &pipeline.Failure{Code: pipeline.ExitUsage, Err: fmt.Errorf(format, args...), Hint: hint}
}

// failureOf is the one place that turns errors into exit codes and hints.
func failureOf(err error) *pipeline.Failure {
	var (
		known   *pipeline.Failure
		refused *reader.RefusedError
		open    *reader.OpenError
		stop    pipeline.Stop
		panicky *pipeline.PanicError
	)
	switch {
	case errors.As(err, &panicky):
		return &pipeline.Failure{Code: pipeline.ExitInternal, Err: err,
			Hint: "this is a fault of the program: report it with the lines above; what a run has sent is in its journal"}
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return &pipeline.Failure{Code: pipeline.ExitRefused, Err: refused, Hint: refused.Hint}
	case errors.As(err, &open):
		return &pipeline.Failure{Code: pipeline.ExitUsage, Err: open, Hint: openHint(open)}
	case errors.As(err, &stop) && stop.Kind == pipeline.Interrupted:
		return &pipeline.Failure{Code: pipeline.ExitSignal + stop.Signal, Err: err}
	}
	return &pipeline.Failure{Code: pipeline.ExitInternal, Err: err, Hint: scarce(err)}
}

// stackOf returns where a panic happened; nil for any other error.
func stackOf(err error) []byte {
	var panicky *pipeline.PanicError
	if errors.As(err, &panicky) {
		return panicky.Stack
	}
	return nil
}

func openHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "check the path; - is standard input"
	case errors.Is(err, syscall.EISDIR):
		return "name the files in it"
	}
	return "check the path and who may read it"
}

// scarce says what to do when the machine has run out of something; "" for any
// other error.
func scarce(err error) string {
	var file *fs.PathError
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "raise the limit of open files (ulimit -n)"
	case !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT):
		return ""
	case errors.As(err, &file) && file.Path == "/dev/stdout": // as package os calls it
		return "make room where standard output goes"
	}
	return "make room where --runs-dir is"
}
