package journal

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// small returns the bytes of a journal with every type of record, and where its
// records begin, with the length of all at the end.
func small(t testing.TB) ([]byte, []int64) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	file, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	j, err := New(file, header())
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		j.Begun(Session{At: epoch, Version: "v", Flags: []string{"--chunk=1"}}),
		begin(j, "A"), begin(j, "B"), j.End(1, answered("A")), j.Withdraw(2), begin(j, "C"), j.End(3, refused("C")), begin(j, "D"),
		j.Begun(Session{At: epoch}), begin(j, "D"), j.End(5, answered("D")),
		j.Finished(End{At: epoch, Reason: "done"}), j.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	starts := []int64{0}
	for i, b := range data {
		if b == '\n' {
			starts = append(starts, int64(i+1))
		}
	}
	return data, starts
}

// lineOf reads the checksum and the head of a line.
func lineOf(t *testing.T, text []byte) *line {
	t.Helper()
	l := &line{text: text}
	if reason := checksum(text); reason != "" || !l.readHead() {
		t.Fatalf("%s: %s", reason, text)
	}
	return l
}

func begin(j *Journal, user string) error {
	_, err := j.Begin(attemptOf(user))
	return err
}

// unsynced saves the time of a loss of power that does not come.
type unsynced struct{ *os.File }

func (unsynced) Sync() error { return nil }

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
		if log.Whole != whole || log.Torn != n-whole {
			t.Fatalf("cut at %d: %d whole and %d torn, want %d and %d", n, log.Whole, log.Torn, whole, n-whole)
		}
		if n > whole+2 && n%7 > 0 {
			continue // one cut within a record is like another
		}
		before := exchanges(t, path)
		j := log.Continue(unsynced{must(log.Open())(t)})
		check(t, j.Begun(Session{At: epoch}))
		number := must(j.Begin(attemptOf("next")))(t)
		if number != log.Last+1 {
			t.Fatalf("cut at %d: attempt %d after %d", n, number, log.Last)
		}
		check(t, j.End(number, refused("next")))
		check(t, j.Close())
		again := must(Read(path))(t)
		if again.Torn != 0 || len(again.Sessions) != len(log.Sessions)+1 {
			t.Fatalf("cut at %d and continued: %d torn, %d sessions", n, again.Torn, len(again.Sessions))
		}
		if diff := cmp.Diff(append(before, refused("next")), exchanges(t, path)); diff != "" {
			t.Fatalf("cut at %d and continued: %s", n, diff)
		}
		if got := must(os.ReadFile(path))(t); !bytes.HasPrefix(got, data[:whole]) {
			t.Fatalf("cut at %d: whole records were changed", n)
		}
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
			s := &scan{path: "j"}
			err := s.read(bufio.NewReader(bytes.NewReader(damaged)), func(line, error) bool { return true })
			start, last := recordAt(starts, n)
			var found *DamagedError
			switch {
			case last && err == nil:
				if s.whole != start || s.whole+s.torn != int64(len(data)) {
					t.Errorf("byte %d to %q: %d whole and %d torn", n, to, s.whole, s.torn)
				}
			case !errors.As(err, &found):
				t.Errorf("byte %d to %q: %v", n, to, err)
			case found.Offset != start || found.Path != "j":
				t.Errorf("byte %d to %q: %v, want byte %d", n, to, found, start)
			}
		}
	}
}

