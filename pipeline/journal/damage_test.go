package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// small returns the bytes of a journal with every type of record, and where its
// records begin, with the length of all at the end.
func small(t testing.TB) ([]byte, []int64) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := must(Create(path, header(), withoutSync))(t)
	for _, err := range []error{
		j.Decide(decisionsOf("A")), j.Decide(decisionsOf("E")), j.Plan(Plan{Digest: "sha256:1"}),
		j.Session(Session{At: epoch, Version: "v", Flags: []string{"--chunk=1"}}),
		begin(j, "A"), begin(j, "B"), j.End(answered(1, "A")), begin(j, "C"), j.End(refused(3, "C")), begin(j, "D"),
		j.Session(Session{At: epoch}), begin(j, "D"), j.End(answered(5, "D")),
		j.Finish(End{At: epoch, Worked: time.Second}), j.Close(),
	} {
		check(t, err)
	}
	data := must(os.ReadFile(path))(t)
	starts := []int64{0}
	for i, b := range data {
		if b == '\n' {
			starts = append(starts, int64(i+1))
		}
	}
	return data, starts
}

func begin(j *Journal, user string) error {
	_, err := j.Begin(attemptOf(user))
	return err
}

// scanned reads bytes as a journal.
func scanned(in io.Reader) (*scan, error) {
	s := &scan{Log: &Log{path: "j"}, in: bufio.NewReader(in)}
	for {
		switch err := s.next(); {
		case err == io.EOF:
			return s, nil
		case err != nil:
			return s, err
		}
	}
}

// recordAt returns where the record around a byte begins, and whether it is the
// last one.
func recordAt(starts []int64, at int64) (int64, bool) {
	i, found := slices.BinarySearch(starts, at)
	if !found {
		i--
	}
	return starts[i], i == len(starts)-2
}

func TestTornAtEveryByte(t *testing.T) {
	data, starts := small(t)
	const planned = 4 // records up to the plan
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	for n := range int64(len(data) + 1) {
		check(t, os.WriteFile(path, data[:n], 0o600))
		log, err := Read(path)
		if n < starts[1] {
			if !errors.Is(err, ErrUnbegun) {
				t.Fatalf("cut at %d, in the header: %v", n, err)
			}
			continue
		}
		check(t, err)
		whole, _ := recordAt(starts, n)
		if log.Size != whole || log.Torn != n-whole || (log.Plan != nil) != (n >= starts[planned]) {
			t.Fatalf("cut at %d: %d whole and %d torn, want %d and %d; plan %v", n, log.Size, log.Torn, whole, n-whole, log.Plan)
		}
		if n > whole+2 && n%17 > 0 || log.Plan == nil {
			check(t, log.Close())
			continue // one cut within a record is like another, and without a plan the run begins anew
		}
		before := exchanges(t, log)
		j := must(log.Continue(withoutSync))(t)
		check(t, j.Session(Session{At: epoch}))
		next := exchange(must(j.Begin(attemptOf("next")))(t), "next")
		if next.Number != int64(len(before)+1) {
			t.Fatalf("cut at %d: attempt %d after %d", n, next.Number, len(before))
		}
		next.Session, next.Fault = len(log.Sessions), refused(0, "").Fault
		check(t, j.End(next))
		check(t, j.Close())
		again := must(Read(path))(t)
		if again.Torn != 0 || len(again.Sessions) != len(log.Sessions)+1 {
			t.Fatalf("cut at %d and continued: %d torn, %d sessions", n, again.Torn, len(again.Sessions))
		}
		if diff := cmp.Diff(append(before, next), exchanges(t, again)); diff != "" {
			t.Fatalf("cut at %d and continued: %s", n, diff)
		}
		if got := must(os.ReadFile(path))(t); !bytes.HasPrefix(got, data[:whole]) {
			t.Fatalf("cut at %d: whole records were changed", n)
		}
		check(t, errors.Join(log.Close(), again.Close()))
	}
}

