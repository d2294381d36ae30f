package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// What a journal tells of one user is what it tells of it among all others: the
// attempts that were not withdrawn are those of Exchanges, and those that were
// stand between them.
func TestAccountOfAUser(t *testing.T) {
	ended := answered("U")
	ended.Ended = epoch.Add(12 * time.Millisecond)
	path := written(t, func(j *Journal) {
		check(t, j.Begun(Session{At: epoch, Version: "first"}))
		for _, user := range []string{"other", "U", "U", "u"} {
			must(j.Begin(attemptOf(user)))(t)
		}
		check(t, j.End(4, answered("u")))
		check(t, j.Withdraw(2))
		check(t, j.End(1, answered("other")))
		check(t, j.Finished(End{At: epoch, Stop: pipeline.Guarded, Reason: "guard"}))
		check(t, j.Begun(Session{At: epoch, Version: "second"}))
		must(j.Begin(attemptOf("U")))(t)
		check(t, j.End(5, ended))
	})
	a := must(ReadUser(path, "U"))(t)
	open := pipeline.Exchange{Attempt: attemptOf("U")}
	want := []pipeline.Entry{
		{Exchange: open, Number: 2, Withdrawn: true},
		{Exchange: open, Number: 3},
		{Exchange: ended, Number: 5, Session: 1},
	}
	if diff := cmp.Diff(want, a.Attempts); diff != "" {
		t.Error(diff)
	}
	if len(a.Ends) != 2 || a.Ends[0] == nil || a.Ends[0].Reason != "guard" || a.Ends[1] != nil || a.End != nil || len(a.Sessions) != 2 {
		t.Errorf("ends of sessions: %v of %v", a.Ends, a.Sessions)
	}
	var among, told []pipeline.Exchange
	for _, e := range exchanges(t, path) {
		if e.User == "U" {
			among = append(among, e)
		}
	}
	for _, e := range a.Attempts {
		if !e.Withdrawn {
			told = append(told, e.Exchange)
		}
	}
	if diff := cmp.Diff(among, told); diff != "" {
		t.Errorf("Exchanges: %s", diff)
	}
}

// Whoever reads the journal of an active run reads what stood there at the
// beginning: a record that is being written is dropped, and what comes while it
// is read is no damage.
func TestReadingWhileItGrows(t *testing.T) {
	path := written(t, func(j *Journal) {
		check(t, j.Begun(Session{At: epoch}))
		must(j.Begin(attemptOf("U")))(t)
	})
	whole := must(os.ReadFile(path))(t)
	next := must((&record{Type: typeBegin, Number: 2, Attempt: toAttempt(attemptOf("V"))}).line())(t)
	check(t, os.WriteFile(path, append(whole, next[:len(next)/2]...), 0o600))
	grow := must(os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0))(t)
	defer grow.Close()
	s, records := &scan{path: path}, 0
	for _, err := range s.lines() {
		check(t, err)
		if records++; records == 1 {
			must(grow.Write(next[len(next)/2:]))(t)
		}
	}
	if records != 3 || s.torn != int64(len(next)/2) {
		t.Errorf("%d records and %d bytes of another, want 3 and %d", records, s.torn, len(next)/2)
	}
}

func TestReadLast(t *testing.T) {
	begun := epoch.Add(time.Hour)
	steps := []struct {
		write func(*Journal)
		want  time.Time
	}{
		{func(*Journal) {}, epoch},
		{func(j *Journal) { check(t, j.Begun(Session{At: begun})) }, begun},
		{func(j *Journal) { must(j.Begin(attemptOf("U")))(t) }, epoch},
		{func(j *Journal) { // an answer that is longer than what is looked at first
			long := answered("U")
			long.Answer.Pivots[0].Name = strings.Repeat("x", 3*tailSize)
			check(t, j.End(1, long))
		}, epoch},
		{func(j *Journal) { check(t, j.Finished(End{At: begun.Add(time.Second)})) }, begun.Add(time.Second)},
	}
	for n := range steps {
		path := written(t, func(j *Journal) {
			for _, step := range steps[:n+1] {
				step.write(j)
			}
		})
		file := must(os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0))(t)
		must(file.WriteString(recordStart + typeFinish))(t) // a record cut short
		check(t, file.Close())
		if got := must(ReadLast(path))(t); !got.Equal(steps[n].want) {
			t.Errorf("step %d: %v, want %v", n, got, steps[n].want)
		}
		if log := must(Read(path))(t); log.End == nil && !log.LastAt.Equal(steps[n].want) {
			t.Errorf("step %d: Read has %v", n, log.LastAt)
		}
	}
	empty := filepath.Join(t.TempDir(), "journal.jsonl")
	check(t, os.WriteFile(empty, nil, 0o600))
	if _, err := ReadLast(empty); !errors.Is(err, ErrUnbegun) {
		t.Errorf("an empty journal: %v", err)
	}
}
