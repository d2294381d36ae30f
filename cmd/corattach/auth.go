package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
)

type authCommand struct {
	Check authCheckCommand `cmd:"" help:"Say whom the credentials belong to."`
}

// Help is shown below the flags.
func (*authCommand) Help() string { return examples("corattach auth check") }

type authCheckCommand struct {
	endpointFlags
	Timeout duration `group:"Target" default:"30s" placeholder:"30s" help:"For all of it."`
	JSON    bool     `group:"Output" name:"json" help:"Print what is found as one JSON document."`
	logFlags
}

// Help is shown below the flags.
func (*authCheckCommand) Help() string {
	return `Makes a token, where the credentials are a key and a secret, and asks COR whose it is (GET /v1/me). Nothing is changed at COR, and the Integrations API is not asked.

` + examples("corattach auth check", "corattach auth check --token-file token.txt --json")
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
	if err := a.refuseBlank("base-url", "auth-url", "token-file"); err != nil {
		return err
	}
	if c.Timeout <= 0 {
		return usage("use a time such as 30s", "--timeout: must be above 0")
	}
	t, err := c.urls()
	if err != nil {
		return err
	}
	credentials, err := c.credentials()
	if err != nil {
		return err
	}
	client, err := newClient(t, credentials)
	if err != nil {
		return err
	}
	defer client.Close()
	con := a.newConsole(&outputFlags{logFlags: c.logFlags})
	ctx, cancel := context.WithTimeout(a.ctx, time.Duration(c.Timeout))
	defer cancel()
	me, fault := client.Me(ctx)
	var signal *stopped
	if fault != nil && errors.As(context.Cause(a.ctx), &signal) {
		return &failure{exitSignal + signal.signal, errors.New(signal.Reason), ""}
	}
	found := c.found(t, credentials, me, fault)
	if end := client.TokenExpires(); !end.IsZero() {
		found.Expires = new(end.UTC().Truncate(time.Second))
	}
	if err := found.print(a.out, c.JSON); err != nil {
		return err
	}
	if fault != nil {
		return c.failure(t, credentials, fault)
	}
	con.last(exitDone, "COR knows the credentials", nil)
	return nil
}

func (c *authCheckCommand) found(t target, credentials cor.Credentials, me cor.Account, fault *pipeline.Fault) checked {
	found := checked{OK: fault == nil, AuthURL: t.AuthURL, BaseURL: t.BaseURL, Kind: "access token", Credentials: "COR_ACCESS_TOKEN"}
	switch {
	case credentials.APIKey != "":
		found.Kind, found.Credentials, t.Account = "key and secret", "COR_API_KEY and COR_CLIENT_SECRET", keyAccount(credentials.APIKey)
	case fault == nil:
		t.Account = tokenAccount(me)
	}
	if c.TokenFile != "" {
		found.Credentials = "--token-file " + c.TokenFile
	}
	if fault == nil {
		found.Account = &account{me.ID, me.Name, me.Email}
	} else {
		found.Error = fault.Error()
	}
	found.Target = t.String()
	return found
}

// failure is how a check ends that brought no account.
func (c *authCheckCommand) failure(t target, credentials cor.Credentials, fault *pipeline.Fault) error {
	hint := "check --auth-url " + t.AuthURL + ": the production URL is " + cor.DefaultAuthURL
	switch {
	case refused(fault) && credentials.APIKey != "":
		if fault.Status != 404 { // as where no token endpoint is
			hint = "check COR_API_KEY and COR_CLIENT_SECRET, and that they belong to " + t.AuthURL
		}
		return &failure{exitCredentials, fmt.Errorf("the credentials were refused: %w", fault), hint}
	case refused(fault):
		return tokenRefused(fault)
	case fault.Status == 0:
		hint = "check --auth-url " + t.AuthURL + ", the network and the proxy"
	case fault.Kind == pipeline.Throttled, fault.Status >= 500:
		hint = "try again later, when COR is back"
	}
	return &failure{exitUnavailable, fmt.Errorf("whom the credentials belong to is not known: %w", fault), hint}
}

func (f *checked) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(f)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "account\t%s\n", f.Account)
	fmt.Fprintf(t, "credentials\t%s, from %s\n", f.Kind, f.Credentials)
	if f.Expires != nil {
		fmt.Fprintf(t, "token\tends %s\n", f.Expires.Format(time.RFC3339))
	} else {
		fmt.Fprintf(t, "token\tits end is not known\n")
	}
	fmt.Fprintf(t, "auth url\t%s\n", f.AuthURL)
	fmt.Fprintf(t, "base url\t%s, which was not asked\n", f.BaseURL)
	fmt.Fprintf(t, "target\t%s\n", f.Target)
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
			parts = append(parts, printable(part))
		}
	}
	if a.ID != "" {
		parts = append(parts, "id "+printable(a.ID))
	}
	return strings.Join(parts, ", ")
}

// printable quotes what would disturb a terminal.
func printable(text string) string {
	quoted := fmt.Sprintf("%q", text)
	if quoted == `"`+text+`"` {
		return text
	}
	return quoted
}
