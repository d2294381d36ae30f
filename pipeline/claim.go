package pipeline

import "context"

// claim is one user's place at the gate. It lasts from the user's first slot
// until the user is settled or waits for a retry. Until an answer has proven the
// credentials, and again after a 401, slots go to one claim and one attempt at a
// time: a dead credential is found out before other users meet it. A user that
// stops the run gives up neither its claim nor its slot. It is not for use from several
// goroutines.
type claim struct {
	gate *gate
	held bool
	slot *slot // the user's first one, not used yet; nil later
	sent bool  // an attempt has left in a slot that is not given back yet
}

// take uses up the user's first slot, or takes a new one.
func (c *claim) take(ctx context.Context) (slot, error) {
	if first := c.slot; first != nil {
		c.slot = nil
		return *first, nil
	}
	s, err := c.gate.take(ctx, c.held)
	c.held = c.held || err == nil
	return s, err
}

// goOn gives back the slot of the last attempt, which does not stop the run.
func (c *claim) goOn() {
	if c.sent {
		c.sent = false
		c.gate.giveBack()
	}
}

// release gives up the claim, and the first slot if nothing was sent in it.
func (c *claim) release() {
	if c.slot != nil {
		c.slot = nil
		c.gate.giveBack()
	}
	if c.held {
		c.held = false
		c.gate.leave()
	}
}
