package main

import (
	"context"
	"fmt"
	"io"
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

// Help is shown below the description.
func (*authCommand) Help() string { return examples("corattach auth check") }

type authCheckCommand struct {
	endpointFlags
	Timeout duration `group:"Target" default:"30s" placeholder:"30s" help:"How long all of it may take."`
	JSON    bool     `group:"Output" name:"json" help:"Print what is found as one JSON document."`
	logFlags
}

// Help is shown below the description.
func (*authCheckCommand) Help() string {
	return `Makes a token, where the credentials are a key and a secret, and asks COR whose it is (GET /v1/me). Nothing is changed at COR, and the Integrations API is not asked.

` + credentialsHelp + "\n\n" + examples("corattach auth check", "corattach auth check --token-file token.txt --json")
}

// checked is what a check found. It holds no secret.
type checked struct {
	OK          bool       `json:"ok"`
	Account     *account   `json:"account"` // null when COR did not say
	Target      string     `json:"target"`  // as runs name it; without the account where that is not known
	AuthURL     string     `json:"auth_url"`
	BaseURL     string     `json:"base_url"`
	Credentials string     `json:"credentials"`      // where they come from
	Kind        string     `json:"kind"`             // "key and secret" or "access token"
	Expires     *time.Time `json:"token_expires_at"` // null when it is not known
	Error       string     `json:"error,omitempty"`
}

// account is whom COR names; what it leaves out is "".
type account struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Run asks COR whom the credentials belong to.
func (c *authCheckCommand) Run(a *app) error {
	c.logFlags.open(a)
	if err := a.refuseBlank("base-url", "auth-url", "token-file"); err != nil {
		return err
	}
	if c.Timeout <= 0 {
		return usage("use a time such as 30s", "--timeout: must be above 0")
	}
	t, err := c.target()
	if err != nil {
		return err
	}
	given, err := a.credentials(string(c.TokenFile))
	if err != nil {
		return err
	}
	client, err := newClient(t, given.Credentials)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(a.ctx, time.Duration(c.Timeout))
	defer cancel()
	me, fault := client.Me(ctx)
	if fault != nil && a.ctx.Err() != nil {
		return context.Cause(a.ctx)
	}
	found := newChecked(t, given, me, fault)
	if end := client.TokenExpires(); !end.IsZero() {
		found.Expires = new(end.UTC().Truncate(time.Second))
	}
	if err := a.print(c.JSON, found, found.write); err != nil {
		return err
	}
	if fault != nil {
		return checkFailure(t, given, fault)
	}
	a.console.End(pipeline.ExitDone, "COR knows the credentials", nil)
	return nil
}

func newChecked(t pipeline.Target, given credentials, me cor.Account, fault *pipeline.Fault) *checked {
	found := &checked{OK: fault == nil, AuthURL: t.AuthURL, BaseURL: t.BaseURL, Credentials: given.from, Kind: "access token"}
	switch {
	case given.APIKey != "":
		found.Kind, t.Account = "key and secret", keyAccount(given.APIKey)
	case fault == nil:
		t.Account = tokenAccount(me)
	}
	if fault == nil {
		found.Account = &account{me.ID, me.Name, me.Email}
	} else {
		found.Error = fault.Error()
	}
	found.Target = t.String()
	return found
}

// checkFailure is how a check ends that brought no account.
func checkFailure(t pipeline.Target, given credentials, fault *pipeline.Fault) error {
	hint := "check --auth-url " + t.AuthURL + ": the production URL is " + cor.DefaultAuthURL
	switch {
	case refused(fault) && given.APIKey != "":
		hint = "check COR_API_KEY and COR_CLIENT_SECRET, and that they belong to " + t.AuthURL
		err := fmt.Errorf("the credentials were refused: %w", fault)
		return &pipeline.Failure{Code: pipeline.ExitCredentials, Err: err, Hint: hint}
	case refused(fault):
		return tokenRefused(fault)
	case fault.Status == 0:
		hint = "check --auth-url " + t.AuthURL + ", the network and the proxy"
	case fault.Kind == pipeline.Throttled, fault.Status >= 500:
		hint = "try again later, when COR is back"
	}
	err := fmt.Errorf("whom the credentials belong to is not known: %w", fault)
	return &pipeline.Failure{Code: pipeline.ExitUnavailable, Err: err, Hint: hint}
}

func (f *checked) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	ends := "its end is not known"
	if f.Expires != nil {
		ends = "ends " + f.Expires.Format(time.RFC3339)
	}
	for _, line := range [][2]string{
		{"account", f.Account.String()}, {"credentials", f.Kind + ", from " + f.Credentials}, {"token", ends},
		{"auth url", f.AuthURL}, {"base url", f.BaseURL + ", which was not asked"}, {"target", f.Target},
	} {
		fmt.Fprintf(t, "%s\t%s\n", line[0], report.Show(line[1]))
	}
	return t.Flush()
}

// String is the account in one line.
func (a *account) String() string {
	if a == nil {
		return "not known"
	}
	var parts []string
	for _, part := range []string{a.Name, a.Email} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if a.ID != "" {
		parts = append(parts, "id "+a.ID)
	}
	return strings.Join(parts, ", ")
}
