package corsim

import (
	"errors"
	"fmt"
	"slices"
)

func (e *entry) checkMatch() error {
	switch e.endpoint() {
	case endpointAttach, endpointDetach:
	case endpointToken, endpointRefresh, endpointMe:
		if e.User != "" || e.Source != "" {
			return fmt.Errorf("user and source go with attach and detach, not with %s", e.Endpoint)
		}
	default:
		return fmt.Errorf("endpoint: %q is none of attach, detach, token, refresh, me", e.Endpoint)
	}
	switch {
	case e.Attempts != nil && (e.From != nil || e.To != nil):
		return errors.New("attempts and from or to exclude each other")
	case e.Attempts != nil && (len(e.Attempts) == 0 || slices.Min(e.Attempts) < 1):
		return errors.New("attempts: the numbers begin with 1, and there is at least one")
	case e.From != nil && *e.From < 1, e.To != nil && *e.To < 1:
		return errors.New("from and to begin with 1")
	case e.From != nil && e.To != nil && *e.To < *e.From:
		return fmt.Errorf("to %d is before from %d", *e.To, *e.From)
	case e.Until != nil && e.Until.value() <= e.After.value():
		return fmt.Errorf("until %s is not later than after %s", e.Until.value(), e.After.value())
	}
	return nil
}

// checkExclusive keeps the ways to answer apart: cut, truncate, status, and edits of the real answer.
func (e *entry) checkExclusive() error {
	answered := e.Status != 0
	switch {
	case e.Cut != "" && e.Cut != cutBefore && e.Cut != cutAfter:
		return fmt.Errorf("cut: %q is none of before, after", e.Cut)
	case e.Cut != "" && answered:
		return errors.New("cut and status exclude each other")
	case e.Cut != "" && e.Truncate != nil:
		return errors.New("cut and truncate exclude each other")
	case e.Cut != "" && e.edits():
		return errors.New("cut leaves no answer to edit")
	case e.Cut != "" && e.Headers != nil:
		return errors.New("cut leaves no answer to put headers on")
	case e.Cut == cutBefore && e.ReplyDelay != nil:
		return errors.New(`cut "before" leaves nothing for reply_delay`)
	case answered && e.Truncate != nil:
		return errors.New("status and truncate exclude each other: truncate is of the real answer")
	case answered && e.edits():
		return errors.New("status replaces the real answer, which leaves nothing to edit")
	case e.Truncate != nil && *e.Truncate < 0:
		return errors.New("truncate is negative")
	}
	return nil
}

func (e *entry) checkAnswer() error {
	if e.Status == 0 {
		return e.checkNoAnswer()
	}
	if e.Status < 200 || e.Status > 599 {
		return fmt.Errorf("status %d is not within 200 and 599", e.Status)
	}
	if body, err := e.body(); err == nil && !hasBody(e.Status) && body.kind != "empty" {
		return fmt.Errorf("status %d has no body", e.Status)
	}
	return nil
}

func (e *entry) checkNoAnswer() error {
	switch {
	case e.Body != nil:
		return errors.New("body without status")
	case e.RetryAfter != nil:
		return errors.New("retry_after without status")
	case e.Apply != nil:
		return errors.New("apply without status")
	case e.Name+e.Code+e.Message != "":
		return errors.New("name, code and message without status")
	}
	return nil
}

func (e *entry) checkEdits() error {
	if !e.edits() {
		return nil
	}
	if e.Contradict != "" && e.Contradict != "user" && e.Contradict != "workspace" {
		return fmt.Errorf("contradict: %q is none of user, workspace", e.Contradict)
	}
	if e.endpoint() != endpointAttach && e.endpoint() != endpointDetach {
		return errors.New("only answers of attach and detach can be edited")
	}
	for _, workspace := range e.DropWorkspace {
		if _, ok := e.SetPercentage[workspace]; ok {
			return fmt.Errorf("workspace %q is both dropped and given a percentage", workspace)
		}
		if _, ok := e.ExtraWorkspace[workspace]; ok {
			return fmt.Errorf("workspace %q is both dropped and added", workspace)
		}
	}
	return nil
}

func (e *entry) edits() bool {
	return e.DropWorkspace != nil || e.SetPercentage != nil || e.Contradict != "" || e.ExtraWorkspace != nil
}

func (e *entry) checkUseful() error {
	if e.Status == 0 && e.Cut == "" && e.Truncate == nil && e.Headers == nil && e.Delay == nil && e.ReplyDelay == nil &&
		!e.RevokeToken && !e.edits() {
		return errors.New("the entry does nothing")
	}
	if e.RevokeToken && (e.endpoint() == endpointToken || e.endpoint() == endpointRefresh) {
		return errors.New("revoke_token: requests to this endpoint carry no token")
	}
	return nil
}
