package pipeline

import (
	"encoding/binary"
	"time"
)

// What the records of a spool hold after an attempt's own fields.
const (
	noOutcome = iota
	answerOutcome
	faultOutcome
)

// appendExchange appends an exchange with all that it says.
func appendExchange(b []byte, e *Exchange) []byte {
	b = appendText(b, e.User)
	b = appendText(b, e.Source)
	b = appendFlag(b, e.Vanished)
	b = appendInt(b, e.Chunk)
	b = appendInt(b, int(e.Op))
	b = appendFlag(b, e.Only != nil)
	if e.Only != nil {
		b = appendInt(b, len(e.Only))
		for _, w := range e.Only {
			b = appendText(b, w)
		}
	}
	b = appendInt(b, len(e.Shares))
	for _, s := range e.Shares {
		b = appendText(b, s.Workspace)
		b = binary.AppendUvarint(b, uint64(s.Percent))
	}
	b = appendTime(b, e.At)
	b = appendTime(b, e.Ended)
	b = appendInt(b, len(e.Confirmed))
	for _, at := range e.Confirmed {
		b = appendTime(b, at)
	}
	switch {
	case e.Answer != nil:
		return appendAnswer(append(b, answerOutcome), e.Answer)
	case e.Fault != nil:
		return appendFault(append(b, faultOutcome), e.Fault)
	}
	return append(b, noOutcome)
}

func (c *cursor) exchange() Exchange {
	e := Exchange{Attempt: Attempt{
		Key: Key{User: UserID(c.text()), Source: Source(c.text()), Vanished: c.flag(), Chunk: int(c.number())},
		Op:  Op(c.number()),
	}}
	if c.flag() {
		e.Only = make([]WorkspaceID, c.number())
		for i := range e.Only {
			e.Only[i] = WorkspaceID(c.text())
		}
	}
	e.Shares = make([]Share, c.number())
	for i := range e.Shares {
		e.Shares[i] = Share{WorkspaceID(c.text()), Percent(c.number())}
	}
	e.At, e.Ended = c.time(), c.time()
	if n := c.number(); n > 0 {
		e.Confirmed = make([]time.Time, n)
		for i := range e.Confirmed {
			e.Confirmed[i] = c.time()
		}
	}
	switch c.number() {
	case answerOutcome:
		e.Answer = c.answer()
	case faultOutcome:
		e.Fault = c.fault()
	}
	return e
}

func appendAnswer(b []byte, a *Answer) []byte {
	b = appendInt(b, a.Status)
	b = binary.AppendUvarint(b, uint64(a.UserID))
	b = appendText(b, a.RequestID)
	b = appendInt(b, len(a.Pivots))
	for i := range a.Pivots {
		b = appendPivot(b, &a.Pivots[i])
	}
	b = appendInt(b, len(a.Errors))
	for i := range a.Errors {
		e := &a.Errors[i]
		b = appendText(b, e.Workspace)
		b = appendText(b, e.Code)
		b = appendText(b, e.Message)
		b = appendFlag(b, e.Attached)
	}
	return b
}

func (c *cursor) answer() *Answer {
	a := &Answer{Status: int(c.number()), UserID: c.number(), RequestID: c.text()}
	a.Pivots = make([]Pivot, c.number())
	for i := range a.Pivots {
		a.Pivots[i] = c.pivot()
	}
	if n := c.number(); n > 0 {
		a.Errors = make([]ItemError, n)
		for i := range a.Errors {
			a.Errors[i] = ItemError{Workspace: WorkspaceID(c.text()), Code: c.text(), Message: c.text(), Attached: c.flag()}
		}
	}
	return a
}

func appendFault(b []byte, f *Fault) []byte {
	b = appendInt(b, int(f.Kind))
	b = appendInt(b, f.Status)
	b = appendText(b, f.Code)
	b = appendText(b, f.Message)
	b = binary.AppendUvarint(b, uint64(f.After))
	return appendText(b, f.RequestID)
}

func (c *cursor) fault() *Fault {
	return &Fault{
		Kind: FaultKind(c.number()), Status: int(c.number()), Code: c.text(), Message: c.text(),
		After: time.Duration(c.number()), RequestID: c.text(),
	}
}
