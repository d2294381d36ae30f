package inputcopy

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"corattach/pipeline"
	"corattach/reader"
)

const rows = "user_id,workspace_id,percentage,source\nU1,W1,50,SAP\n"

// sumsOf reads files and returns the SHA-256 of each.
func sumsOf(t *testing.T, files []reader.File) (sums []string, err error) {
	t.Helper()
	r, err := reader.Read(t.Context(), files, reader.Options{Delimiter: "auto", Encoding: "auto", Sources: pipeline.Sources()}, func(*pipeline.Row) error { return nil })
	if err != nil {
		return nil, err
	}
	for _, in := range r.Inputs {
		sums = append(sums, in.SHA256)
	}
	return sums, nil
}

// vanishing is an input at whose end a directory goes away.
type vanishing struct {
	*strings.Reader
	dir string
}

func (v vanishing) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	if err != nil {
		_ = os.RemoveAll(v.dir)
	}
	return n, err
}

// A copy that can't be made, or can't be completed, ends the reading, and is no fault of
// the input.
func TestCopyCannotBeKept(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for keepIn, stdin := range map[string]io.Reader{taken: strings.NewReader(rows), dir: vanishing{strings.NewReader(rows), filepath.Join(dir, Dir)}} {
		in, err := New(stdin, []string{"-"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sumsOf(t, in.Open(t.Context(), keepIn))
		var failure *pipeline.Failure
		if !errors.As(err, &failure) || failure.Code != pipeline.ExitInternal || !strings.Contains(err.Error(), "the copy of the input can't be kept") {
			t.Errorf("%s: %v", keepIn, err)
		}
	}
}

// A copy is read back as what was read.
func TestCopiesAreWhatWasRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := New(iotest.OneByteReader(strings.NewReader(rows+"U2,W1,50,SAP\n")), []string{path, "-"})
	if err != nil {
		t.Fatal(err)
	}
	sums, err := sumsOf(t, in.Open(t.Context(), dir))
	if err != nil {
		t.Fatal(err)
	}
	again, err := sumsOf(t, Copies(dir, []pipeline.Input{{File: path}, {File: "-"}}))
	if err != nil || len(again) != 2 || again[0] != sums[0] || again[1] != sums[1] {
		t.Errorf("%q, read again %q, %v", sums, again, err)
	}
}
