package main

import (
	"errors"
	"syscall"

	"corattach/pipeline"
	"corattach/reader"
)

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
		hint := "check the path and who may read it; - is standard input"
		if errors.Is(err, syscall.EISDIR) {
			hint = "name the files in it"
		}
		return &pipeline.Failure{Code: pipeline.ExitUsage, Err: open, Hint: hint}
	case errors.As(err, &stop) && stop.Kind == pipeline.Interrupted:
		return &pipeline.Failure{Code: pipeline.ExitSignal + stop.Signal, Err: err}
	}
	return &pipeline.Failure{Code: pipeline.ExitInternal, Err: err, Hint: pipeline.Scarce(err)}
}
