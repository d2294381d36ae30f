package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

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

// record is a line of a journal. The first reading decodes the data of records about
// the whole run alone.
type record[T any] struct {
	Type   recordType      `json:"type"`
	Number int64           `json:"n,omitempty"`    // of the attempt, in a begin and an end
	User   pipeline.UserID `json:"user,omitempty"` // in a begin and in decisions
	Data   T               `json:"data"`
}

// outcome is what came of an attempt: an answer or a fault.
type outcome struct {
	Answer *pipeline.Answer `json:"answer,omitempty"`
	Fault  *pipeline.Fault  `json:"fault,omitempty"`
	Ended  time.Time        `json:"ended,omitzero"`
}

// write appends the line of a record to b, which is empty: a JSON object whose last
// member is the checksum.
func (r *record[T]) write(b *bytes.Buffer) error {
	if err := json.MarshalWrite(b, r, jsonv1.DefaultOptionsV1()); err != nil {
		return err
	}
	b.Truncate(b.Len() - len("}"))
	b.WriteString(seal(b.Bytes()))
	return nil
}

const (
	sealStart = `,"crc":"`
	sealEnd   = "\"}\n"
	sealSize  = len(sealStart) + 8 + len(sealEnd)
)

// seal returns how a line ends: with the CRC of all bytes before. It is Castagnoli's,
// which processors have an instruction for.
func seal(body []byte) string {
	crc := binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return sealStart + hex.EncodeToString(crc) + sealEnd
}

// read decodes a line; why says what is wrong with it, "" when it is right.
func (r *record[T]) read(line []byte) (why string) {
	at := len(line) - sealSize
	switch {
	case at < 0, !bytes.HasPrefix(line[at:], []byte(sealStart)), !bytes.HasSuffix(line, []byte(sealEnd)):
		return "a record without a checksum"
	case string(line[at:]) != seal(line[:at]):
		return "a record whose checksum is wrong"
	case unmarshal(line, r) != nil:
		return otherForm
	}
	return ""
}

const otherForm = "a record of another form"

// unmarshal reads JSON as encoding/json does, in one pass.
func unmarshal(text []byte, v any) error {
	return json.Unmarshal(text, v, jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false))
}

// order knows which record may follow. Writing and reading share it, so that
// nothing is written that would count as damage.
type order struct {
	stage stage
	last  int64          // the number of the last attempt
	open  map[int64]bool // attempts of the last session without an end
}

// stage is how far a journal has come.
type stage int

const (
	empty     stage = iota
	begun           // the header stands
	planned         // the plan stands: the run may send
	inSession       // a session has begun and not ended
)

// follow takes note of a record; why says why it can't stand here, "" when it can.
func (o *order) follow(kind recordType, number int64) (why string) {
	may := false
	switch kind {
	case headerRecord:
		may, o.stage = o.stage == empty, begun
	case decisionsRecord:
		may = o.stage == begun
	case planRecord:
		may, o.stage = o.stage == begun, planned
	case sessionRecord: // the one before it may have been killed
		may, o.stage, o.open = o.stage >= planned, inSession, make(map[int64]bool)
	case beginRecord:
		if may = o.stage == inSession && number == o.last+1; may {
			o.last, o.open[number] = number, true
		}
	case endRecord:
		may = o.open[number]
		delete(o.open, number)
	case finishRecord:
		may, o.stage = o.stage == inSession, planned
	default:
		return otherForm
	}
	if !may {
		return fmt.Sprintf("a record that can't stand here: %s %d", kind, number)
	}
	return ""
}
