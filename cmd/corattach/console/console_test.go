package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"corattach/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// evil has what a terminal would obey: an escape sequence, a C1 control and a
// bidirectional override.
const evil = "\x1b[2J\u009b31m\u202eabc"

// said runs what talks on a console, and returns what came of it.
func said(format string, quiet bool, talk func(*Console)) (stdout, stderr string) {
	var out, err bytes.Buffer
	c := New(&out, &err, nil)
	c.Format(format, "debug")
	c.Quiet(quiet)
	talk(c)
	return out.String(), err.String()
}

func everything(code int) func(*Console) {
	return func(c *Console) {
		c.Run("run-1")
		c.Info("info " + evil)
		c.Warn("warning "+evil, "hint "+evil)
		c.Exchange(&pipeline.Exchange{Attempt: pipeline.Attempt{Key: pipeline.Key{User: "U" + evil, Source: "SAP"}},
			Fault: &pipeline.Fault{Kind: pipeline.Throttled, Status: 429, Message: evil, After: time.Second}})
		c.Follow(3, "never", nil)
		c.User(pipeline.Failed)
		c.LogProgress()
		_ = c.Print(true, map[string]string{"a": evil}, nil)
		c.End(code, "reason "+evil, []string{"corattach resume runs/" + evil})
		c.Info("too late")
	}
}

func TestNothingSteersATerminal(t *testing.T) {
	for _, format := range []string{"console", "json"} {
		out, err := said(format, false, everything(4))
		for _, r := range out + err {
			if r != '\n' && (r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u202e') {
				t.Errorf("%s: %q gets through:\n%q\n%q", format, r, out, err)
				break
			}
		}
		if strings.Contains(err, "too late") {
			t.Errorf("%s: something comes after the last line: %s", format, err)
		}
	}
}

func TestEveryLineIsJSON(t *testing.T) {
	out, err := said("json", false, everything(4))
	lines := strings.Split(strings.TrimSuffix(out+err, "\n"), "\n")
	for _, line := range lines {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) != nil {
			t.Errorf("no JSON: %s", line)
		}
		if _, is := fields["a"]; !is && fields["run_id"] != "run-1" {
			t.Errorf("no run_id: %s", line)
		}
	}
	var last map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	delete(last, "time")
	want := map[string]any{
		"level": "warn", "run_id": "run-1", "exit_code": 4.0, "reason": "reason " + evil, "message": "exit 4: reason " + evil,
		"next": []any{"corattach resume runs/" + evil},
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("the last line (-want +got):\n%s", diff)
	}
}

func TestPeopleSeeNoRunID(t *testing.T) {
	_, err := said("console", false, everything(4))
	if strings.Contains(err, "run-1") {
		t.Errorf("run_id stands in %s", err)
	}
	if !strings.HasSuffix(err, "\nnext: corattach resume runs/"+`\x1b[2J\u009b31m\u202eabc`+"\nexit 4: reason "+`\x1b[2J\u009b31m\u202eabc`+"\n") {
		t.Errorf("the last lines: %s", err)
	}
}

func TestLastLineHasItsLevel(t *testing.T) {
	for code, level := range map[int]string{0: "info", 1: "error", 2: "error", 3: "error", 4: "warn", 5: "warn", 6: "warn", 7: "error", 8: "error", 11: "error", 143: "error"} {
		_, err := said("json", false, func(c *Console) {
			c.Format("json", "error") // no level leaves it out
			c.End(code, "r", nil)
		})
		if !strings.Contains(err, `"level":"`+level+`"`) || !strings.Contains(err, `"next":[]`) {
			t.Errorf("%d: %s", code, err)
		}
	}
}

func TestQuiet(t *testing.T) {
	if out, err := said("console", true, everything(0)); out != "" || err != "" {
		t.Errorf("exit 0 says %q, %q", out, err)
	}
	out, err := said("console", true, everything(4))
	wantOut, wantErr := said("console", false, everything(4))
	if out != wantOut || len(err) != len(wantErr) {
		t.Errorf("exit 4 says\n%q\n%q\nnot\n%q\n%q", out, err, wantOut, wantErr)
	}
}

