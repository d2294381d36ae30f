package console

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"corattach/pipeline"
)

// progress is how far the sending is. The zero value is no sending.
type progress struct {
	total     int // users
	done      int // users that are settled
	trouble   int // of them those with a row that needs attention
	attempts  int
	throttled int
	began     time.Time // zero while nothing is sent
}

const (
	progressEvery = 30 * time.Second
	widestBar     = 30 // columns
	barText       = 76 // columns that the longest usual text around the bar takes
	kindsShown    = 20 // of faults, as warnings
)

// pace returns attempts per second and the time left, both over the whole
// sending. It needs a user who is settled.
func (p progress) pace() (rate float64, left time.Duration) {
	took := max(time.Since(p.began), time.Millisecond)
	return float64(p.attempts) / took.Seconds(), time.Duration(float64(took) / float64(p.done) * float64(p.total-p.done)).Round(time.Second)
}

// String is the progress in one line for people.
func (p progress) String() string {
	text := fmt.Sprintf("%d of %d users, %d with trouble", p.done, p.total, p.trouble)
	if p.done > 0 {
		rate, left := p.pace()
		text += fmt.Sprintf(", %.1f attempts/s, %v left", rate, left)
	}
	return text
}

// terminal returns the width of a terminal, wide when it is not known, and whether
// w is one on which more can be done than adding lines.
func terminal(w io.Writer) (columns int, screen bool) {
	if file, ok := w.(*os.File); ok {
		var err error
		columns, _, err = term.GetSize(int(file.Fd()))
		screen = err == nil && os.Getenv("TERM") != "dumb"
	}
	return cmp.Or(columns, barText+widestBar), screen
}

// Follow shows the progress of total users until Unfollow. when is auto, always or
// never; resume are the commands that go on with what is sent.
func (c *Console) Follow(total int, when string, resume []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resume, c.progress = resume, progress{total: total, began: time.Now()}
	columns, screen := terminal(c.stderr)
	width := min(columns-barText, widestBar)
	switch {
	case when == "never":
	case when == "always" && (screen || !c.IsJSON()), when == "auto" && screen && width > 0:
		draw := func(text []byte) error { return c.emit(c.stderr, text) } // mu is held whenever the bar is touched
		c.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(writer(draw)), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(max(width, 1)),
			progressbar.OptionSetDescription("sending"), progressbar.OptionClearOnFinish())
		_ = c.bar.RenderBlank()
	default:
		time.AfterFunc(progressEvery, c.LogProgress)
	}
}

// Unfollow shows the progress no longer.
func (c *Console) Unfollow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.began = time.Time{}
	if c.bar != nil {
		_ = c.bar.Clear()
		c.bar = nil
	}
}

// LogProgress logs how far the sending is, and does so again after a while, until
// Unfollow.
func (c *Console) LogProgress() {
	c.mu.Lock()
	p := c.progress
	c.mu.Unlock()
	if p.began.IsZero() {
		return
	}
	event := c.log.Load().Info().Int("users_done", p.done).Int("users", p.total).Int("users_with_trouble", p.trouble).
		Int("attempts", p.attempts).Int("throttled", p.throttled)
	if p.done > 0 {
		rate, left := p.pace()
		event.Float64("attempts_per_second", float64(int(rate*10))/10).Int("seconds_left", int(left.Seconds()))
	}
	event.Msg("sending: " + p.String())
	time.AfterFunc(progressEvery, c.LogProgress)
}

// Stopping says what a first signal does, where anything is sent.
func (c *Console) Stopping(stop pipeline.Stop) {
	c.mu.Lock()
	sending := !c.progress.began.IsZero()
	c.mu.Unlock()
	if sending {
		c.Warn(stop.Reason+": nothing new is sent, and open requests may finish; a second signal ends the process", "")
	}
}

// User is called when a user is settled.
func (c *Console) User(worst pipeline.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.done++
	if !worst.Settled() {
		c.progress.trouble++
	}
	if c.bar != nil {
		c.bar.Describe("sending " + c.progress.String())
		_ = c.bar.Add(1)
	}
}

// Exchange is called after each attempt. The first fault of each kind is a
// warning, the others can be seen at debug: thousands of them would hide
// everything else.
func (c *Console) Exchange(e *pipeline.Exchange) {
	event, more, f := c.log.Load().Debug(), "", e.Fault
	c.mu.Lock()
	c.progress.attempts++
	if f != nil {
		if f.Kind == pipeline.Throttled {
			c.progress.throttled++
		}
		kind := fmt.Sprint(f.Kind, f.Status, f.Code)
		if !c.met[kind] && len(c.met) < kindsShown && f.Kind != pipeline.Withheld {
			c.met[kind] = true
			event, more = c.log.Load().Warn(), "; more of this kind are logged with --log-level debug"
		}
	}
	c.mu.Unlock()
	event.Str("user_id", string(e.User)).Str("source", string(e.Source))
	if f == nil {
		event.Int("http_status", e.Answer.Status).Msg("answered")
		return
	}
	if f.After > 0 {
		event.Dur("retry_after_ms", f.After)
	}
	event.Str("fault", string(f.Kind)).Str("answer", f.Error()).Msg("attempt without success" + more)
}
