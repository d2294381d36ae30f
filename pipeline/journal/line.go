package journal

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"corattach/pipeline"
)

// line is a record as it stands in the file. Its checksum is right and its head
// is read; what else it holds is read when it is asked for.
type line struct {
	kind   string // one of the types
	number int64  // of the attempt; 0 when it has none
	path   string // of the file
	offset int64  // in the file
	text   []byte
}

const otherForm = "a record of another form"

func (l *line) damaged(reason string) error {
	return &DamagedError{l.path, l.offset, reason}
}

// checksum says what is wrong with the checksum of a line, "" when it is right.
func checksum(line []byte) string {
	body, found := bytes.CutSuffix(line, []byte(crcEnd))
	at := len(body) - len(crcKey) - crcSize
	if !found || at < 0 || string(body[at:at+len(crcKey)]) != crcKey {
		return "a record without a checksum"
	}
	var sum [crcSize]byte
	if !bytes.Equal(body[at+len(crcKey):], appendCRC(sum[:0], crc32.Checksum(body[:at], castagnoli()))) {
		return "a record whose checksum is wrong"
	}
	return ""
}

// parse reads a record by itself; the reason says why it is none, "" when it is.
func parse(text []byte) (record, string) {
	if reason := checksum(text); reason != "" {
		return record{}, reason
	}
	l := line{text: text}
	if !l.readHead() {
		return record{}, otherForm
	}
	r, err := l.record()
	if err != nil {
		return record{}, otherForm
	}
	return r, ""
}

// readHead reads what every record begins with, and reports whether it is one
// of those there are.
func (l *line) readHead() bool {
	rest, ok := bytes.CutPrefix(l.text, []byte(recordStart))
	kind, rest, found := bytes.Cut(rest, []byte(`"`))
	if !ok || !found {
		return false
	}
	switch string(kind) {
	case typeBegin:
		l.kind = typeBegin
	case typeEnd:
		l.kind = typeEnd
	case typeWithdrawn:
		l.kind = typeWithdrawn
	case typeHeader, typeSession, typeFinish, typeUnchanged, typeVanished:
		l.kind = string(kind)
		return true
	default:
		return false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(numberKey)); !ok {
		return false
	}
	for i, b := range rest {
		if b < '0' || b > '9' {
			return i > 0
		}
		l.number = l.number*10 + int64(b-'0')
	}
	return false
}

// record reads a record of any type.
func (l *line) record() (record, error) {
	var r record
	if err := json.Unmarshal(l.text, &r); err != nil || !r.whole() {
		return r, l.damaged(otherForm)
	}
	return r, nil
}

// attempt reads a begin.
func (l *line) attempt() (pipeline.Attempt, error) {
	if a, ok := l.form().attempt(); ok {
		return a, nil
	}
	r, err := l.record()
	if err != nil {
		return pipeline.Attempt{}, err
	}
	return r.Attempt.attempt(), nil
}

// end is where the next record begins, in bytes.
func (l *line) end() int64 { return l.offset + int64(len(l.text)) }

// outcome reads an end into the exchange of its attempt.
func (l *line) outcome(e *pipeline.Exchange) error {
	if a, at, ok := l.form().answer(); ok {
		e.Answer, e.Ended = a, at
		return nil
	}
	r, err := l.record()
	if err != nil {
		return err
	}
	e.Answer, e.Fault, e.Ended = r.Answer.answer(), r.Fault.fault(), r.At
	return nil
}

// form reads a record that stands exactly as encode.go writes it when no text
// needs an escape: then it need not be taken for JSON of any kind, which takes
// ten times as long. Of anything else nothing is read, and failed is set. The
// texts that it returns share the memory of one line.
type form struct {
	rest   string
	failed bool
}

// form returns what stands behind a record's head, up to the checksum.
func (l *line) form() *form {
	body := l.text[:len(l.text)-len(crcEnd)-crcSize-len(crcKey)]
	if bytes.IndexByte(body, '\\') >= 0 || !utf8.Valid(body) {
		return &form{failed: true}
	}
	head := len(recordStart) + len(l.kind) + 1 + len(numberKey)
	for head < len(body) && body[head] != ',' {
		head++
	}
	return &form{rest: string(body[head:])}
}

