package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/report"
)

type authCommand struct {
	Check authCheckCommand `cmd:"" help:"Say whom the credentials belong to."`
}

type authCheckCommand struct {
	endpointFlags
	Timeout time.Duration `group:"Target" default:"30s" placeholder:"30s" help:"How long all of it may take."`
	JSON    bool          `group:"Output" name:"json" help:"Print what is found as one JSON document."`
	logFlags
}

// checked is what a check found. It holds no secret.
type checked struct {
	Account     *cor.Account `json:"account"`          // null when COR did not say
	Target      string       `json:"target"`           // as runs name it; without the account where that is not known
	Credentials string       `json:"credentials"`      // where they come from
	Expires     *time.Time   `json:"token_expires_at"` // null when it is not known
}

// Run asks COR whom the credentials belong to.
func (c *authCheckCommand) Run(a *app) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	given, err := a.credentials(c.TokenFile)
	if err != nil {
		return err
	}
	client := newClient(t, given.Credentials)
	defer client.Close()
	ctx, cancel := context.WithTimeout(a.ctx, c.Timeout)
	defer cancel()
	me, fault := client.Me(ctx)
	if fault != nil && a.ctx.Err() != nil {
		return context.Cause(a.ctx)
	}
	found := &checked{Credentials: given.from}
	if fault == nil {
		found.Account = &me
	}
	if fault == nil || given.APIKey != "" {
		t.Account = accountOf(given.APIKey, me)
	}
	found.Target = t.String()
	if end := client.TokenExpires(); !end.IsZero() {
		found.Expires = new(end.UTC().Truncate(time.Second))
	}
	if err := a.print(c.JSON, found, found.write); err != nil {
		return err
	}
	switch {
	case fault != nil && isRefusal(fault):
		return given.refused(fault)
	case fault != nil:
		return checkFailure(t, fault)
	}
	a.console.End(pipeline.ExitDone, "COR knows the credentials", nil)
	return nil
}

// checkFailure is how a check ends when COR neither took nor refused the credentials.
func checkFailure(t pipeline.Target, fault *pipeline.Fault) error {
	hint := "check --auth-url " + t.AuthURL + ": the production URL is " + cor.DefaultAuthURL
	switch {
	case fault.Status == 0:
		hint = "check --auth-url " + t.AuthURL + ", the network and the proxy"
	case fault.Kind == pipeline.Throttled, fault.Status >= 500:
		hint = "try again later, when COR is back"
	}
	return &pipeline.Failure{Code: pipeline.ExitUnavailable, Err: fmt.Errorf("whom the credentials belong to is not known: %w", fault), Hint: hint}
}

func (f *checked) write(w io.Writer) error {
	whose, ends := "not known", "its end is not known"
	if f.Account != nil {
		parts := []string{f.Account.Name, f.Account.Email, "id " + f.Account.ID}
		whose = strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" || part == "id " }), ", ")
	}
	if f.Expires != nil {
		ends = "ends " + f.Expires.Format(time.RFC3339)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{{"account", whose}, {"credentials", f.Credentials}, {"token", ends}, {"target", f.Target}} {
		fmt.Fprintf(t, "%s\t%s\n", line[0], report.Show(line[1]))
	}
	return t.Flush()
}
