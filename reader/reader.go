// Package reader turns input files into rows: bytes are hashed, unpacked and
// decoded, cut into records, mapped to the four columns by gocsv, and checked.
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
	Warn         func(text string) // called for each warning, by Rows between two batches; nil: they are dropped
	Again        bool              // a second pass: rows without their checks, which Complete makes up for, and no Input.SHA256
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

// Scan is the reading of a list of files. It is not safe for concurrent use.
type Scan struct {
	files    []File
	opts     Options
	inputs   []Input
	complete rules  // for Complete
	forms    []form // per file
}

// New returns a Scan of files in the order given. Nothing is opened yet.
func New(files []File, opts Options) *Scan {
	return &Scan{files: files, opts: opts}
}

// Inputs returns one entry for each file read to its end by the latest Rows:
// all of them once Rows has ended without an error. It may be called when the
// loop over Rows is over.
func (s *Scan) Inputs() []Input { return s.inputs }

// Rows reads the files in order and yields their rows in batches. A batch is
// valid until the next one; the strings in it stay valid, those of one row
// share the memory of its whole record.
//
// An error is yielded once, with no batch, and ends the sequence: a
// *RefusedError, an *OpenError, what Options is wrong about, or the cause of
// ctx. Rows yielded before it are good for nothing when the file is refused.
// Each call opens the files anew, and gives the same rows for the same bytes.
//
// The files are read in a goroutine of their own, up to aheadBatches batches
// ahead; it has ended when the loop is left, however that happens. So leaving
// waits for a Read of the file that blocks, and so does the end of ctx.
func (s *Scan) Rows(ctx context.Context) iter.Seq2[[]pipeline.Row, error] {
	return func(yield func([]pipeline.Row, error) bool) {
		rules, err := s.opts.rules()
		if err != nil {
			yield(nil, err)
			return
		}
		s.inputs, s.complete, s.forms = nil, rules, make([]form, len(s.files))
		ctx, stop := context.WithCancelCause(ctx)
		out := make(chan message, aheadBatches)
		var failed error
		go func() {
			defer close(out)
			failed = s.read(ctx, rules, out)
		}()
		defer func() {
			stop(nil)
			for range out {
			}
		}()
		for m := range out {
			switch {
			case ctx.Err() != nil:
			case m.rows == nil:
				s.opts.Warn(m.warning)
			case !yield(m.rows, nil):
				return
			}
		}
		if failed == nil && ctx.Err() != nil {
			failed = context.Cause(ctx)
		}
		if failed != nil {
			yield(nil, failed)
		}
	}
}

// Complete gives a row of a second pass what its checks find: the user,
// workspace, source and percentage, and the Problem. It may be called while the
// loop over Rows is on, from the goroutine that has the batch.
func (s *Scan) Complete(row *pipeline.Row) {
	if row.Raw != "" {
		return
	}
	rules := s.complete
	rules.decoded = s.forms[row.File].decoded
	rules.check(row, &record{row.Cells.User, row.Cells.Workspace, row.Cells.Percentage, row.Cells.Source})
}

// aheadBatches is how many batches wait for the consumer.
const aheadBatches = 2

// message is what the goroutine that reads has to say: a batch or a warning.
type message struct {
	rows    []pipeline.Row
	warning string
}

// read reads all files. Its batches take turns in memory: one is being filled,
// aheadBatches wait, one is with the consumer.
func (s *Scan) read(ctx context.Context, rules rules, out chan<- message) error {
	send := func(m message) error {
		select {
		case out <- m:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if s.opts.Warn != nil && !s.opts.Again {
		rules.warnings = func(text string) { _ = send(message{warning: text}) }
	}
	b := &batches{ring: make([][]pipeline.Row, aheadBatches+2), send: func(rows []pipeline.Row) error {
		return send(message{rows: rows})
	}}
	for i := range s.files {
		if err := s.file(ctx, i, rules, b); err != nil {
			return err
		}
	}
	return nil
}

// file reads one file to its end.
func (s *Scan) file(ctx context.Context, index int, rules rules, b *batches) error {
	file := s.files[index]
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
	rules.file, rules.index = file.Name, index
	before := b.rows
	err = readText(raw, rules, &s.forms[index], b)
	if err == nil {
		_, err = io.Copy(io.Discard, raw)
	}
	if err != nil {
		return raw.explain(file.Name, err)
	}
	closed = true
	if err := body.Close(); err != nil {
		return &OpenError{File: file.Name, Op: "read", Err: err}
	}
	input := Input{File: file.Name, Rows: b.rows - before, Part: s.forms[index].part}
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
