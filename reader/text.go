package reader

import (
	"bufio"
	"bytes"
	"io"

	"corattach/pipeline"
)

// found is what the reading of a file finds.
type found struct {
	rows int64
	part bool // see Input.Part
}

// readText cuts one file, given by its bytes, into batches. An error of take ends
// it.
func readText(raw io.Reader, rules rules, take func(*batch) error) (found, error) {
	content, archive, err := unpack(bufio.NewReaderSize(raw, zipLength))
	if err != nil {
		return found{}, err
	}
	defer archive.Close()
	text, fromOther, err := decode(content, rules.opts.Encoding)
	if err != nil {
		return found{}, err
	}
	rules.decoded = fromOther
	f := newFramer(text)
	head, err := readHeader(f, &rules)
	if err != nil {
		return found{}, err
	}
	if head == nil {
		rules.notices.add(pipeline.Place{File: rules.index}, "%s is empty: it has no header and no rows", display(rules.file))
		return found{}, nil
	}
	if names := head.ignored(); len(names) > 0 {
		rules.notices.add(pipeline.Place{File: rules.index}, "%s: ignored columns: %s", display(rules.file), quoteList(names))
	}
	rows, err := f.batches(newForm(head, &rules), take)
	return found{rows, head.part()}, err
}

// batches gives all records to take.
func (f *framer) batches(form *form, take func(*batch) error) (int64, error) {
	rows := int64(0)
	for {
		b, end := f.plain(form), error(nil)
		if b == nil {
			b, end = f.framed(form)
		}
		if end != nil && end != io.EOF {
			return rows, end
		}
		if b.Len() > 0 {
			rows += int64(b.Len())
			if err := take(b); err != nil {
				return rows, err
			}
		}
		if end == io.EOF {
			return rows, nil
		}
	}
}

// framed returns a batch of the next records, one by one. With the error that
// ended the input it returns those before it.
func (f *framer) framed(form *form) (*batch, error) {
	b := newFilling(form)
	for !b.full() {
		r, err := f.next()
		if err != nil {
			return b.done(), err
		}
		b.add(r)
	}
	return b.done(), nil
}

// plain returns a batch of the next lines, when each of them is a record for sure:
// held whole, with text and without a quote. They need not be cut apart here. It
// returns nil where the next line is none of those.
func (f *framer) plain(form *form) *batch {
	for len(f.buf)-f.pos < batchBytes && f.err == nil {
		f.fill()
	}
	f.hasQuote(min(len(f.buf)-f.pos, batchBytes))
	text := wholeLines(f.buf[f.pos:min(f.quote, f.pos+batchBytes)])
	lines := bytes.Count(text, []byte{'\n'})
	for lines > 2*batchRows {
		text = wholeLines(text[:len(text)/2])
		lines = bytes.Count(text, []byte{'\n'})
	}
	if lines == 0 || text[0] == '\n' || text[0] == '\r' || bytes.Contains(text, []byte("\n\n")) || bytes.Contains(text, []byte("\n\r")) {
		return nil
	}
	b := &batch{form: form, text: string(text), lines: lines, line: f.line}
	f.advance(span{next: len(text)}, lines)
	return b
}

// wholeLines drops what is behind the last line end.
func wholeLines(text []byte) []byte { return text[:bytes.LastIndexByte(text, '\n')+1] }