// skip skips a text that must stand next.
func (f *form) skip(text string) {
	rest, ok := strings.CutPrefix(f.rest, text)
	f.rest, f.failed = rest, f.failed || !ok
}

// has skips a text if it stands next.
func (f *form) has(text string) bool {
	rest, ok := strings.CutPrefix(f.rest, text)
	f.rest = rest
	return ok && !f.failed
}

// text reads a string behind its key.
func (f *form) text(key string) string {
	f.skip(key)
	f.skip(`"`)
	text, rest, ok := strings.Cut(f.rest, `"`)
	f.rest, f.failed = rest, f.failed || !ok
	return text
}

// number reads a whole number behind its key.
func (f *form) number(key string) int64 {
	f.skip(key)
	end := 0
	for end < len(f.rest) && (f.rest[end] == '-' || '0' <= f.rest[end] && f.rest[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(f.rest[:end], 10, 64)
	f.rest, f.failed = f.rest[end:], f.failed || err != nil
	return n
}

// time reads a time in UTC behind its key.
func (f *form) time(key string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, f.text(key))
	f.failed = f.failed || err != nil || t.Location() != time.UTC
	return t
}

// attempt reads what appendAttempt has written of an attempt without Only.
func (f *form) attempt() (pipeline.Attempt, bool) {
	var a pipeline.Attempt
	a.User = pipeline.UserID(f.text(`,"attempt":{"user":`))
	a.Source = pipeline.Source(f.text(`,"source":`))
	a.Vanished = f.has(vanishedKey)
	if f.has(`,"chunk":`) {
		a.Chunk = int(f.number(""))
	}
	f.skip(`,"op":"`)
	if !f.has(opAttach + `"`) {
		f.skip(opDetach + `"`)
		a.Op = pipeline.Detach
	}
	a.Shares = f.shares()
	a.At = f.time(`,"at":`)
	f.skip("}")
	return a, !f.failed && f.rest == ""
}

func (f *form) shares() []pipeline.Share {
	end := strings.Index(f.rest, "]")
	shares := make([]pipeline.Share, 0, strings.Count(f.rest[:max(end, 0)], percentageKey))
	f.skip(sharesKey)
	for next := ""; !f.failed && !f.has("]"); next = "," {
		f.skip(next)
		share := pipeline.Share{Workspace: pipeline.WorkspaceID(f.text(`{"workspace":`))}
		f.skip(percentageKey)
		number, rest, _ := strings.Cut(f.rest, "}")
		percent, ok := pipeline.ParseDecimal(number, '.')
		share.Percent, f.rest, f.failed = percent, rest, f.failed || !ok
		shares = append(shares, share)
	}
	f.failed = f.failed || len(shares) == 0
	return shares
}

// answer reads what appendAnswer has written of an answer without errors, and
// when the attempt ended.
func (f *form) answer() (*pipeline.Answer, time.Time, bool) {
	a := &pipeline.Answer{Pivots: make([]pipeline.Pivot, 0, strings.Count(f.rest, `{"workspace":`))}
	a.Status = int(f.number(`,"answer":{"status":`))
	a.UserID = f.number(`,"user_id":`)
	f.skip(`,"pivots":[`)
	for next := ""; !f.failed && !f.has("]"); next = "," {
		f.skip(next)
		a.Pivots = append(a.Pivots, f.pivot())
	}
	if f.has(`,"request_id":`) {
		a.RequestID = f.text("")
	}
	f.skip("}")
	var ended time.Time
	if f.has(`,"at":`) {
		ended = f.time("")
	}
	return a, ended, !f.failed && f.rest == ""
}

func (f *form) pivot() pipeline.Pivot {
	p := pipeline.Pivot{
		Workspace:   pipeline.WorkspaceID(f.text(`{"workspace":`)),
		Source:      pipeline.Source(f.text(`,"source":`)),
		Percentage:  f.text(`,"percentage":`),
		UserID:      f.number(`,"user_id":`),
		WorkspaceID: f.number(`,"workspace_id":`),
		Name:        f.text(`,"name":`),
		Integration: f.text(`,"integration_status":`),
	}
	if f.has(`,"problem":`) {
		p.Problem = f.text("")
	}
	f.skip("}")
	return p
}
