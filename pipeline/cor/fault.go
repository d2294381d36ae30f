package cor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
)

// This file alone knows what an HTTP status means, errorbody.go alone what an
// error body looks like.

// reply is an HTTP answer, read to a bounded size.
type reply struct {
	status int
	header http.Header
	body   []byte
	cut    string    // why the body is not whole; "" when it is
	at     time.Time // when its headers came
	veil   veil
}

// judge returns nil for a 2xx answer that came whole, else the fault it is.
func judge(r reply) *pipeline.Fault {
	if r.status/100 == 2 && r.cut == "" {
		return nil
	}
	said := readError(r)
	kind := kindOf(r.status, said.attached())
	switch {
	case kind == pipeline.Unreadable && r.cut != "":
		return r.fault(kind, "", r.cut)
	case r.status/100 == 3:
		return r.fault(kind, "", redirect(r.header.Get("Location")))
	}
	return r.fault(kind, said.code(r.status), said.message())
}

// kindOf classifies by COR's names and codes first, by status second. Four
// statuses and the 5xx keep their meaning whatever the body says: a 5xx does
// not tell whether anything was stored.
//
// Choice: "already attached" counts with every other 4xx, as the status that
// comes with it is unknown.
func kindOf(status int, attached bool) pipeline.FaultKind {
	switch {
	case status == http.StatusUnauthorized:
		return pipeline.Unauthorized
	case status == http.StatusRequestTimeout:
		return pipeline.TimedOut
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return pipeline.Throttled
	case status/100 == 5:
		return pipeline.ServerError
	case status/100 == 4 && attached:
		return pipeline.Attached
	case status == http.StatusForbidden:
		return pipeline.Forbidden
	case status/100 == 4 || status/100 == 3:
		return pipeline.Refused
	}
	return pipeline.Unreadable
}

// switches says whether a status turns the connection into something else,
// which has no end to read to (RFC 9110, section 15.2.2).
func switches(status int) bool { return status/100 == 1 }

// unreadable is the fault of a whole 2xx answer that is not what it should be,
// with what it says of itself, if anything. What a user object says is a person's
// data.
func unreadable(r reply, problem string) *pipeline.Fault {
	said := readError(r)
	if _, user := said.ID.integer(); user {
		return r.fault(pipeline.Unreadable, "", problem)
	}
	if message := said.message(); message != "" {
		problem += ": " + message
	}
	return r.fault(pipeline.Unreadable, said.code(r.status), problem)
}

// fault fills in what every fault of an answer carries.
func (r reply) fault(kind pipeline.FaultKind, code, message string) *pipeline.Fault {
	return &pipeline.Fault{
		Kind:      kind,
		Status:    r.status,
		Code:      r.veil.line(code, maxCode),
		Message:   r.veil.line(message, maxMessage),
		After:     retryAfter(r.header, r.at),
		RequestID: r.requestID(),
	}
}

// requestID returns the id that the other side gave the exchange, "" when it
// gave none. Choice: COR names no header for it; these are common.
func (r reply) requestID() string {
	for _, name := range [...]string{"X-Request-Id", "X-Amzn-Requestid", "X-Correlation-Id"} {
		if id := r.header.Get(name); id != "" {
			return r.veil.line(id, maxID)
		}
	}
	return ""
}

// tokenFault turns the fault of an exchange with the token endpoint into what
// it means for an exchange that needs a token. Choice: 4xx but 408 and 429
// refuse the credentials; all else, redirects among it, is an endpoint out of
// order.
func tokenFault(f *pipeline.Fault) *pipeline.Fault {
	f.Message = "token endpoint: " + f.Message
	switch f.Kind {
	case pipeline.Unauthorized, pipeline.Forbidden, pipeline.Attached, pipeline.Refused:
		f.Kind = pipeline.NoToken
		if f.Status/100 == 3 {
			f.Kind = pipeline.TokenDown
		}
	default:
		f.Kind = pipeline.TokenDown
	}
	return f
}

// transportFault is the fault of an exchange that brought no answer.
func transportFault(err error, left bool, v veil) *pipeline.Fault {
	kind := pipeline.NotConnected
	if left {
		kind = pipeline.NoAnswer
	}
	return &pipeline.Fault{Kind: kind, Message: v.line(describe(err, left), maxMessage)}
}

// describe says what the transport met. Errors of a server's certificate begin
// with "tls certificate".
func describe(err error, left bool) string {
	waited := "a connection was made"
	if left {
		waited = "an answer came"
	}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return "tls certificate: " + certificate.Err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "time ran out before " + waited
	case errors.Is(err, context.Canceled):
		return "given up before " + waited
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	return maskUsers(bare(err).Error())
}

// redirect names the host a redirect points to, never its path or query, which
// may hold secrets.
func redirect(location string) string {
	target, err := url.Parse(location)
	switch {
	case location == "":
		return "redirect without a location"
	case err != nil:
		return "redirect to an unreadable location, not followed"
	case target.Host == "":
		return "redirect to the same host, not followed"
	}
	return "redirect to " + target.Host + ", not followed"
}

// maxAfter caps what Retry-After can ask for. Choice: beyond a day it is
// taken for a mistake.
const maxAfter = 24 * time.Hour

// retryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds, or a date,
// counted from the answer's own Date if it has one, so that a wrong clock on
// either side does no harm, else from at. It returns 0 for what is absent,
// past or neither.
func retryAfter(header http.Header, at time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxAfter/time.Second) {
			return maxAfter
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		at = date
	}
	return min(max(until.Sub(at), 0), maxAfter)
}
