package journal

import (
	"encoding/json"
	"strconv"
	"time"

	"corattach/pipeline"
)

// The records that a run has many of are written by the functions of this file:
// byte for byte as encoding/json writes their structs, at a tenth of its cost.

// What stands in an attempt beside its texts.
const (
	vanishedKey   = `,"vanished":true`
	sharesKey     = `,"shares":[`
	percentageKey = `,"percentage":`
)

// numberKey stands between a record's type and the number of its attempt.
const numberKey = `,"n":`

// appendHead begins a record of an attempt.
func appendHead(b []byte, kind string, number int64) []byte {
	b = append(b, recordStart...)
	b = append(b, kind...)
	b = append(b, '"')
	b = append(b, numberKey...)
	return strconv.AppendInt(b, number, 10)
}

// appendAttempt completes a begin, behind its head.
func appendAttempt(b []byte, a *pipeline.Attempt) []byte {
	b = appendText(b, `,"attempt":{"user":`, a.User)
	b = appendText(b, `,"source":`, a.Source)
	if a.Vanished {
		b = append(b, vanishedKey...)
	}
	if a.Chunk != 0 {
		b = appendNumber(b, `,"chunk":`, int64(a.Chunk))
	}
	b = appendText(b, `,"op":`, opName(a.Op))
	for i, w := range a.Only {
		key := `,`
		if i == 0 {
			key = `,"only":[`
		}
		b = appendText(b, key, w)
	}
	if len(a.Only) > 0 {
		b = append(b, ']')
	}
	for i, s := range a.Shares {
		key := `,{"workspace":`
		if i == 0 {
			key = sharesKey + `{"workspace":`
		}
		b = appendText(b, key, s.Workspace)
		b = append(b, percentageKey...)
		b = append(s.Percent.Append(b), '}')
	}
	b = append(b, `],"at":`...)
	b = appendTime(b, a.At)
	return append(b, "}}"...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// appendAnswer completes an end, behind its head. The attempt ended at a time, if
// that is known.
func appendAnswer(b []byte, a *pipeline.Answer, ended time.Time) []byte {
	b = appendNumber(b, `,"answer":{"status":`, int64(a.Status))
	b = appendNumber(b, `,"user_id":`, a.UserID)
	b = append(b, `,"pivots":[`...)
	for i := range a.Pivots {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPivot(b, &a.Pivots[i])
	}
	b = append(b, ']')
	if len(a.Errors) > 0 {
		b = append(b, `,"errors":`...)
		b = appendJSON(b, toItemErrors(a.Errors))
	}
	if a.RequestID != "" {
		b = appendText(b, `,"request_id":`, a.RequestID)
	}
	b = append(b, '}')
	if !ended.IsZero() {
		b = appendTime(append(b, `,"at":`...), ended)
	}
	return append(b, '}')
}

func appendPivot(b []byte, p *pipeline.Pivot) []byte {
	b = appendText(b, `{"workspace":`, p.Workspace)
	b = appendText(b, `,"source":`, p.Source)
	b = appendText(b, `,"percentage":`, p.Percentage)
	b = appendNumber(b, `,"user_id":`, p.UserID)
	b = appendNumber(b, `,"workspace_id":`, p.WorkspaceID)
	b = appendText(b, `,"name":`, p.Name)
	b = appendText(b, `,"integration_status":`, p.Integration)
	if p.Problem != "" {
		b = appendText(b, `,"problem":`, p.Problem)
	}
	return append(b, '}')
}

func appendNumber(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(append(b, key...), n, 10)
}

// appendText appends a string behind its key. encoding/json escapes what is not
// plain.
func appendText[T ~string](b []byte, key string, text T) []byte {
	b = append(b, key...)
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendJSON(b, string(text))
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// appendJSON appends a value of strings and booleans, which can't fail.
func appendJSON(b []byte, value any) []byte {
	text, _ := json.Marshal(value)
	return append(b, text...)
}
