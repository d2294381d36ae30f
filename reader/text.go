package reader

import (
	"bufio"
	"io"

	"corattach/pipeline"
)

// readText cuts one file, given by its bytes, into batches and returns how many
// records there are. An error of take ends it.
func readText(raw io.Reader, rules rules, take func(*batch) error) (int64, error) {
	content, archive, err := unpack(bufio.NewReaderSize(raw, zipLength))
	if err != nil {
		return 0, err
	}
	defer archive.Close()
	text, fromOther, err := decode(content, rules.opts.Encoding)
	if err != nil {
		return 0, err
	}
	rules.decoded = fromOther
	f := newFramer(text)
	head, err := readHeader(f, &rules)
	if err != nil {
		return 0, err
	}
	if head == nil {
		rules.notices.add(pipeline.Place{File: rules.index}, "%s is empty: it has no header and no rows", display(rules.file))
		return 0, nil
	}
	if names := head.ignored(); len(names) > 0 {
		rules.notices.add(pipeline.Place{File: rules.index}, "%s: ignored columns: %s", display(rules.file), quoteList(names))
	}
	return f.batches(newForm(head, &rules), take)
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
