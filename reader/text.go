package reader

import (
	"bufio"
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
	next := newFilling(form)
	for {
		r, err := f.next()
		if err != nil && err != io.EOF {
			return rows, err
		}
		if len(next.cuts) > 0 && (err == io.EOF || next.full(len(r.text))) {
			if err := take(next.done()); err != nil {
				return rows, err
			}
			next = newFilling(form)
		}
		if err == io.EOF {
			return rows, nil
		}
		next.add(r)
		rows++
	}
}
