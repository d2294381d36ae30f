package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"corattach/cmd/corattach/console"
	"corattach/pipeline"
)

// cutGrace is how long a second signal leaves for open exchanges to be written
// down as cut short, and for the reports.
const cutGrace = 2 * time.Second

// listen makes the console and ends a.ctx at the first SIGINT, SIGTERM or SIGHUP,
// and a.cut at the second. The process has to end at once when the first comes over the
// channel: some time after the second, or at the third. The returned function ends the
// listening.
func (a *app) listen() (forced <-chan pipeline.Stop, release func()) {
	ctx, end := context.WithCancelCause(context.Background())
	cut, cutOff := context.WithCancelCause(context.Background())
	a.ctx, a.cut = ctx, cut
	a.console = console.New(a.stdout, a.stderr, ctx.Done())

	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may go; the run goes on
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	now := make(chan pipeline.Stop, 1)
	var listening sync.WaitGroup
	listening.Go(func() {
		first, forced := obey(signals, func(first pipeline.Stop) {
			end(first)
			a.console.Stopping(first)
		}, cutOff)
		if forced {
			now <- first
		}
	})
	return now, func() {
		signal.Stop(signals)
		close(signals)
		listening.Wait()
		end(nil)
		cutOff(nil)
	}
}

// obey does what one signal after the other asks for, until signals is closed or the
// process has to end at once: forced, with the first signal. It writes to nothing that
// may block.
func obey(signals <-chan os.Signal, end func(pipeline.Stop), cutOff func(error)) (first pipeline.Stop, forced bool) {
	s, more := <-signals
	if !more {
		return first, false
	}
	first = stoppedBy(s)
	end(first)
	if s, more = <-signals; !more {
		return first, false
	}
	cutOff(stoppedBy(s))
	select {
	case _, more = <-signals:
	case <-time.After(cutGrace):
	}
	return first, more
}

func stoppedBy(s os.Signal) pipeline.Stop {
	number, _ := s.(syscall.Signal)
	name := map[syscall.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"}[number]
	return pipeline.Stop{Kind: pipeline.Interrupted, Reason: "stopped by " + name, Signal: int(number)}
}