// Every byte of a journal is changed into each of several others. Nothing of
// that may pass: it is a torn tail in the last record, and damage elsewhere.
func TestEveryByteDamaged(t *testing.T) {
	data, starts := small(t)
	for n := range int64(len(data)) {
		for _, to := range []byte{data[n] ^ 1, data[n] ^ 0x20, 0, '\n'} {
			if to == data[n] {
				continue
			}
			damaged := slices.Clone(data)
			damaged[n] = to
			s, err := scanned(bytes.NewReader(damaged))
			start, last := recordAt(starts, n)
			switch {
			case last && err == nil:
				if s.Size != start || s.Size+s.Torn != int64(len(data)) {
					t.Errorf("byte %d to %q: %d whole and %d torn", n, to, s.Size, s.Torn)
				}
			case err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("j is damaged at byte %d: ", start)):
				t.Errorf("byte %d to %q: %v, want byte %d", n, to, err, start)
			}
		}
	}
}

func isDamaged(err error) bool { return strings.Contains(err.Error(), " is damaged at byte ") }

// What changes after the first reading is found when it is read again.
func TestDamagedAfterReading(t *testing.T) {
	data, starts := small(t)
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	check(t, os.WriteFile(path, data, 0o600))
	log := read(t, path)
	for i, look := range map[int]func() error{
		6: func() error { _, err := log.Exchanges("B"); return err },
		7: func() error { _, err := log.Exchanges("A"); return err },
		1: func() error {
			for _, err := range log.Decisions() {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		for _, changed := range [][]byte{
			append(slices.Clone(data[:starts[i]+20]), append([]byte("x"), data[starts[i]+21:]...)...),
			data[:starts[i]+20],
			append(slices.Clone(data[:starts[i]]), data[starts[0]:]...),
		} {
			check(t, look())
			check(t, os.WriteFile(path, changed, 0o600))
			if err := look(); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("record %d was damaged: %v", i, err)
			}
			check(t, os.WriteFile(path, data, 0o600))
		}
	}
}

// Whole records are taken out, doubled or moved: what that leaves is refused,
// or says less than there was, and never something else.
func TestRecordsMissingOrDoubled(t *testing.T) {
	data, _ := small(t)
	lines := strings.SplitAfter(string(data), "\n")
	lines = lines[:len(lines)-1]
	accepted := func(lines []string) bool {
		_, err := scanned(strings.NewReader(strings.Join(lines, "")))
		if err != nil && !isDamaged(err) {
			t.Errorf("%v", err)
		}
		return err == nil
	}
	for i, text := range lines {
		kind := typeOf(text)
		last := i == len(lines)-1
		needed := kind == beginRecord || kind == headerRecord || kind == planRecord
		if accepted(slices.Delete(slices.Clone(lines), i, i+1)) && needed && !last {
			t.Errorf("without record %d: accepted", i)
		}
		again := kind == sessionRecord || kind == decisionsRecord
		if accepted(slices.Insert(slices.Clone(lines), i, text)) != again {
			t.Errorf("record %d twice: accepted %v", i, !again)
		}
		if i == 0 {
			continue
		}
		swapped := slices.Clone(lines)
		swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
		before := typeOf(lines[i-1])
		if accepted(swapped) && (kind == beginRecord && before == beginRecord || kind == planRecord || before == planRecord && kind == beginRecord) {
			t.Errorf("records %d and %d exchanged: accepted", i-1, i)
		}
	}
}

func typeOf(line string) recordType {
	var r record[any]
	_ = json.Unmarshal([]byte(line), &r)
	return r.Type
}

// A file that can't be read to its end is no torn one: its tail must stay.
func TestReadErrorIsNoTornTail(t *testing.T) {
	data, starts := small(t)
	broken := errors.New("input/output error")
	for _, n := range append(starts, starts[1]+10, starts[3]+1, int64(len(data))-1) {
		s, err := scanned(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || s.Torn != 0 {
			t.Errorf("an error after byte %d: %v, %d torn", n, err, s.Torn)
		}
		garbled := slices.Clone(data[:n])
		if n > 0 {
			garbled[n-1] ^= 1
		}
		s, err = scanned(io.MultiReader(bytes.NewReader(garbled), iotest.ErrReader(broken)))
		if err == nil || s.Torn != 0 {
			t.Errorf("damage and an error after byte %d: %v, %d torn", n, err, s.Torn)
		}
	}
}

func TestLastEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	if end := LastEnd(path); end != nil {
		t.Fatalf("no file: %v", end)
	}
	is := func(when string, want *End) {
		t.Helper()
		if diff := cmp.Diff(want, LastEnd(path)); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	check(t, os.WriteFile(path, nil, 0o600))
	is("an empty file", nil)
	check(t, os.Remove(path))
	j := must(Create(path, header(), withoutSync))(t)
	is("a header alone", nil)
	check(t, j.Plan(Plan{}))
	for i := range 2 { // two sessions
		check(t, j.Session(Session{At: epoch}))
		is("a session that goes on", nil)
		number := must(j.Begin(attemptOf(strings.Repeat("u", tailSize))))(t)
		is("an open attempt longer than what is looked at", nil)
		check(t, j.End(answered(number, "")))
		end := End{At: epoch.Add(time.Duration(i) * time.Hour), Stop: pipeline.Stop{Kind: pipeline.Interrupted, Reason: "stopped by a \"signal\"\n"}}
		check(t, j.Finish(end))
		is("a session that came to its end", &end)
	}
	check(t, j.Close())
	whole := must(os.ReadFile(path))(t)
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last + 1; cut < len(whole); cut++ {
		check(t, os.WriteFile(path, whole[:cut], 0o600))
		is("an end that is cut short", nil)
	}
	damaged := bytes.Clone(whole)
	damaged[last+20] ^= 1
	check(t, os.WriteFile(path, damaged, 0o600))
	is("a damaged end", nil)
}

// FuzzRead reads arbitrary bytes: as a file, after a header, and as the text of
// a sealed record. Whatever they are, reading ends in a log or an error, what it
// takes for whole can be continued, and what was sealed comes back.
func FuzzRead(f *testing.F) {
	data, starts := small(f)
	f.Add(data)
	for i := range starts[1:] {
		f.Add(data[starts[i]:starts[i+1]])
		f.Add(data[starts[i] : starts[i]+9])
	}
	for _, text := range hostile[:16] {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, content := range [][]byte{input, append(slices.Clone(data[:starts[1]]), input...)} {
			if s, err := scanned(bytes.NewReader(content)); err != nil || s.Size == 0 {
				continue
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			check(t, os.WriteFile(path, content, 0o600))
			log, err := Read(path)
			if err != nil {
				continue
			}
			if log.Size+log.Torn != int64(len(content)) || log.Size < 1 {
				t.Errorf("%d whole and %d torn of %d", log.Size, log.Torn, len(content))
			}
			if log.Plan == nil {
				check(t, log.Close())
				continue
			}
			before := exchanges(t, log)
			j := must(log.Continue(withoutSync))(t)
			check(t, j.Session(Session{At: epoch}))
			check(t, begin(j, "next"))
			check(t, j.Close())
			if after := exchanges(t, read(t, path)); len(after) != len(before)+1 {
				t.Errorf("%d exchanges, and one more makes %d", len(before), len(after))
			}
			check(t, log.Close())
		}
		text := strings.ToValidUTF8(string(input), "?")
		e := refused(1, text)
		e.Fault.Message, e.Shares = text, []pipeline.Share{{Workspace: pipeline.WorkspaceID(text)}}
		attempt := record[*pipeline.Attempt]{beginRecord, 1, e.User, &e.Attempt}
		came := record[*outcome]{Type: endRecord, Number: 1, Data: &outcome{Fault: e.Fault}}
		for line, same := range map[string]func(line []byte) bool{
			lineOf(t, &attempt): func(line []byte) bool {
				var got record[*pipeline.Attempt]
				return got.read(line) == "" && cmp.Equal(got, attempt)
			},
			lineOf(t, &came): func(line []byte) bool {
				var got record[*outcome]
				return got.read(line) == "" && cmp.Equal(got, came)
			},
		} {
			if !same([]byte(line)) {
				t.Errorf("another record is read than was written: %q", line)
			}
		}
	})
}

func lineOf[T any](t fatal, r *record[T]) string {
	var b bytes.Buffer
	check(t, r.write(&b))
	return b.String()
}
