package cor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
)

// This file alone knows what an HTTP status means, errorbody.go what an error body says.

// reply is an HTTP answer, read to a bounded size.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	cut     string           // why the body is not whole; "" when it is
	asked   pipeline.Request // what it answers; zero for what attaches and detaches nothing
	ids     phrases          // what that names
	secrets *redactor
}

func (r reply) ok() bool { return r.status/100 == 2 }

// idsOf returns what a request names.
func idsOf(r pipeline.Request) phrases {
	ids := phrases{string(r.User): true, string(r.Source): true}
	for _, share := range r.Shares {
		ids[string(share.Workspace)] = true
	}
	return ids
}

// faultOf returns the fault that an answer is. Of a whole 2xx answer problem says
// what is wrong with it; without one it is none. Beside a 2xx only an error of COR's
// own is quoted: all else may be a person's data.
func faultOf(r reply, problem string) *pipeline.Fault {
	if r.ok() && r.cut == "" && problem == "" {
		return nil
	}
	said, text := readError(r)
	kind := kindOf(r.status, said.attached)
	code, message := said.code, cmp.Or(said.message, text)
	switch {
	case kind == pipeline.Unreadable && r.cut != "":
		code, message = "", r.cut
	case r.status/100 == 3:
		code, message = "", "a redirect, not followed"
		if to, err := url.Parse(r.header.Get("Location")); err == nil && to.Host != "" {
			message = "a redirect to " + to.Host + ", not followed" // path and query may hold secrets
		}
	case r.ok() && (said.person || !said.own):
		code, message = "", text
	}
	if problem != "" && message != "" {
		problem += ": "
	}
	fault := r.fault(kind, code, problem+message)
	fault.Foreign = !said.own
	if len(r.asked.Shares) > 0 && (kind == pipeline.Refused || kind == pipeline.Attached) {
		fault.Subject, fault.Named = said.subject(r)
	}
	return fault
}

// kindOf classifies by COR's names and codes first, by status second. Four
// statuses and the 5xx keep their meaning whatever the body says: a 5xx does
// not tell whether anything was stored. Choice: "already attached" counts with
// every other 4xx, as the status that comes with it is unknown.
func kindOf(status int, attached bool) pipeline.FaultKind {
	switch class := status / 100; {
	case status == http.StatusUnauthorized:
		return pipeline.Unauthorized
	case status == http.StatusRequestTimeout:
		return pipeline.TimedOut
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return pipeline.Throttled
	case class == 5:
		return pipeline.ServerError
	case class == 4 && attached:
		return pipeline.Attached
	case status == http.StatusForbidden:
		return pipeline.Forbidden
	case class == 4 || class == 3:
		return pipeline.Refused
	}
	return pipeline.Unreadable
}

func (r reply) fault(kind pipeline.FaultKind, code, message string) *pipeline.Fault {
	return &pipeline.Fault{
		Kind: kind, Status: r.status, After: retryAfter(r.header, time.Now()),
		Code: r.line(code, maxCode, nil), Message: r.line(message, maxMessage, r.people()),
	}
}

// tokenFault turns the fault of an exchange with the token endpoint into what it
// means for one that needs a token. Choice: 401 refuses the credentials, 400 and 403
// do unless they come as an HTML page, which no token endpoint answers with; all
// else is an endpoint out of order. It is foreign, no token endpoint at all, by any
// other 3xx or 4xx but 408 and 429, which may pass, and by a 2xx page.
func tokenFault(f *pipeline.Fault, page bool) *pipeline.Fault {
	f.Message = "token endpoint: " + f.Message
	switch class := f.Status / 100; {
	case f.Kind == pipeline.Untrusted:
	case f.Status == http.StatusUnauthorized, (f.Status == http.StatusBadRequest || f.Status == http.StatusForbidden) && !page:
		f.Kind, f.Foreign = pipeline.NoToken, false
	default:
		f.Foreign = class == 2 && page || class == 3 || class == 4 && f.Kind != pipeline.TimedOut && f.Kind != pipeline.Throttled
		f.Kind = pipeline.TokenDown
	}
	return f
}

// transportFault is the fault of an exchange that brought no answer. Choice: a
// name that is to be reached by plain http and stands for another machine is
// trusted as little as a wrong certificate.
func transportFault(err error, left bool, secrets *redactor) *pipeline.Fault {
	kind, waited := pipeline.NotConnected, "a connection was made"
	if _, badCertificate := errors.AsType[*tls.CertificateVerificationError](err); left {
		kind, waited = pipeline.NoAnswer, "an answer came"
	} else if badCertificate || errors.Is(err, errElsewhere) {
		kind = pipeline.Untrusted
	}
	return reply{secrets: secrets}.fault(kind, "", describe(err, waited))
}

// describe says what the transport met before it had what was waited for.
func describe(err error, waited string) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "time ran out before " + waited
	case errors.Is(err, context.Canceled):
		return "given up before " + waited
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	return err.Error()
}

// maxAfter caps what Retry-After can ask for. Choice: beyond a day it is
// taken for a mistake.
const maxAfter = 24 * time.Hour

// retryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds, or a date,
// counted from the answer's own Date, so that a wrong clock does no harm, else from
// now. It returns 0 for what is absent, past or neither. Choice: a fraction of a
// second, which the RFC does not have, is rounded up.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, _ := strconv.ParseFloat(value, 64); seconds > 0 && strings.Trim(value, "0123456789.") == "" { // one that is too large is infinite
		return time.Duration(math.Ceil(min(seconds, maxAfter.Seconds()))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), maxAfter)
}
