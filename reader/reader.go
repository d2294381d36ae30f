// Package reader turns input files into rows: bytes are hashed, unpacked and
// decoded and cut into records, one after the other, and whoever takes a batch of
// records has them split and checked, in as many goroutines as there are batches.
//
// A record that is wrong is a row with a Problem and costs itself alone. A file
// that is no acceptable CSV ends the reading with a *RefusedError, a file that
// can't be opened or read with an *OpenError. Memory is constant whatever the
// size of a file, a record or a line.
package reader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"corattach/pipeline"
)

// Options say how input is read. The zero value detects the delimiter, takes
// UTF-8 and UTF-16 with a byte order mark, and accepts no source at all.
type Options struct {
	Delimiter    byte              // 0: detected from each file's header; else one of , ; tab |
	Encoding     string            // "" or "auto": UTF-8, or what a byte order mark says; else a name CheckEncoding accepts
	DecimalComma bool              // the comma takes the point's place in percentages
	Map          map[string]string // column (user_id, workspace_id, percentage, source) to its name in the header; absent: its own name
	Source       pipeline.Source   // fills a source that is absent or blank; "": none
	Sources      []pipeline.Source // the sources accepted, in upper case
	Again        bool              // a second pass: no Input.SHA256
}

// File is one input file.
type File struct {
	Name string                        // as given; "-" is standard input
	Open func() (io.ReadCloser, error) // the bytes as given; called once per reading, the result is closed
}

// Input is what is known of a file that was read to its end.
type Input struct {
	File   string
	SHA256 string // of the bytes as given, before unpacking, in lower-case hex; "" with Again
	Rows   int64  // good and bad
	Part   bool   // it has the columns of a failed.csv: a part of the rows of an earlier run
}

// Scan is the reading of a list of files. It is not safe for concurrent use; the
// batches it gives are.
type Scan struct {
	files   []File
	opts    Options
	inputs  []Input
	notices *notices
}

// New returns a Scan of files in the order given. Nothing is opened yet.
func New(files []File, opts Options) *Scan {
	return &Scan{files: files, opts: opts, notices: &notices{}}
}

// Inputs returns one entry for each file read to its end by the latest reading:
// all of them once it has ended without an error. It may be called when the loop
// over Batches or Rows is over.
func (s *Scan) Inputs() []Input { return s.inputs }

// Warnings returns what there is to warn of, as far as Row was called for the
// records of the latest reading: the first twenty in input order, and how many
// there are. It may be called when the loop is over and no Row is at work.
func (s *Scan) Warnings() (first []string, total int) { return s.notices.all(s.files) }

// Batches reads the files in order and yields their records, a few hundred at a
// time. Row is to be called once for each record of a batch, in any goroutine. A
// batch stays valid, and so do the strings of its rows, which share the memory
// of the whole batch.
//
// An error is yielded once, with no batch, and ends the sequence: a
// *RefusedError, an *OpenError, what Options is wrong about, or the cause of
// ctx. Rows yielded before it are good for nothing when the file is refused.
// Each call opens the files anew, and gives the same rows for the same bytes.
// Leaving the loop waits for a Read of the file that blocks, and so does the end
// of ctx.
func (s *Scan) Batches(ctx context.Context) iter.Seq2[pipeline.Batch, error] {
	return func(yield func(pipeline.Batch, error) bool) {
		rules, err := s.opts.rules()
		if err != nil {
			yield(nil, err)
			return
		}
		s.inputs, s.notices = nil, &notices{nobodys: make([]nobodys, len(s.files))}
		rules.notices = s.notices
		for i := range s.files {
			rules.index = i
			err := s.file(ctx, rules, func(b *batch) error {
				switch {
				case !yield(b, nil):
					return errLeft
				case ctx.Err() != nil:
					return context.Cause(ctx)
				}
				return nil
			})
			switch {
			case err == errLeft:
				return
			case err != nil:
				yield(nil, err)
				return
			}
		}
	}
}

// errLeft says that nobody wants more batches.
var errLeft = errors.New("left")

// Rows is Batches with all rows of a batch read and checked where it is called.
func (s *Scan) Rows(ctx context.Context) iter.Seq2[[]pipeline.Row, error] {
	return func(yield func([]pipeline.Row, error) bool) {
		for b, err := range s.Batches(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			rows := make([]pipeline.Row, b.Len())
			for i := range rows {
				b.Row(i, &rows[i])
			}
			if !yield(rows, nil) {
				return
			}
		}
	}
}

// file reads one file to its end and gives its batches to take.
func (s *Scan) file(ctx context.Context, rules rules, take func(*batch) error) error {
	file := s.files[rules.index]
	body, err := file.Open()
	if err != nil {
		return &OpenError{File: file.Name, Op: "open", Err: err}
	}
	closed := false
	defer func() {
		if !closed {
			_ = body.Close() // the error that ended the reading goes before
		}
	}()
	raw := &given{ctx: ctx, in: body}
	if !s.opts.Again {
		raw.sum = sha256.New()
	}
	rules.file = file.Name
	found, err := readText(raw, rules, take)
	if err == nil {
		_, err = io.Copy(io.Discard, raw)
	}
	if err == errLeft {
		return err
	}
	if err != nil {
		return raw.explain(file.Name, err)
	}
	closed = true
	if err := body.Close(); err != nil {
		return &OpenError{File: file.Name, Op: "read", Err: err}
	}
	input := Input{File: file.Name, Rows: found.rows, Part: found.part}
	if raw.sum != nil {
		input.SHA256 = hex.EncodeToString(raw.sum.Sum(nil))
	}
	s.inputs = append(s.inputs, input)
	return nil
}

// given is a file's bytes as given, hashed on their way. Its own failure is
// kept apart from what the layers above make of it.
type given struct {
	ctx context.Context
	in  io.Reader
	sum hash.Hash // nil: not hashed
	err error     // why it gives no more, other than io.EOF
}

func (g *given) Read(p []byte) (int, error) {
	if g.ctx.Err() != nil {
		g.err = context.Cause(g.ctx)
		return 0, g.err
	}
	n, err := g.in.Read(p)
	if g.sum != nil {
		g.sum.Write(p[:n])
	}
	if err != nil && err != io.EOF {
		g.err = err
	}
	return n, err
}

// explain says what err, met anywhere while reading the file, means for the
// caller: a failure of the bytes themselves goes before what it led to.
func (g *given) explain(name string, err error) error {
	refused := new(RefusedError)
	switch {
	case g.ctx.Err() != nil:
		return context.Cause(g.ctx)
	case g.err != nil:
		return &OpenError{File: name, Op: "read", Err: g.err}
	case errors.As(err, &refused):
		refused.File = name
		return refused
	}
	return fmt.Errorf("%s: %w", display(name), err)
}
