package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"slices"
	"time"

	"corattach/pipeline"
)

// recordType says what a record is. The words are the format.
type recordType string

const (
	headerRecord    recordType = "header"    // its data is a Header
	decisionsRecord recordType = "decisions" // Decisions
	planRecord      recordType = "plan"      // a Plan
	sessionRecord   recordType = "session"   // a Session
	beginRecord     recordType = "begin"     // of an attempt: a pipeline.Attempt
	endRecord       recordType = "end"       // of an attempt: an outcome
	finishRecord    recordType = "finish"    // an End
)

// head is what a record begins with. The first reading of a journal decodes nothing
// else of attempts and decisions.
type head struct {
	Type   recordType      `json:"type"`
	Number int64           `json:"n,omitempty"`    // of the attempt, in a begin and an end
	User   pipeline.UserID `json:"user,omitempty"` // in a begin and in decisions
}

// outcome is what came of an attempt: an answer or a fault.
type outcome struct {
	Answer *pipeline.Answer `json:"answer,omitempty"`
	Fault  *pipeline.Fault  `json:"fault,omitempty"`
	Ended  time.Time        `json:"ended,omitzero"`
}

// A line is a JSON object: what the head has, the data, and the CRC of all bytes before
// it. Quotes inside of texts are escaped, so that none has the bytes of a key.
const (
	dataKey = `,"data":`
	crcKey  = `,"crc":"`
	crcSize = 8 // hexadecimal digits
	lineEnd = "\"}\n"
)

// crc returns the checksum of body as it stands in a line. It is Castagnoli's,
// which processors have an instruction for.
func crc(body []byte) []byte {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return hex.AppendEncode(nil, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// seal returns the line of a record. data is JSON.
func seal(h head, data []byte) ([]byte, error) {
	start, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	body := slices.Concat(start[:len(start)-1], []byte(dataKey), data)
	return slices.Concat(body, []byte(crcKey), crc(body), []byte(lineEnd)), nil
}

// unseal returns head and data of a line, which without data is all of it; why says
// what is wrong with it, "" when it is right.
func unseal(line []byte) (h head, data []byte, why string) {
	body, found := bytes.CutSuffix(line, []byte(lineEnd))
	at := len(body) - len(crcKey) - crcSize
	if !found || at < 0 || string(body[at:at+len(crcKey)]) != crcKey {
		return h, nil, "a record without a checksum"
	}
	if !bytes.Equal(body[at+len(crcKey):], crc(body[:at])) {
		return h, nil, "a record whose checksum is wrong"
	}
	start, data, found := bytes.Cut(body[:at], []byte(dataKey))
	object := append(bytes.Clone(start), '}')
	if json.Unmarshal(object, &h) != nil {
		return h, nil, otherForm
	}
	if !found {
		data = object
	}
	return h, data, ""
}

const otherForm = "a record of another form"

// span is where a line stands in the file, in bytes. The zero span stands for none.
type span struct{ from, to int64 }

// record is a line whose checksum is right.
type record struct {
	head
	span
	data []byte // JSON
}

// unmarshal decodes the data of a record.
func unmarshal[T any](path string, r *record) (v T, err error) {
	if json.Unmarshal(r.data, &v) != nil {
		err = &DamagedError{path, r.from, otherForm}
	}
	return v, err
}

// decodeHeader looks at the format first: what else a header of another one has
// is not known.
func decodeHeader(path string, r *record) (Header, error) {
	type format struct {
		Format  int
		Version string
	}
	var is struct {
		format
		Header format // up to format 3
	}
	_ = json.Unmarshal(r.data, &is) // what is no header has format 0
	if is.format == (format{}) {
		is.format = is.Header
	}
	if is.Format != Format {
		return Header{}, &FormatError{path, is.Format, is.Version}
	}
	return unmarshal[Header](path, r)
}
