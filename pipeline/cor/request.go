package cor

import (
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// URL returns the URL that a request of op for user is sent to, byte for byte.
// The user is one path segment: every byte but the unreserved ones of RFC 3986
// is percent-encoded. base is one that [CheckURL] accepts.
//
// Choice: COR's page does not say how an id is escaped.
func URL(base string, op pipeline.Op, user pipeline.UserID) string {
	segment := strings.ReplaceAll(url.QueryEscape(string(user)), "+", "%20") // a query writes a blank as +, a path does not
	return join(base, "/v2/integrations/users/"+segment+"/"+string(op))
}

func join(base, path string) string { return strings.TrimRight(base, "/") + path }

// Body returns the request body that is sent, byte for byte: compact JSON with
// the keys in the order of COR's example and exact percentages. Detach sends
// the workspaces as plain strings. A byte that is no UTF-8, which no id of a good
// row has, becomes U+FFFD.
func Body(op pipeline.Op, r pipeline.Request) []byte {
	b := make([]byte, 0, 64+64*len(r.Shares))
	b = append(b, `{"workspaces":[`...)
	for i, share := range r.Shares {
		if i > 0 {
			b = append(b, ',')
		}
		if op == pipeline.Detach {
			b, _ = jsontext.AppendQuote(b, share.Workspace)
			continue
		}
		b = append(b, `{"workspaceId":`...)
		b, _ = jsontext.AppendQuote(b, share.Workspace)
		b = append(b, `,"percentage":`...)
		b = share.Percent.Append(b)
		b = append(b, '}')
	}
	b = append(b, `],"metadata":{"source":`...)
	b, _ = jsontext.AppendQuote(b, r.Source)
	return append(b, `}}`...)
}
