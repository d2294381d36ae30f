package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// ErrUnbegun says that a journal ends before its header does: the process died
// before anything was sent.
var ErrUnbegun = errors.New("the journal has no header: the run was interrupted before anything was sent")

// damaged is the error of a journal that holds something that was not written there;
// offset is that of the first damaged record, in bytes.
func damaged(path string, offset int64, reason string) error {
	return pipeline.Internal("restore the file from a backup",
		fmt.Errorf("%s is damaged at byte %d: %s", path, offset, reason))
}

// scan reads a journal into a Log, line by line.
type scan struct {
	*Log
	in *bufio.Reader

	// The record that was read last.
	record[jsontext.Value]
	line []byte
	at   span
}

// span is where a line stands in the file, in bytes. The zero span stands for none.
type span struct{ from, to int64 }

// next reads the next record. It returns io.EOF behind the last one, and
// ErrUnbegun when that is the first.
func (s *scan) next() (err error) {
	if s.line, err = s.in.ReadBytes('\n'); err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	s.record = record[jsontext.Value]{Data: s.Data[:0]}
	why := s.read(s.line)
	switch {
	case why != "" && why != otherForm:
		return s.end(why)
	case s.Size == 0 && s.Type == headerRecord: // what else a header of another format has is not known
		type format struct {
			Format  int
			Version string
		}
		var is struct{ Data, Header format } // Header up to format 3
		_ = unmarshal(s.line, &is)           // what is no header has format 0
		if is := cmp.Or(is.Data, is.Header); is.Format != Format {
			return pipeline.Usage("use the version of the program that wrote it",
				"%s was written by version %s, in format %d; this version reads format %d", s.path, is.Version, is.Format, Format)
		}
	}
	if why == "" {
		why = s.order.follow(s.Type, s.Number)
	}
	if why != "" {
		return damaged(s.path, s.Size, why)
	}
	s.at = span{s.Size, s.Size + int64(len(s.line))}
	s.Size = s.at.to
	if s.note() != nil {
		return damaged(s.path, s.at.from, otherForm)
	}
	return nil
}

// note takes note of the record that was read last.
func (s *scan) note() (err error) {
	switch s.Type {
	case headerRecord:
		err = unmarshal(s.Data, &s.Header)
		s.LastAt = s.Header.At
	case decisionsRecord:
		s.decisions = append(s.decisions, s.at)
	case planRecord:
		err = unmarshal(s.Data, &s.Plan)
	case sessionRecord:
		var now Session
		err = unmarshal(s.Data, &now)
		s.Sessions, s.LastAt = append(s.Sessions, now), now.At
	case beginRecord:
		s.byUser = append(s.byUser, int32(len(s.attempts)))
		s.attempts = append(s.attempts, attempt{begin: s.at, user: s.User, session: int32(len(s.Sessions) - 1)})
	case endRecord:
		s.attempts[s.Number-1].end = s.at
	case finishRecord:
		err = unmarshal(s.Data, &s.Sessions[len(s.Sessions)-1].End)
	}
	return err
}

// end tells a torn tail, which may be empty, from damage: after a crash no whole
// record follows the one that is not, and what there is of a header is its
// beginning.
func (s *scan) end(why string) (err error) {
	start := headerStart[:min(len(s.line), len(headerStart))]
	if s.Size == 0 && (bytes.HasSuffix(s.line, []byte("\n")) || !bytes.HasPrefix(s.line, []byte(start))) {
		return damaged(s.path, 0, why)
	}
	for line := s.line; len(line) > 0; {
		s.Torn += int64(len(line))
		// One that has lost its line break stands in front of a whole record.
		if s.read(line[max(0, bytes.LastIndex(line, []byte(recordStart))):]) == "" {
			return damaged(s.path, s.Size, why)
		}
		if line, err = s.in.ReadBytes('\n'); err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	if s.Size == 0 {
		return pipeline.Usage("nothing was sent: import the file again", "%s: %w", s.path, ErrUnbegun)
	}
	return io.EOF
}

const (
	recordStart = `{"type":"`
	headerStart = recordStart + string(headerRecord) + `"`
)
