package main

import (
	"errors"

	"corattach/pipeline"
)

// failureOf is the one place that turns errors into exit codes and hints.
func failureOf(err error) *pipeline.Failure {
	var (
		known   *pipeline.Failure
		stop    pipeline.Stop
		panicky *pipeline.PanicError
	)
	switch {
	case errors.As(err, &panicky):
		return &pipeline.Failure{Code: pipeline.ExitInternal, Err: err,
			Hint: "this is a fault of the program: report it with the lines above; what a run has sent is in its journal"}
	case errors.As(err, &known):
		return known
	case errors.As(err, &stop) && stop.Kind == pipeline.Interrupted:
		return &pipeline.Failure{Code: pipeline.ExitSignal + stop.Signal, Err: err}
	}
	return pipeline.Internal("", err)
}
