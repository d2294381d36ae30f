package cor

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"corattach/pipeline"
)

const hexDigits = "0123456789ABCDEF"

// URL returns the URL that a request of op for user is sent to, byte for byte.
// The user is one path segment: every byte but the unreserved ones of RFC 3986
// is percent-encoded. base is one that [CheckURL] accepts.
//
// Choice: COR's page does not say how an id is escaped.
func URL(base string, op pipeline.Op, user pipeline.UserID) string {
	segment := make([]byte, 0, len(user)+16)
	for i := range len(user) {
		b := user[i]
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '.', b == '_', b == '~':
			segment = append(segment, b)
		default:
			segment = append(segment, '%', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	action := "/attach"
	if op == pipeline.Detach {
		action = "/detach"
	}
	return join(base, "/v2/integrations/users/"+string(segment)+action)
}

func join(base, path string) string { return strings.TrimRight(base, "/") + path }

// Body returns the request body that is sent, byte for byte: compact JSON with
// the keys in the order of COR's example and exact percentages. Detach sends
// the workspaces as plain strings.
func Body(op pipeline.Op, r pipeline.Request) []byte {
	b := make([]byte, 0, 64+64*len(r.Shares))
	b = append(b, `{"workspaces":[`...)
	for i, share := range r.Shares {
		if i > 0 {
			b = append(b, ',')
		}
		if op == pipeline.Detach {
			b = appendString(b, string(share.Workspace))
			continue
		}
		b = append(b, `{"workspaceId":`...)
		b = appendString(b, string(share.Workspace))
		b = append(b, `,"percentage":`...)
		b = share.Percent.Append(b)
		b = append(b, '}')
	}
	b = append(b, `],"metadata":{"source":`...)
	b = appendString(b, string(r.Source))
	return append(b, `}}`...)
}

// appendString appends text as a JSON string, as encoding/json does without
// its HTML escapes.
func appendString(b []byte, text string) []byte {
	b = append(b, '"')
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			b = append(b, `\ufffd`...) // a byte that is no UTF-8
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r < ' ' || r == '\u2028' || r == '\u2029':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
