// Package console is the one mouth of the program: log, progress, result and last
// line.
package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/schollz/progressbar/v3"

	"corattach/pipeline"
	"corattach/report"
)

// Console is all that the program says. Its rules:
//
//   - Standard output gets the result and nothing else.
//   - Everything on standard error goes through Write, which takes the bar off
//     the screen first and draws it again after.
//   - A bar is drawn only on a terminal that can take it back; elsewhere progress
//     is a log line every thirty seconds.
//   - Colours are for such a terminal alone, and not where NO_COLOR is set to
//     anything (no-color.org).
//   - In the json format every line of both streams is JSON, the result too, and
//     run_id stands in every line from the moment there is one. The names of the
//     fields are a promise (samples/operate.md, "Logs"). People get lines without run_id.
//   - No text from a file, a name or an answer reaches a stream with a control
//     character in it.
//   - An error is said once, in the last line, which gives the exit code.
//   - With --quiet nothing is written before it is known that the code is not 0.
//
// Its methods may be called from several goroutines. None of them blocks for ever
// once a signal has come.
type Console struct {
	stdout  io.Writer
	stderr  io.Writer
	stopped <-chan struct{} // closed at the first signal
	json    atomic.Bool
	log     atomic.Pointer[zerolog.Logger]

	mu       sync.Mutex
	quiet    bool
	held     []func() error // writes to come: what --quiet keeps, or what nobody reads
	unread   chan error     // gets what came of the latest write that nobody waits for any more
	over     bool           // the last line is written
	resume   []string       // how to go on with what is sent, or was
	bar      *progressbar.ProgressBar
	progress progress
	met      map[string]bool // kinds of faults that were warned about
}

// patience is how long a write waits, after a signal, for a stream that nobody
// reads: a terminal that Ctrl-S has stopped, or a pipe.
const patience = time.Second

// New returns a console for people. stopped is closed at the first signal.
func New(stdout, stderr io.Writer, stopped <-chan struct{}) *Console {
	c := &Console{stdout: stdout, stderr: stderr, stopped: stopped, met: make(map[string]bool)}
	c.Format("console", "info")
	return c
}

// Format chooses console or json, and the lowest level that is logged. It comes
// before Run.
func (c *Console) Format(format, level string) {
	c.json.Store(format == "json")
	var w io.Writer = c
	if format != "json" {
		_, screen := terminal(c.stderr)
		w = zerolog.ConsoleWriter{
			Out: c, TimeFormat: time.TimeOnly, NoColor: !screen || os.Getenv("NO_COLOR") != "",
			FieldsExclude: []string{"run_id", "users", "users_done", "users_with_trouble", "attempts", "throttled", "attempts_per_second", "seconds_left"},
			FormatPrepare: func(line map[string]any) error {
				line[zerolog.MessageFieldName] = pipeline.Show(fmt.Sprint(line[zerolog.MessageFieldName]))
				return nil
			},
		}
	}
	stamp := func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	lowest, _ := zerolog.ParseLevel(level)
	log := zerolog.New(w).Level(lowest).Hook(zerolog.HookFunc(stamp))
	c.log.Store(&log)
}

// Run names the run that is at work.
func (c *Console) Run(id string) {
	log := c.log.Load().With().Str("run_id", id).Logger()
	c.log.Store(&log)
}

// IsJSON reports whether every line has to be JSON.
func (c *Console) IsJSON() bool { return c.json.Load() }

// Write prints to standard error around the bar. Nothing comes after the last
// line.
func (c *Console) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return len(text), nil
	}
	shown := text
	var b bytes.Buffer
	if c.IsJSON() && report.WriteJSON(&b, json.RawMessage(text), "") == nil { // it escapes what a terminal would obey
		shown = b.Bytes()
	}
	if c.bar != nil {
		_ = c.bar.Clear()
		defer func() { _ = c.bar.RenderBlank() }()
	}
	_ = c.emit(c.stderr, shown)
	return len(text), nil
}

// emit writes to a stream, behind what is held. The caller holds mu. The error is
// that of the stream.
func (c *Console) emit(to io.Writer, text []byte) (err error) {
	text = bytes.Clone(text)
	c.held = append(c.held, func() error {
		_, err := to.Write(text)
		return err
	})
	for len(c.held) > 0 && !c.quiet && (c.unread == nil || len(c.unread) > 0) {
		err = c.await(c.held[0])
		c.held = c.held[1:]
	}
	return err
}

