package console

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// output writes to the program's streams from one goroutine, in the order in
// which it is given the pieces. That goroutine alone may block, on a terminal
// that Ctrl-S has stopped or a pipe that nobody reads; others then wait as long
// as no signal has come, and not at all after that. Its methods may be called
// from several goroutines.
type output struct {
	queue   chan piece
	quit    chan struct{}   // closed when nothing more is to be written
	ended   chan struct{}   // closed when the goroutine has ended
	stopped <-chan struct{} // closed at the first signal

	idle atomic.Bool // nobody read for as long as the end waits: it does not wait again

	mu    sync.Mutex
	quiet bool
	held  []piece // what is not shown when the command ends with 0
}

// piece is a text for a stream.
type piece struct {
	to    io.Writer
	text  []byte
	wrote chan error // of capacity 1, gets what came of it; nil when nobody waits
}

const (
	queued = 256             // pieces that wait to be written before others have to
	unread = 2 * time.Second // how long the end waits, after a signal, for streams that nobody reads
)

var errUnread = errors.New("nobody reads the output")

func newOutput(stopped <-chan struct{}) *output {
	o := &output{queue: make(chan piece, queued), quit: make(chan struct{}), ended: make(chan struct{}), stopped: stopped}
	go o.write()
	return o
}

func (o *output) write() {
	defer close(o.ended)
	for {
		select {
		case p := <-o.queue:
			_, err := p.to.Write(p.text)
			if p.wrote != nil {
				p.wrote <- err
			}
		case <-o.quit:
			return
		}
	}
}

// put writes a text, or keeps it while the output is quiet.
func (o *output) put(to io.Writer, text []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.quiet {
		o.held = append(o.held, piece{to: to, text: text})
		return
	}
	o.send(piece{to: to, text: text})
}

// print writes a text and waits until it is written.
func (o *output) print(to io.Writer, text []byte) error {
	o.mu.Lock()
	if o.quiet {
		o.held = append(o.held, piece{to: to, text: text})
		o.mu.Unlock()
		return nil
	}
	o.mu.Unlock()
	return o.deliver(to, text, unread)
}

// deliver waits until a text is written, and after a signal no longer than limit.
func (o *output) deliver(to io.Writer, text []byte, limit time.Duration) error {
	p := piece{to, text, make(chan error, 1)}
	o.send(p)
	select {
	case err := <-p.wrote:
		return err
	case <-o.stopped:
	}
	if o.idle.Load() {
		limit = 0
	}
	select {
	case err := <-p.wrote:
		return err
	case <-time.After(limit):
		o.idle.Store(true)
		return errUnread
	}
}

func (o *output) send(p piece) {
	select {
	case o.queue <- p:
		return
	default:
	}
	select {
	case o.queue <- p:
	case <-o.stopped:
	case <-o.quit:
	}
}

// Hush keeps everything until show or close.
func (o *output) hush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.quiet = true
}

// show writes what was kept, each stretch for one stream in one piece.
func (o *output) show() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.quiet = false
	for i := 0; i < len(o.held); {
		to, text := o.held[i].to, []byte(nil)
		for ; i < len(o.held) && o.held[i].to == to; i++ {
			text = append(text, o.held[i].text...)
		}
		o.send(piece{to: to, text: text})
	}
	o.held = nil
}

// close waits until everything is written, and after a signal no longer than
// limit. What was kept and not shown is gone.
func (o *output) close(limit time.Duration) {
	o.mu.Lock()
	o.quiet, o.held = false, nil
	o.mu.Unlock()
	err := o.deliver(io.Discard, nil, limit)
	close(o.quit)
	if err == nil {
		<-o.ended
	}
}
