package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"corattach/pipeline"
	"corattach/report"
)

// console is the one mouth of the program while a run is on. Its rules:
//
//   - Standard output gets the result and nothing else.
//   - Everything on standard error goes through Write, which takes the bar off
//     the screen first and draws it again after.
//   - A bar is drawn only on a terminal that can take it back; elsewhere progress
//     is a log line every thirty seconds.
//   - Colours are for such a terminal alone, and not where NO_COLOR is set to
//     anything (no-color.org).
//   - In the json format every line is a JSON object, the last one too, and there
//     is no bar but on a terminal. The names of its fields are a promise (README,
//     "Logs"), and run_id stands in every line from the moment there is one.
//   - The line that gives the exit code is the last one on standard error.
//
// Its methods may be called from several goroutines.
type console struct {
	log  zerolog.Logger
	json bool

	mu       sync.Mutex
	err      io.Writer
	bar      *progressbar.ProgressBar
	shown    int // faults that were logged as warnings
	progress progress
}

// progress is how far the sending is.
type progress struct {
	total, users, attempts, throttled int
}

const (
	progressEvery = 30 * time.Second
	widestBar     = 30 // columns
	barText       = 46 // columns that the longest text around the bar takes
	faultsShown   = 20 // as warnings; later ones are logged at debug
)

// newConsole returns the console that the flags ask for.
func (a *app) newConsole(f *outputFlags) *console {
	c := &console{err: a.err, json: f.LogFormat == "json"}
	level, _ := zerolog.ParseLevel(f.LogLevel)
	var w io.Writer = c
	if !c.json {
		w = zerolog.ConsoleWriter{Out: c, TimeFormat: time.TimeOnly, NoColor: !terminal(a.err) || os.Getenv("NO_COLOR") != ""}
	}
	c.log = zerolog.New(w).Level(level).Hook(zerolog.HookFunc(stamp))
	a.console = c
	return c
}

// stamp gives a line its time, in UTC and to the millisecond.
func stamp(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
}

// terminal reports whether w is a terminal on which more can be done than adding
// lines.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// columns is the width of a terminal, wide when it is not known.
func columns(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return barText + widestBar
}

// Write prints to standard error around the bar.
func (c *console) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar == nil {
		return c.err.Write(text)
	}
	c.wipe()
	n, err := c.err.Write(text)
	_ = c.bar.RenderBlank()
	return n, err
}

// run marks every later line with the run's id.
func (c *console) run(id string) { c.log = c.log.With().Str("run_id", id).Logger() }

// warn is for what whoever runs this should know and can do nothing about now.
func (c *console) warn(text string) { c.log.Warn().Msg(text) }

// hint says what to do.
func (c *console) hint(text string) {
	if c.json {
		c.always().Msg("hint: " + text)
		return
	}
	fmt.Fprintf(c, "hint: %s\n", text)
}

// always is a line that no --log-level leaves out.
func (c *console) always() *zerolog.Event { return c.log.Log().Str(zerolog.LevelFieldName, "info") }

// fail says what is wrong, what to do, and what to paste.
func (c *console) fail(f *failure, commands []report.Command) {
	if c.json {
		c.log.WithLevel(zerolog.ErrorLevel).Msg(f.err.Error())
	} else {
		fmt.Fprintf(c, "error: %v\n", f.err)
	}
	if f.hint != "" {
		c.hint(f.hint)
	}
	c.last(f.code, oneLine(f.err.Error()), commands)
}

// last is the last line: the exit code, its reason, and what to paste.
func (c *console) last(code int, reason string, commands []report.Command) {
	if c.json {
		event := c.always().Int("exit_code", code)
		for _, cmd := range commands {
			event = event.Str(strings.ReplaceAll(cmd.Name, " ", "_"), cmd.Line)
		}
		event.Msgf("exit %d: %s", code, reason)
		return
	}
	line := fmt.Sprintf("exit %d: %s", code, reason)
	for _, cmd := range commands {
		line += fmt.Sprintf(" | %s: %s", cmd.Name, cmd.Line)
	}
	fmt.Fprintln(c, line)
}

// sayStopping says at the first signal what happens now. It listens until the
// returned function is called.
func (c *console) sayStopping(ctx context.Context, timeout time.Duration) func() {
	said := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		defer close(said)
		c.log.Warn().Msgf("%v: nothing new is sent, and what is open may finish within %v; another signal cuts it short", context.Cause(ctx), timeout)
	})
	return func() {
		if !end() {
			<-said
		}
	}
}

// follow shows the progress of total users until the returned function is
// called.
func (c *console) follow(total int, when string) func() {
	c.mu.Lock()
	c.progress = progress{total: total}
	width := min(columns(c.err)-barText, widestBar)
	screen := terminal(c.err)
	bar := when == "always" && (screen || !c.json) || when == "auto" && screen && width > 0
	if bar {
		c.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(c.err), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(max(width, 1)),
			progressbar.OptionSetDescription("sending"))
	}
	c.mu.Unlock()
	if bar || when == "never" {
		return c.unfollow
	}
	done, joined := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(joined)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				c.tell()
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-joined
	}
}

// wipe takes the bar off the screen. The bar itself would leave one that was
// drawn once only.
func (c *console) wipe() { fmt.Fprintf(c.err, "\r%*s\r", columns(c.err)-1, "") }

func (c *console) unfollow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		c.wipe()
		c.bar = nil
	}
}

func (c *console) tell() {
	c.mu.Lock()
	p := c.progress
	c.mu.Unlock()
	c.log.Info().Int("users_done", p.users).Int("users", p.total).Int("attempts", p.attempts).Int("throttled", p.throttled).Msg("sending")
}

// user is called when a user is settled.
func (c *console) user(pipeline.UserID, pipeline.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.users++
	if c.bar != nil {
		_ = c.bar.Add(1)
	}
}

// exchange is called after each attempt. The first faults are warnings, the
// others can be seen at debug: thousands of them would hide everything else.
func (c *console) exchange(e *pipeline.Exchange) {
	c.mu.Lock()
	c.progress.attempts++
	level := zerolog.DebugLevel
	if e.Fault != nil {
		if e.Fault.Kind == pipeline.Throttled {
			c.progress.throttled++
		}
		if c.shown < faultsShown {
			level = zerolog.WarnLevel
		}
		c.shown++
	}
	last := c.shown == faultsShown && level == zerolog.WarnLevel
	c.mu.Unlock()
	event := c.log.WithLevel(level).Str("user_id", string(e.User)).Str("source", string(e.Source))
	if e.Fault == nil {
		event.Int("http_status", e.Answer.Status).Msg("answered")
		return
	}
	event.Str("fault", e.Fault.Kind.String()).Str("answer", e.Fault.Error())
	if e.Fault.After > 0 {
		event.Dur("retry_after_ms", e.Fault.After)
	}
	event.Msg("attempt without success")
	if last {
		c.log.Info().Msgf("further attempts without success are logged with --log-level debug")
	}
}
