// Package reader turns input files into rows, in one pass and in the order of the
// input: bytes are hashed, unpacked and decoded, cut into records, mapped to the
// four columns by gocsv, and checked.
//
// A record that is wrong is a row with a Problem and costs itself alone. A file
// that is no acceptable CSV ends the reading with a *RefusedError, a file that
// can't be opened or read with an *OpenError. Memory is constant whatever the
// size of a file, a record or a line. No goroutines are started.
package reader

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"

	"corattach/pipeline"
)

// File is one input file.
type File struct {
	Name string                        // as given; "-" is standard input
	Open func() (io.ReadCloser, error) // the bytes as given; the result is closed
}

// Reading is what is known of the whole input once it was read to its end.
type Reading struct {
	Inputs   []pipeline.Input // one for each file, in the order given
	Warnings []string         // one line for each kind
	Nobodys  int              // rows whose user is not known
}

// Read reads the files in order and calls row for each record, good or bad. The
// Row is reused by the next call; its strings stay valid and share one
// allocation for each record.
//
// The error is a *RefusedError, an *OpenError, what opts is wrong about, that of
// row, or the cause of ctx; after it, the rows already given are good for
// nothing. A Read of a file that blocks is not interrupted by the end of ctx.
func Read(ctx context.Context, files []File, opts Options, row func(*pipeline.Row) error) (*Reading, error) {
	rules, err := opts.rules()
	if err != nil {
		return nil, err
	}
	r := &reading{files: files, rules: rules, give: row}
	r.doubt.lifted = rules.Unit == unitPercent || rules.Unit == unitFraction
	for i := range files {
		if err := r.file(ctx, i); err != nil {
			return nil, err
		}
	}
	if refused := r.doubt.refuse(r); refused != nil {
		return nil, refused
	}
	return &Reading{Inputs: r.inputs, Warnings: r.warnings.lines(len(files), opts.Detach), Nobodys: r.warnings.nobodys.count}, nil
}

// reading is a Read under way.
type reading struct {
	files    []File
	rules    *rules
	give     func(*pipeline.Row) error
	row      pipeline.Row
	inputs   []pipeline.Input
	warnings warnings
	doubt    doubt
}

// at is a place as people see it.
func (r *reading) at(p pipeline.Place) string { return at(r.files[p.File].Name, p.Line) }

// file reads one file to its end.
func (r *reading) file(ctx context.Context, index int) error {
	file := r.files[index]
	body, err := file.Open()
	if err != nil {
		return &OpenError{File: file.Name, Op: "open", Err: err}
	}
	defer body.Close()
	raw := &given{ctx: ctx, in: body, sum: sha256.New()}
	input := pipeline.Input{File: file.Name}
	err = r.content(bufio.NewReaderSize(raw, headLength), index, &input)
	if err == nil {
		_, err = io.Copy(io.Discard, raw)
	}
	if err != nil {
		return raw.explain(file.Name, err)
	}
	input.SHA256 = hex.EncodeToString(raw.sum.Sum(nil))
	twin := slices.IndexFunc(r.inputs, func(other pipeline.Input) bool { return other.SHA256 == input.SHA256 })
	if twin >= 0 && input.Rows > 0 {
		r.warnings.twice.add(display(file.Name) + " is " + display(r.inputs[twin].File))
	}
	r.inputs = append(r.inputs, input)
	return nil
}

// content reads what a file holds and tells input of it.
func (r *reading) content(raw *bufio.Reader, index int, input *pipeline.Input) error {
	content, archive, err := unpack(raw)
	if err != nil {
		return err
	}
	defer archive.Close()
	start, err := peek(content)
	if err != nil {
		return err
	}
	format := formatOf(start)
	text, err := decode(content, start, r.rules.Encoding)
	if err != nil {
		return err
	}
	if start, err = peek(text); err != nil {
		return err
	}
	f := newFramer(text)
	head, err := readHeader(f, r.rules, bytes.Clone(start))
	switch refused := new(RefusedError); {
	case format != nil && errors.As(err, &refused):
		return format.refuse()
	case err != nil:
		return err
	case head == nil:
		r.warnings.empty.add(display(input.File) + " has no header")
		return nil
	}
	r.warnings.addIgnored(input.File, head.ignored(r.rules))
	input.Part = head.part()
	r.doubt.lifted = r.doubt.lifted || input.Part
	records, err := newRecords(r, f, head, index)
	if err != nil {
		return err
	}
	input.Rows, err = records.all()
	if err == nil && input.Rows == 0 {
		r.warnings.empty.add(display(input.File) + " has a header alone")
	}
	return err
}

// given is a file's bytes as given, hashed on their way. Its own failure is
// kept apart from what the layers above make of it.
type given struct {
	ctx context.Context
	in  io.Reader
	sum hash.Hash
	err error // why it gives no more, other than io.EOF
}

func (g *given) Read(p []byte) (int, error) {
	if g.ctx.Err() != nil {
		g.err = context.Cause(g.ctx)
		return 0, g.err
	}
	n, err := g.in.Read(p)
	g.sum.Write(p[:n])
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
	}
	return err
}
