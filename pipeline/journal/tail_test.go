package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
)

func TestLastEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	if _, err := LastEnd(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	file, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 3, 15, 0, 123456789, time.UTC)
	is := func(when string, want *End) {
		t.Helper()
		got, err := LastEnd(path)
		if err != nil || (got == nil) != (want == nil) || got != nil && !(got.At.Equal(want.At) && got.Reason == want.Reason && got.Stop == want.Stop) {
			t.Errorf("%s: %+v, %v; want %+v", when, got, err, want)
		}
	}
	is("an empty file", nil)
	j, err := New(file, Header{RunID: "r", At: at})
	if err != nil {
		t.Fatal(err)
	}
	is("a header alone", nil)
	for i := range 2 { // two sessions
		if err := j.Begun(Session{At: at}); err != nil {
			t.Fatal(err)
		}
		is("a session that goes on", nil)
		n, err := j.Begin(pipeline.Attempt{
			Key: pipeline.Key{User: pipeline.UserID(strings.Repeat("u", tailSize))}, Shares: []pipeline.Share{{Workspace: "W"}}, At: at,
		})
		if err != nil {
			t.Fatal(err)
		}
		is("an open attempt longer than what is looked at", nil)
		if err := j.End(n, pipeline.Exchange{Answer: &pipeline.Answer{Status: 200}}); err != nil {
			t.Fatal(err)
		}
		end := End{At: at.Add(time.Duration(i) * time.Hour), Stop: pipeline.Interrupted, Reason: "stopped by a \"signal\"\n"}
		if err := j.Finished(end); err != nil {
			t.Fatal(err)
		}
		is("a session that came to its end", &end)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last + 1; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := LastEnd(path); got != nil || err != nil {
			t.Fatalf("an end cut short by %d bytes counts: %+v, %v", len(whole)-cut, got, err)
		}
	}
	damaged := bytes.Clone(whole)
	damaged[last+20] ^= 1
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	is("a damaged end", nil)
}
