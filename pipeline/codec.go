package pipeline

import (
	"encoding/binary"
	"time"
)

// The records of spools. They live as long as one process and are read by the
// code that wrote them: there is no version and no check.

// appendText appends a string that cursor.text reads.
func appendText[T ~string](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

func appendPlace(b []byte, p Place) []byte {
	b = binary.AppendUvarint(b, uint64(p.File))
	return binary.AppendUvarint(b, uint64(p.Line))
}

// cursor reads a record from its front. What it returns as text shares the
// record's memory.
type cursor string

func (c *cursor) number() int64 {
	var value uint64
	for shift := 0; ; shift += 7 {
		b := (*c)[0]
		*c = (*c)[1:]
		value |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(value)
		}
	}
}

func (c *cursor) text() string {
	n := c.number()
	text := string((*c)[:n])
	*c = (*c)[n:]
	return text
}

func (c *cursor) place() Place {
	return Place{File: int(c.number()), Line: c.number()}
}

func (c *cursor) flag() bool { return c.number() != 0 }

func appendFlag(b []byte, flag bool) []byte {
	if flag {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendInt(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

// appendUser appends a user with its requests, behind the place of its first
// row.
func appendUser(b []byte, first Place, u User) []byte {
	b = appendPlace(b, first)
	b = appendText(b, u.ID)
	b = appendInt(b, len(u.Requests))
	for _, r := range u.Requests {
		b = appendText(b, r.Source)
		b = appendInt(b, r.Chunk)
		b = appendInt(b, len(r.Shares))
		for _, s := range r.Shares {
			b = appendText(b, s.Workspace)
			b = binary.AppendUvarint(b, uint64(s.Percent))
		}
		b = appendInt(b, len(r.Past))
		for i := range r.Past {
			b = appendExchange(b, &r.Past[i])
		}
	}
	return b
}

func (c *cursor) user() User {
	c.place()
	u := User{ID: UserID(c.text())}
	u.Requests = make([]Request, c.number())
	for i := range u.Requests {
		r := &u.Requests[i]
		r.User, r.Source, r.Chunk = u.ID, Source(c.text()), int(c.number())
		r.Shares = make([]Share, c.number())
		for j := range r.Shares {
			r.Shares[j] = Share{WorkspaceID(c.text()), Percent(c.number())}
		}
		for range c.number() {
			r.Past = append(r.Past, c.exchange())
		}
	}
	return u
}

func appendPivot(b []byte, p *Pivot) []byte {
	for _, text := range []string{
		string(p.Workspace), string(p.Source), p.Percentage, p.Name, p.Integration, p.Problem,
	} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(p.UserID))
	return binary.AppendUvarint(b, uint64(p.WorkspaceID))
}

func (c *cursor) pivot() Pivot {
	return Pivot{
		Workspace: WorkspaceID(c.text()), Source: Source(c.text()), Percentage: c.text(), Name: c.text(),
		Integration: c.text(), Problem: c.text(), UserID: c.number(), WorkspaceID: c.number(),
	}
}

// appendVerdict appends a verdict; one without an attempt and a reason takes
// four bytes.
func appendVerdict(b []byte, v *Verdict) []byte {
	b = appendInt(b, int(v.Status))
	b = appendText(b, v.Reason)
	b = appendFlag(b, v.Blocked)
	b = appendFlag(b, v.Attempts > 0)
	if v.Attempts == 0 {
		return b
	}
	b = appendInt(b, v.Attempts)
	b = appendInt(b, v.HTTPStatus)
	b = appendText(b, v.ErrorCode)
	b = appendFlag(b, !v.SentAt.IsZero())
	if !v.SentAt.IsZero() {
		b = binary.AppendUvarint(b, uint64(v.SentAt.UnixNano()))
	}
	b = appendFlag(b, v.Pivot != nil)
	if v.Pivot != nil {
		b = appendPivot(b, v.Pivot)
	}
	return b
}

func (c *cursor) verdict() Verdict {
	v := Verdict{Status: Status(c.number()), Reason: c.text(), Blocked: c.flag()}
	if !c.flag() {
		return v
	}
	v.Attempts, v.HTTPStatus, v.ErrorCode = int(c.number()), int(c.number()), c.text()
	if c.flag() {
		v.SentAt = time.Unix(0, c.number()).UTC()
	}
	if c.flag() {
		p := c.pivot()
		v.Pivot = &p
	}
	return v
}

func appendUserLine(b []byte, first Place, u *UserLine) []byte {
	b = appendPlace(b, first)
	b = appendText(b, u.User)
	b = appendInt(b, u.Rows)
	b = binary.AppendUvarint(b, uint64(u.Requested))
	b = appendText(b, u.Returned)
	b = appendFlag(b, u.OverAllocated)
	b = appendInt(b, u.Requests)
	b = appendInt(b, int(u.Worst))
	b = appendInt(b, len(u.Extras))
	for i := range u.Extras {
		b = appendPivot(b, &u.Extras[i])
	}
	return b
}

func (c *cursor) userLine() UserLine {
	c.place()
	u := UserLine{
		User: UserID(c.text()), Rows: int(c.number()), Requested: Percent(c.number()), Returned: c.text(),
		OverAllocated: c.flag(), Requests: int(c.number()), Worst: Status(c.number()),
	}
	if n := c.number(); n > 0 {
		u.Extras = make([]Pivot, n)
		for i := range u.Extras {
			u.Extras[i] = c.pivot()
		}
	}
	return u
}