// Whole records are taken out, doubled or moved: what that leaves is refused,
// or says less than there was, and never something else.
func TestRecordsMissingOrDoubled(t *testing.T) {
	data, _ := small(t)
	lines := strings.SplitAfter(string(data), "\n")
	lines = lines[:len(lines)-1]
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	accepted := func(lines []string) *Log {
		check(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600))
		log, err := Read(path)
		if err != nil && !errors.As(err, new(*DamagedError)) && !errors.Is(err, ErrUnbegun) {
			t.Errorf("%v", err)
		}
		return log
	}
	for i, line := range lines {
		attempts := strings.HasPrefix(line, `{"type":"begin"`)
		last := i == len(lines)-1
		if log := accepted(slices.Delete(slices.Clone(lines), i, i+1)); log != nil && (attempts || i == 0) && !last {
			t.Errorf("without record %d: accepted", i)
		}
		doubled := accepted(slices.Insert(slices.Clone(lines), i, line))
		once := strings.HasPrefix(line, `{"type":"session"`) || strings.HasPrefix(line, `{"type":"finish"`)
		if (doubled != nil) != once {
			t.Errorf("record %d twice: %v", i, doubled)
		}
		if i > 0 && !strings.HasPrefix(line, `{"type":"session"`) {
			swapped := slices.Clone(lines)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			before := slices.Index([]string{"begin", "end"}, kindOfLine(lines[i-1]))
			if log := accepted(swapped); log != nil && attempts && before == 0 {
				t.Errorf("records %d and %d exchanged: accepted", i-1, i)
			}
		}
	}
}

func kindOfLine(line string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(line, recordStart), `"`)
	return kind
}

// A file that can't be read to its end is no torn one: its tail must stay.
func TestReadErrorIsNoTornTail(t *testing.T) {
	data, starts := small(t)
	broken := errors.New("input/output error")
	for _, n := range append(starts, starts[1]+10, starts[3]+1, int64(len(data))-1) {
		in := io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken))
		s := &scan{path: "j"}
		err := s.read(bufio.NewReader(in), func(line, error) bool { return true })
		if !errors.Is(err, broken) || s.torn != 0 {
			t.Errorf("an error after byte %d: %v, %d torn", n, err, s.torn)
		}
		garbled := slices.Clone(data[:n])
		if n > 0 {
			garbled[n-1] ^= 1
		}
		in = io.MultiReader(bytes.NewReader(garbled), iotest.ErrReader(broken))
		s = &scan{path: "j"}
		if err := s.read(bufio.NewReader(in), func(line, error) bool { return true }); err == nil || s.torn != 0 {
			t.Errorf("damage and an error after byte %d: %v, %d torn", n, err, s.torn)
		}
	}
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
			s := &scan{path: "j"}
			if s.read(bufio.NewReader(bytes.NewReader(content)), func(line, error) bool { return true }) != nil || s.whole == 0 {
				continue
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			check(t, os.WriteFile(path, content, 0o600))
			log, err := Read(path)
			if err != nil {
				continue
			}
			if log.Whole+log.Torn != int64(len(content)) || log.Whole < 1 {
				t.Errorf("%d whole and %d torn of %d", log.Whole, log.Torn, len(content))
			}
			before := exchanges(t, path)
			j := log.Continue(unsynced{must(log.Open())(t)})
			check(t, j.Begun(Session{At: epoch}))
			check(t, begin(j, "next"))
			check(t, j.Close())
			if after := exchanges(t, path); len(after) != len(before)+1 {
				t.Errorf("%d exchanges, and one more makes %d", len(before), len(after))
			}
		}
		text := strings.ToValidUTF8(string(input), "?")
		e := refused(text)
		e.Fault.Message, e.Only = text, []pipeline.WorkspaceID{pipeline.WorkspaceID(text)}
		r := record{Type: typeBegin, Number: 1, Attempt: toAttempt(e.Attempt)}
		back := lineOf(t, must(r.line())(t))
		if diff := cmp.Diff(e.Attempt, must(back.attempt())(t)); diff != "" {
			t.Error(diff)
		}
		r = record{Type: typeEnd, Number: 1, Fault: toFault(e.Fault)}
		back = lineOf(t, must(r.line())(t))
		var got pipeline.Exchange
		if err := back.outcome(&got); err != nil || *got.Fault != *e.Fault {
			t.Errorf("%v: %v came back as %v", err, e.Fault, got.Fault)
		}
	})
}
