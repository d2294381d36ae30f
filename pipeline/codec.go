package pipeline

import (
	"encoding/binary"
	"time"
)

// The records of spools. They live as long as one process and are read by the
// code that wrote them: there is no version and no check.

// appendText appends a string that cursor.text reads.
func appendText[T ~string | ~[]byte](b []byte, text T) []byte {
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
	if b := (*c)[0]; b < 0x80 {
		*c = (*c)[1:]
		return int64(b)
	}
	return c.long()
}

// long is number for one of several bytes.
func (c *cursor) long() int64 {
	var value uint64
	for i := 0; ; i++ {
		b := (*c)[i]
		value |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			*c = (*c)[i+1:]
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

// appendTime appends a time to the nanosecond, or the zero time.
func appendTime(b []byte, t time.Time) []byte {
	b = appendFlag(b, !t.IsZero())
	if t.IsZero() {
		return b
	}
	return binary.AppendVarint(b, t.UnixNano())
}

func (c *cursor) time() time.Time {
	if !c.flag() {
		return time.Time{}
	}
	zigzag := uint64(c.number())
	return time.Unix(0, int64(zigzag>>1)^-int64(zigzag&1)).UTC()
}

// appendKnown appends what is known of a user, behind its place among the known.
func appendKnown(b []byte, at Place, k *Known) []byte {
	b = appendPlace(b, at)
	b = appendText(b, k.User)
	b = appendFlag(b, k.InJob)
	b = appendInt(b, len(k.Pairs))
	for i := range k.Pairs {
		p := &k.Pairs[i]
		b = appendText(b, p.Source)
		b = appendText(b, p.Workspace)
		b = appendText(b, p.Percentage)
		b = appendText(b, p.OtherJob)
		b = appendTime(b, p.At)
		for _, flag := range []bool{p.Attached, p.Confirmed, p.Ours, p.InJob, p.Claimed} {
			b = appendFlag(b, flag)
		}
	}
	return b
}

func (c *cursor) known() (Place, *Known) {
	at := c.place()
	k := &Known{User: UserID(c.text()), InJob: c.flag()}
	k.Pairs = make([]KnownPair, c.number())
	for i := range k.Pairs {
		k.Pairs[i] = KnownPair{
			Source: Source(c.text()), Workspace: WorkspaceID(c.text()), Percentage: c.text(), OtherJob: c.text(), At: c.time(),
			Attached: c.flag(), Confirmed: c.flag(), Ours: c.flag(), InJob: c.flag(), Claimed: c.flag(),
		}
	}
	return at, k
}

// appendVanished appends a vanished pair, behind the place of its user.
func appendVanished(b []byte, at Place, v *Vanished) []byte {
	b = appendPlace(b, at)
	b = appendText(b, v.User)
	b = appendText(b, v.Source)
	b = appendText(b, v.Workspace)
	b = appendText(b, v.Percentage)
	b = appendTime(b, v.ConfirmedAt)
	b = appendInt(b, int(v.Result))
	b = appendText(b, v.Reason)
	return appendFlag(b, v.Resumable)
}

func (c *cursor) vanished() (Place, Vanished) {
	return c.place(), Vanished{
		User: UserID(c.text()), Source: Source(c.text()), Workspace: WorkspaceID(c.text()), Percentage: c.text(),
		ConfirmedAt: c.time(), Result: VanishedResult(c.number()), Reason: c.text(), Resumable: c.flag(),
	}
}

func appendNamed(b []byte, n *Named) []byte {
	b = appendText(b, n.User)
	b = appendFlag(b, n.Gone)
	b = appendFlag(b, n.Unsure)
	b = appendInt(b, len(n.Pairs))
	for _, p := range n.Pairs {
		b = appendText(b, p.Source)
		b = appendText(b, p.Workspace)
	}
	return b
}

func (c *cursor) named() Named {
	n := Named{User: UserID(c.text()), Gone: c.flag(), Unsure: c.flag()}
	n.Pairs = make([]NamedPair, c.number())
	for i := range n.Pairs {
		n.Pairs[i] = NamedPair{Source(c.text()), WorkspaceID(c.text())}
	}
	return n
}

// appendUser appends a user with its requests, behind the place of its first
// row.
func appendUser(b []byte, first Place, u User) []byte {
	b = appendPlace(b, first)
	b = appendText(b, u.ID)
	b = appendInt(b, len(u.Requests))
	for _, r := range u.Requests {
		b = appendText(b, r.Source)
		b = appendFlag(b, r.Vanished)
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
		r.User, r.Source, r.Vanished, r.Chunk = u.ID, Source(c.text()), c.flag(), int(c.number())
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

// appendEntry appends what planning needs of a row whose user is known.
func appendEntry(b []byte, row *Row) []byte {
	b = appendText(b, row.User)
	file := row.File << 1
	if row.Problem != "" {
		file |= 1
	}
	b = appendInt(b, file)
	b = binary.AppendUvarint(b, uint64(row.Line))
	b = appendText(b, row.Source)
	b = appendText(b, row.Workspace)
	return appendPercent(b, row.Percent)
}

// entry reads the rest of an entry behind its user.
func (c *cursor) entry() entry {
	file := c.number()
	return entry{
		Place: Place{File: int(file >> 1), Line: c.number()}, bad: file&1 != 0,
		source: Source(c.text()), workspace: WorkspaceID(c.text()), percent: c.percent(),
	}
}

// appendPercent appends a percentage; most whole ones take one byte.
func appendPercent(b []byte, p Percent) []byte {
	if p%percentUnit == 0 {
		return binary.AppendUvarint(b, uint64(p/percentUnit)<<1)
	}
	return binary.AppendUvarint(b, uint64(p)<<1|1)
}

func (c *cursor) percent() Percent {
	n := Percent(c.number())
	if n&1 != 0 {
		return n >> 1
	}
	return n >> 1 * percentUnit
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
	seen := v.Attempts > 0 || !v.SentAt.IsZero()
	b = appendFlag(b, seen)
	if !seen {
		return b
	}
	b = appendInt(b, v.Attempts)
	b = appendInt(b, v.HTTPStatus)
	b = appendText(b, v.ErrorCode)
	b = appendTime(b, v.SentAt)
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
	v.Attempts, v.HTTPStatus, v.ErrorCode, v.SentAt = int(c.number()), int(c.number()), c.text(), c.time()
	if c.flag() {
		p := c.pivot()
		v.Pivot = &p
	}
	return v
}

func appendUserLine(b []byte, u *UserLine) []byte {
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
