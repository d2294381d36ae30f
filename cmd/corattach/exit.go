package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"corattach/pipeline"
	"corattach/reader"
	"corattach/report"
)

// The exit codes. Scripts depend on them.
const (
	exitDone        = 0
	exitInternal    = 1
	exitUsage       = 2
	exitRefused     = 3
	exitRows        = 4
	exitPivots      = 5
	exitGuard       = 6
	exitCredentials = 7
	exitUnavailable = 8
	exitLocked      = 11
	exitSignal      = 128 // plus the number of the signal
)

// meaning is what an exit code stands for, whatever the run was about.
func meaning(code int) string {
	switch code {
	case exitDone:
		return "every row matched, is unchanged or a duplicate"
	case exitUsage:
		return "wrong usage or configuration, or a file that can't be opened"
	case exitRefused:
		return "the input was refused, nothing was sent"
	case exitRows:
		return "some rows failed, are unknown, invalid, held or not sent"
	case exitPivots:
		return "some rows mismatched or missing"
	case exitGuard:
		return "stopped by a guard"
	case exitCredentials:
		return "the credentials were refused"
	case exitUnavailable:
		return "COR was unavailable, or throttled for too long"
	case exitLocked:
		return "another run was active"
	}
	if code > exitSignal {
		return "stopped by a signal"
	}
	return "internal error, a report could not be written, or the accounting is broken"
}

// failure is an error that ends the program with a code of its own.
type failure struct {
	code int
	err  error
	hint string // what to do; "" when there is nothing to say
}

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

func usage(hint, format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...), hint}
}

// stopped is the cause of a context that a signal ended.
type stopped struct {
	pipeline.Stop
	signal int
	name   string
}

// Unwrap lets the runner find the Stop.
func (s *stopped) Unwrap() error { return s.Stop }

// explain is the one place that turns errors into exit codes and hints.
func explain(err error) *failure {
	var (
		known   *failure
		refused *reader.RefusedError
		open    *reader.OpenError
		signal  *stopped
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return &failure{exitRefused, refused, refused.Hint}
	case errors.As(err, &open):
		hint := "check the path and who may read it"
		switch {
		case errors.Is(err, fs.ErrNotExist):
			hint = "check the path; - is standard input"
		case errors.Is(err, syscall.EISDIR):
			hint = "name the files in it"
		}
		return &failure{exitUsage, open, hint}
	case errors.As(err, &signal):
		return &failure{exitSignal + signal.signal, signal, ""}
	}
	return &failure{exitInternal, err, scarce(err)}
}

// unsent adds to the error of a signal that it came before anything was sent; any
// other error is returned as it is.
func unsent(err error) error {
	var signal *stopped
	if !errors.As(err, &signal) {
		return err
	}
	return &failure{exitSignal + signal.signal, fmt.Errorf("%w while the input was read; nothing was sent", signal), ""}
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

// first is a hint that begins with what the machine has run out of, if that is
// what went wrong.
func first(err error, then string) string {
	if hint := scarce(err); hint != "" {
		return hint + "; " + then
	}
	return then
}

// ending is what decides how a run that wrote its reports ends.
type ending struct {
	rows      report.Rows
	undone    int64  // vanished pairs that were to be detached and are not
	imbalance string // how the accounting is broken; "" when it is not
	stop      pipeline.Stop
	signal    int // the number of the signal that stopped the run
	killed    bool
}

// exit gives the code, its reason, and all codes that hold.
func (e ending) exit() report.Exit {
	var all []report.Exit
	add := func(holds bool, code int, reason string) {
		if holds {
			all = append(all, report.Exit{Code: code, Reason: reason})
		}
	}
	r := e.rows
	wrong := counted("failed", r.Failed, "unknown", r.Unknown, "invalid", r.Invalid, "held", r.Held, "not sent", r.NotSent)
	if e.undone > 0 {
		wrong = strings.TrimPrefix(wrong+", "+count(e.undone, "vanished pair")+" not detached", ", ")
	}
	different := counted("mismatched", r.Mismatched, "missing", r.Missing)
	add(e.imbalance != "", exitInternal, "the accounting is broken: "+e.imbalance)
	add(e.stop.Kind == pipeline.Interrupted, exitSignal+e.signal, e.stop.Reason)
	add(e.stop.Kind == pipeline.Credentials, exitCredentials, e.stop.Reason)
	add(e.stop.Kind == pipeline.Unavailable, exitUnavailable, e.stop.Reason)
	add(e.stop.Kind == pipeline.Guarded || e.stop.Kind == pipeline.CanaryFailed || e.stop.Kind == pipeline.TooMuchGone, exitGuard, e.stop.Reason)
	add(e.stop.Kind == pipeline.InputRefused, exitRefused, e.stop.Reason)
	add(wrong != "" && e.stop.Kind != pipeline.InputRefused, exitRows, e.interrupted()+wrong)
	add(different != "", exitPivots, different)
	add(len(all) == 0, exitDone, "every row is accounted for, and none needs attention")
	exit := report.Exit{Code: all[0].Code, Reason: all[0].Reason}
	for _, a := range all {
		exit.All = append(exit.All, a.Code)
	}
	return exit
}

func (e ending) interrupted() string {
	if e.killed {
		return "interrupted at its last record; "
	}
	return ""
}

// counted names what is not zero, as in "2 rows failed, 1 held".
func counted(pairs ...any) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		n := pairs[i+1].(int64)
		if n == 0 {
			continue
		}
		rows := ""
		if len(parts) == 0 {
			rows = " row"
			if n > 1 {
				rows = " rows"
			}
		}
		parts = append(parts, fmt.Sprintf("%d%s %s", n, rows, pairs[i]))
	}
	return strings.Join(parts, ", ")
}
