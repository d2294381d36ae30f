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
	out    *output
	stdout io.Writer
	stderr io.Writer

	mu       sync.Mutex
	json     bool
	log      zerolog.Logger
	runID    string
	dir      string // of a real run that has begun; "" before
	over     bool   // the last line is written
	bar      *progressbar.ProgressBar
	progress progress
	untell   func()          // ends the goroutine that logs the progress, if there is one
	met      map[string]bool // kinds of faults that were warned about
}

// New returns a console for people. stopped is closed at the first signal.
func New(stdout, stderr io.Writer, stopped <-chan struct{}) *Console {
	c := &Console{out: newOutput(stopped), stdout: stdout, stderr: stderr, untell: func() {}, met: make(map[string]bool)}
	c.Format("console", "info")
	return c
}

// Format chooses console or json, and the lowest level that is logged.
func (c *Console) Format(format, level string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.json = format == "json"
	lowest, _ := zerolog.ParseLevel(level)
	var w io.Writer = c
	if !c.json {
		w = zerolog.ConsoleWriter{Out: c, TimeFormat: time.TimeOnly, NoColor: !terminal(c.stderr) || os.Getenv("NO_COLOR") != ""}
	}
	c.log = zerolog.New(w).Level(lowest).Hook(zerolog.HookFunc(stamp))
}

// stamp gives a line its time, in UTC and to the millisecond.
func stamp(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
}

// logger returns the log for one line.
func (c *Console) logger() *zerolog.Logger {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := c.log
	if c.json && c.runID != "" {
		log = log.With().Str("run_id", c.runID).Logger()
	}
	return &log
}

// IsJSON reports whether every line has to be JSON.
func (c *Console) IsJSON() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.json
}

// Write prints to standard error around the bar. Nothing comes after the last
// line.
func (c *Console) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return len(text), nil
	}
	shown := bytes.Clone(text)
	if c.json {
		shown = escapeJSON(text)
	}
	if c.bar == nil {
		c.out.put(c.stderr, shown)
		return len(text), nil
	}
	c.wipe()
	c.out.put(c.stderr, shown)
	_ = c.bar.RenderBlank()
	return len(text), nil
}

// escapeJSON escapes what a terminal would obey in a line of JSON.
func escapeJSON(line []byte) []byte {
	var b bytes.Buffer
	if err := report.WriteJSON(&b, json.RawMessage(line), ""); err != nil {
		return bytes.Clone(line)
	}
	return b.Bytes()
}

// Run names the run that is at work.
func (c *Console) Run(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runID = id
}

// Begun says that a real run is under way in dir.
func (c *Console) Begun(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dir = dir
}

// Dir is the directory of the real run that is under way; "" when there is none.
func (c *Console) Dir() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dir
}

func (c *Console) Info(text string) { c.logger().Info().Msg(c.plain(text)) }

// Warn is for what whoever runs this should look at; hint may be "".
func (c *Console) Warn(text, hint string) {
	c.logger().Warn().Msg(c.plain(text))
	if hint != "" {
		c.Hint(hint)
	}
}

// plain is a text without control characters. JSON has escapes of its own.
func (c *Console) plain(text string) string {
	if c.IsJSON() {
		return text
	}
	return report.Show(text)
}

// line is one that no --log-level leaves out.
func (c *Console) line(level zerolog.Level) *zerolog.Event {
	return c.logger().Log().Str(zerolog.LevelFieldName, level.String())
}

// Say writes a line for people, or the same as JSON.
func (c *Console) Say(text string) {
	if c.IsJSON() {
		c.line(zerolog.InfoLevel).Msg(text)
		return
	}
	fmt.Fprintln(c, report.Show(text))
}

// Hint says what to do.
func (c *Console) Hint(text string) { c.Say("hint: " + text) }

// stack writes down where a panic happened.
func (c *Console) stack(stack []byte) {
	if c.IsJSON() {
		c.line(zerolog.ErrorLevel).Bytes("stack", stack).Msg("stack of the internal error")
		return
	}
	_, _ = c.Write(stack)
}

// Fail says what is wrong, what to do, and what to paste. stack is where a panic
// happened, nil for any other error.
func (c *Console) Fail(f *pipeline.Failure, stack []byte, next []string) {
	if stack != nil {
		c.stack(stack)
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
	if code != pipeline.ExitDone {
		c.out.show()
	}
	if c.IsJSON() {
		c.line(lastLevel(code)).Int("exit_code", code).Str("reason", reason).Strs("next", append([]string{}, next...)).
			Msgf("exit %d: %s", code, reason)
	} else {
		for _, command := range next {
			fmt.Fprintln(c, "next: "+report.Show(command))
		}
		fmt.Fprintf(c, "exit %d: %s\n", code, report.Show(reason))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

func lastLevel(code int) zerolog.Level {
	switch code {
	case pipeline.ExitDone:
		return zerolog.InfoLevel
	case pipeline.ExitRows, pipeline.ExitPivots, pipeline.ExitGuard:
		return zerolog.WarnLevel
	}
	return zerolog.ErrorLevel
}

// Hush shows nothing unless the exit code turns out not to be 0.
func (c *Console) Hush() { c.out.hush() }

// Result prints what the command was asked for. The error is that of standard
// output; that nobody reads it, or no longer, is none.
func (c *Console) Result(text []byte) error {
	err := c.out.print(c.stdout, text)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, errUnread) {
		return nil
	}
	return err
}

// Text prints a result for people.
func (c *Console) Text(write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return c.Result(b.Bytes())
}

// Document prints a result as one JSON document: indented, or on one line where
// every line has to be JSON.
func (c *Console) Document(v any) error {
	indent := "  "
	if c.IsJSON() {
		indent = ""
	}
	return c.Text(func(w io.Writer) error { return report.WriteJSON(w, v, indent) })
}

// Stdout is standard output as a writer.
func (c *Console) Stdout() io.Writer { return direct{c} }

type direct struct{ *Console }

func (d direct) Write(text []byte) (int, error) { return len(text), d.Result(bytes.Clone(text)) }

// Unhush shows what was kept, and everything from now on.
func (c *Console) Unhush() { c.out.show() }

// Close waits until everything is written; after a signal for a short time, and
// when the process is forced to end for a very short one.
func (c *Console) Close(forced bool) {
	limit := unread
	if forced {
		limit /= 10
	}
	c.out.close(limit)
}
