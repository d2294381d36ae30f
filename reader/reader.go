// Package reader turns input files into rows, in one pass and in the order of the
// input: bytes are hashed, unpacked and decoded, cut into records, mapped to the
// four columns by gocsv, and checked.
//
// A record that is wrong is a row with a Problem and costs itself alone. A file
// that is no acceptable CSV, or can't be opened or read, ends the reading with a
// *pipeline.Failure. Memory is constant whatever the size of a file, a record or a
// line. No goroutines are started.
package reader

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"syscall"

	"corattach/pipeline"
)

// File is one input file.
type File struct {
	Name string                        // as given, as it can be shown; "-" is standard input
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
// allocation for each record. opts are such as Check accepts.
//
// The error is a *pipeline.Failure, that of row, or the cause of ctx; after it, the
// rows already given are good for nothing. A Read of a file that blocks is not
// interrupted by the end of ctx.
func Read(ctx context.Context, files []File, opts Options, row func(*pipeline.Row) error) (*Reading, error) {
	r := newReading(files, opts, row)
	for _, file := range files {
		if err := r.file(ctx, file); err != nil {
			return nil, err
		}
	}
	if first := &r.fraction; !r.surely && first.Line > 0 {
		cell := trim(first.Cells.Percentage)
		return nil, &pipeline.Failure{
			Code: pipeline.ExitRefused,
			Err:  fmt.Errorf("%s: percentage %s: no percentage of the input is above 1; they look like fractions", r.at(first.Place), quote(cell)),
			Hint: fmt.Sprintf("say which is meant: --percentage-unit fraction reads %s as %v %%, --percentage-unit percent as %v %%",
				cell, first.Percent*100, first.Percent),
		}
	}
	return &Reading{Inputs: r.inputs, Warnings: r.warnings.lines(len(files), opts.Detach), Nobodys: r.warnings.nobodys.count}, nil
}

// reading is a Read under way.
type reading struct {
	Options
	point string // of decimals

	// What a spreadsheet makes of an id: an error, in any language (#REF!, #¿NOMBRE?),
	// and a number in the exponent's form (1E+05, 1,23E+11).
	sheetError, exponent *regexp.Regexp

	files    []File
	give     func(*pipeline.Row) error
	inputs   []pipeline.Input // of the files read to their end
	input    pipeline.Input   // of the file under way
	warnings warnings
	surely   bool         // it is known whether percentages are fractions
	fraction pipeline.Row // the first good one with a percentage between 0 and 1
}

func newReading(files []File, opts Options, give func(*pipeline.Row) error) *reading {
	r := &reading{
		Options: opts, files: files, give: give, point: ".", surely: opts.Unit == unitPercent || opts.Unit == unitFraction,
		sheetError: regexp.MustCompile(`^#(N/A|NV|[¡¿]*[\p{Lu}\p{Nd}/_]+[!?])$`),
		exponent:   regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$`),
	}
	if opts.DecimalComma {
		r.point = ","
	}
	return r
}

// at is a place as people see it; without a line, the file.
func (r *reading) at(p pipeline.Place) string {
	name := display(r.files[p.File].Name)
	if p.Line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, p.Line)
}

// display is a file's name as people see it.
func display(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// file reads one file to its end.
func (r *reading) file(ctx context.Context, file File) error {
	body, err := file.Open()
	if err != nil {
		return Unreadable("open", file.Name, err)
	}
	sum := sha256.New()
	raw := &given{ctx: ctx, in: io.TeeReader(body, sum)}
	r.input = pipeline.Input{File: file.Name}
	err = r.content(bufio.NewReaderSize(raw, frameWindow))
	if err == nil {
		_, err = io.Copy(io.Discard, raw)
	}
	closed := body.Close() // which may keep what was read
	switch {
	case ctx.Err() != nil && err != nil:
		return context.Cause(ctx)
	case raw.err != nil:
		return Unreadable("read", file.Name, raw.err)
	case err != nil:
		return err
	case closed != nil:
		return Unreadable("close", file.Name, closed)
	}
	r.input.SHA256 = hex.EncodeToString(sum.Sum(nil))
	twin := slices.IndexFunc(r.inputs, func(other pipeline.Input) bool { return other.SHA256 == r.input.SHA256 })
	if twin >= 0 && r.input.Rows > 0 {
		r.warnings.twice.add(display(file.Name) + " is " + display(r.inputs[twin].File))
	}
	r.inputs = append(r.inputs, r.input)
	return nil
}

// content reads what the file under way holds.
func (r *reading) content(raw *bufio.Reader) error {
	start, err := raw.Peek(headLength)
	if err != nil && err != io.EOF {
		return err
	}
	content, archive, err := r.unpack(raw, start)
	if err != nil {
		return err
	}
	defer archive.Close()
	if start, err = content.Peek(headLength); err != nil && err != io.EOF {
		return err
	}
	notCSV := r.refuseFormat(start)
	text := decode(content, start, r.Encoding)
	if start, err = text.Peek(headLength); err != nil && err != io.EOF {
		return err
	}
	f := &framer{in: text, line: 1}
	head, err := r.header(f, bytes.Clone(start))
	switch refused := new(pipeline.Failure); {
	case notCSV != nil && errors.As(err, &refused):
		return notCSV
	case err == io.EOF:
		r.warnings.empty.add(display(r.input.File) + " has no header")
		return nil
	case err != nil:
		return err
	}
	r.warnings.addIgnored(r.input.File, head)
	// These are the columns of a failed.csv.
	r.input.Part = head.index("_status") >= 0 && head.index("_reason") >= 0 && head.index("_file") >= 0 && head.index("_line") >= 0
	r.surely = r.surely || r.input.Part
	if err := r.rows(f, head); err != nil {
		return err
	}
	if r.input.Rows == 0 {
		r.warnings.empty.add(display(r.input.File) + " has a header alone")
	}
	return nil
}

// given is a file's bytes as given, until ctx ends. Its own failure is kept apart
// from what the layers above make of it.
type given struct {
	ctx context.Context
	in  io.Reader
	err error // why it gives no more, other than io.EOF
}

func (g *given) Read(p []byte) (int, error) {
	if g.ctx.Err() != nil {
		return 0, context.Cause(g.ctx)
	}
	n, err := g.in.Read(p)
	if err != nil && err != io.EOF {
		g.err = err
	}
	return n, err
}

// refuse is the failure of the file that is being read, when it is no acceptable CSV:
// no row of the run may be sent. Line 0 is the file as a whole.
func (r *reading) refuse(line int64, reason, hint string) *pipeline.Failure {
	place := r.at(pipeline.Place{File: len(r.inputs), Line: line})
	return &pipeline.Failure{Code: pipeline.ExitRefused, Err: fmt.Errorf("%s: %s", place, reason), Hint: hint}
}

// Unreadable is the failure of a file that can't be opened, or not be read to its end.
// It names the file once, whatever err repeats of it. A *pipeline.Failure stays as it is.
func Unreadable(verb, name string, err error) error {
	if errors.As(err, new(*pipeline.Failure)) {
		return err
	}
	if path := new(fs.PathError); errors.As(err, &path) {
		err = path.Err
	}
	hint := "check the path and who may read it; - is standard input"
	if errors.Is(err, syscall.EISDIR) {
		hint = "name the files in it"
	}
	return pipeline.Usage(hint, "can't %s %s: %w", verb, display(name), err)
}