// await waits until a text is written, after a signal no longer than patience
// allows. Only a goroutine of its own may block.
func (c *Console) await(write func() error) error {
	wrote := make(chan error, 1)
	go func() { wrote <- write() }()
	select {
	case err := <-wrote:
		return err
	case <-c.stopped:
	}
	select {
	case err := <-wrote:
		return err
	case <-time.After(patience):
		c.unread = wrote
		return nil
	}
}

// Quiet holds everything that is said from now on, or lets it go with the next that
// is said.
func (c *Console) Quiet(quiet bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = quiet
}

// Info is for what is worth knowing.
func (c *Console) Info(text string) { c.log.Load().Info().Msg(text) }

// Warn is for what whoever runs this should look at; hint may be "".
func (c *Console) Warn(text, hint string) {
	c.log.Load().Warn().Msg(text)
	if hint != "" {
		c.Hint(hint)
	}
}

// line is one that no --log-level leaves out.
func (c *Console) line(level zerolog.Level) *zerolog.Event {
	return c.log.Load().Log().Str(zerolog.LevelFieldName, level.String())
}

// Say writes a line for people, or the same as JSON.
func (c *Console) Say(text string) {
	if c.IsJSON() {
		c.line(zerolog.InfoLevel).Msg(text)
		return
	}
	fmt.Fprintln(c, pipeline.Show(text))
}

// Hint says what to do.
func (c *Console) Hint(text string) { c.Say("hint: " + text) }

// Fail says what is wrong, of a panic where it happened, what to do, and what to paste.
func (c *Console) Fail(f *pipeline.Failure, next []string) {
	if panicky, is := errors.AsType[*pipeline.PanicError](f); is && c.IsJSON() {
		c.line(zerolog.ErrorLevel).Bytes("stack", panicky.Stack).Msg("stack of the internal error")
	} else if is {
		_, _ = c.Write(panicky.Stack)
	}
	if f.Hint != "" {
		c.Hint(f.Hint)
	}
	c.End(f.Code, f.Error(), next)
}

// End writes the last lines: at most two commands to paste, in the order in which
// to do them, and the exit code with its reason. What --quiet kept is shown
// unless the code is 0.
func (c *Console) End(code int, reason string, next []string) {
	c.Unfollow()
	level := zerolog.ErrorLevel
	switch code {
	case pipeline.ExitDone:
		level = zerolog.InfoLevel
	case pipeline.ExitRows, pipeline.ExitPivots, pipeline.ExitGuard:
		level = zerolog.WarnLevel
	}
	if code != pipeline.ExitDone {
		c.Quiet(false)
	}
	if c.IsJSON() {
		c.line(level).Int("exit_code", code).Str("reason", reason).Strs("next", append([]string{}, next...)).
			Msgf("exit %d: %s", code, reason)
	} else {
		for _, command := range next {
			c.Say("next: " + command)
		}
		c.Say(fmt.Sprintf("exit %d: %s", code, reason))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// Result prints what the command was asked for. The error is that of standard
// output; that nobody reads it, or no longer, is none.
func (c *Console) Result(text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.emit(c.stdout, text)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// Print prints a result: as one JSON document where that is asked for or every
// line has to be JSON, else by text for people.
func (c *Console) Print(asJSON bool, v any, text func(io.Writer) error) error {
	var b bytes.Buffer
	var err error
	switch {
	case c.IsJSON():
		err = report.WriteJSON(&b, v, "")
	case asJSON:
		err = report.WriteJSON(&b, v, "  ")
	default:
		err = text(&b)
	}
	if err != nil {
		return err
	}
	return c.Result(b.Bytes())
}

// Stdout is standard output as a writer.
func (c *Console) Stdout() io.Writer { return writer(c.Result) }

// writer is a function that writes.
type writer func(text []byte) error

func (w writer) Write(text []byte) (int, error) { return len(text), w(text) }

// Abort is End after a second signal, with the commands to go on.
func (c *Console) Abort(code int, reason string) {
	c.mu.Lock()
	next := c.resume
	c.mu.Unlock()
	c.End(code, reason, next)
}
