package console

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
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
// sending; 0 before the first user is settled.
func (p progress) pace(now time.Time) (rate float64, left time.Duration) {
	took := now.Sub(p.began)
	if p.done == 0 || took <= 0 {
		return 0, 0
	}
	return float64(p.attempts) / took.Seconds(), time.Duration(float64(took) / float64(p.done) * float64(p.total-p.done)).Round(time.Second)
}

// String is the progress in one line for people.
func (p progress) String() string { return p.at(time.Now()) }

func (p progress) at(now time.Time) string {
	text := fmt.Sprintf("%d of %d users, %d with trouble", p.done, p.total, p.trouble)
	if rate, left := p.pace(now); p.done > 0 {
		text += fmt.Sprintf(", %.1f attempts/s, %v left", rate, left)
	}
	return text
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

// Follow shows the progress of total users until unfollow. when is auto, always
// or never.
func (c *Console) Follow(total int, when string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress = progress{total: total, began: time.Now()}
	width := min(columns(c.stderr)-barText, widestBar)
	screen := terminal(c.stderr)
	switch {
	case when == "never":
	case when == "always" && (screen || !c.json), when == "auto" && screen && width > 0:
		c.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(drawing{c}), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(max(width, 1)),
			progressbar.OptionSetDescription("sending"))
	default:
		done := make(chan struct{})
		c.untell = sync.OnceFunc(func() { close(done) })
		go c.tell(done)
	}
}

// tell logs the progress again and again until done is closed.
func (c *Console) tell(done <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.LogProgress()
		case <-done:
			return
		}
	}
}

// LogProgress logs how far the sending is.
func (c *Console) LogProgress() {
	c.mu.Lock()
	p := c.progress
	c.mu.Unlock()
	if !c.IsJSON() {
		c.Info("sending: " + p.String())
		return
	}
	event := c.logger().Info().Int("users_done", p.done).Int("users", p.total).Int("users_with_trouble", p.trouble).
		Int("attempts", p.attempts).Int("throttled", p.throttled)
	if rate, left := p.pace(time.Now()); p.done > 0 {
		event.Float64("attempts_per_second", float64(int(rate*10))/10).Int("seconds_left", int(left.Seconds()))
	}
	event.Msg("sending")
}

// drawing is where the bar is drawn.
type drawing struct{ *Console }

func (d drawing) Write(text []byte) (int, error) {
	d.out.put(d.stderr, append([]byte(nil), text...))
	return len(text), nil
}

// wipe takes the bar off the screen. The bar itself would leave one that was
// drawn once only.
func (c *Console) wipe() { fmt.Fprintf(drawing{c}, "\r%*s\r", columns(c.stderr)-1, "") }

func (c *Console) Unfollow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.began = time.Time{}
	c.untell()
	if c.bar != nil {
		c.wipe()
		c.bar = nil
	}
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
	level := zerolog.DebugLevel
	if c.counts(e) {
		level = zerolog.WarnLevel
	}
	event := c.logger().WithLevel(level).Str("user_id", string(e.User)).Str("source", string(e.Source))
	switch {
	case e.Fault == nil && e.Answer == nil:
		return
	case e.Fault == nil:
		event.Int("http_status", e.Answer.Status).Msg("answered")
		return
	}
	event.Str("fault", string(e.Fault.Kind)).Str("answer", e.Fault.Error())
	if e.Fault.After > 0 {
		event.Dur("retry_after_ms", e.Fault.After)
	}
	if level == zerolog.WarnLevel {
		event.Msg("attempt without success; more of this kind are logged with --log-level debug")
		return
	}
	event.Msg("attempt without success")
}

// counts counts an attempt and reports whether it met a fault of a new kind.
func (c *Console) counts(e *pipeline.Exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.attempts++
	if e.Fault == nil {
		return false
	}
	if e.Fault.Kind == pipeline.Throttled {
		c.progress.throttled++
	}
	kind := fmt.Sprint(e.Fault.Kind, e.Fault.Status, e.Fault.Code)
	if c.met[kind] || len(c.met) == kindsShown || e.Is(pipeline.Withheld) {
		return false
	}
	c.met[kind] = true
	return true
}