// What was kept goes out in its order over both streams.
func TestQuietKeepsTheOrder(t *testing.T) {
	var pieces recorder
	c := New(pieces.stream("out"), pieces.stream("err"), nil)
	c.Quiet(true)
	c.Say("1")
	c.Say("2")
	_ = c.Result([]byte("3"))
	c.Say("4")
	c.End(4, "r", nil)
	if diff := cmp.Diff([]string{"err 1\n", "err 2\n", "out 3", "err 4\n", "err exit 4: r\n"}, pieces.texts); diff != "" {
		t.Error(diff)
	}
}

type recorder struct {
	mu    sync.Mutex
	texts []string
}

type recording struct {
	*recorder
	name string
}

func (r *recorder) stream(name string) *recording { return &recording{r, name} }

func (r *recording) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, r.name+" "+string(p))
	return len(p), nil
}

// stuck is a terminal that Ctrl-S has stopped, until it is closed.
type stuck chan struct{}

func (s stuck) Write(p []byte) (int, error) {
	<-s
	return len(p), nil
}

// Once a signal has come, nobody waits long for a stream that takes nothing.
func TestStuckStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream, stopped := make(stuck), make(chan struct{})
		c := New(stream, stream, stopped)
		talked := make(chan time.Duration, 1)
		began := time.Now()
		go func() {
			for i := range 1000 {
				c.Info(fmt.Sprint(i))
			}
			if err := c.Result([]byte("result")); err != nil {
				t.Errorf("the result: %v", err)
			}
			c.End(143, "stopped", nil)
			talked <- time.Since(began)
		}()
		synctest.Wait()
		time.Sleep(time.Hour)
		select {
		case <-talked:
			t.Error("it does not wait for the reader, though nobody stops it")
		default:
		}
		close(stopped)
		if took := <-talked - time.Hour; took > patience {
			t.Errorf("the end took %v", took)
		}
		close(stream)
	})
}

func TestClosedPipeIsNoError(t *testing.T) {
	c := New(failing{syscall.EPIPE}, io.Discard, nil)
	if err := c.Result([]byte("x")); err != nil {
		t.Errorf("%v", err)
	}
	c = New(failing{syscall.ENOSPC}, io.Discard, nil)
	if err := c.Result([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Progress has the users done and in all, those with trouble, attempts per second
// and the time left; nothing of the latter before the first user is done.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err bytes.Buffer
		c := New(io.Discard, &err, nil)
		c.Follow(100, "auto", nil)
		time.Sleep(time.Millisecond)
		for i := range 60 {
			time.Sleep(time.Second)
			c.Exchange(&pipeline.Exchange{Answer: &pipeline.Answer{Status: 200}})
			if i >= 30 {
				c.User([]pipeline.Status{pipeline.Matched, pipeline.Missing}[i%2])
			}
		}
		time.Sleep(time.Second)
		c.Unfollow()
		synctest.Wait()
		var lines []string
		for line := range strings.Lines(err.String()) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), " INF ")
			lines = append(lines, text)
		}
		want := []string{
			"sending: 0 of 100 users, 0 with trouble", "sending: 29 of 100 users, 14 with trouble, 1.0 attempts/s, 2m27s left",
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Error(diff)
		}
	})
}

// One line for each kind of fault: thousands of them would hide everything else.
func TestFaultsOfOneKindAreOneLine(t *testing.T) {
	_, err := said("console", false, func(c *Console) {
		c.Format("console", "info")
		for i := range 1000 {
			c.Exchange(&pipeline.Exchange{Fault: &pipeline.Fault{Kind: pipeline.Refused, Status: 400 + i%2}})
			c.Exchange(&pipeline.Exchange{Answer: &pipeline.Answer{Status: 200}})
		}
	})
	if n := strings.Count(err, "\n"); n != 2 {
		t.Errorf("%d lines: %s", n, err)
	}
}
