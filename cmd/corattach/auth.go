package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
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
	me, err := a.whose(client, given, t, c.Timeout)
	if err != nil {
		return err
	}
	t.Account = accountOf(given.APIKey, me)
	target := t.String() // as runs name it
	a.reason = "COR knows the credentials"
	return a.console.Print(c.JSON, map[string]any{"account": me, "credentials": given.from, "target": target}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "account      %s\nid           %s\ncredentials  %s\ntarget       %s\n",
			pipeline.Show(strings.Trim(me.Name+", "+me.Email, ", ")), pipeline.Show(me.ID), pipeline.Show(given.from), pipeline.Show(target))
		return err
	})
}

// whose asks COR whom the credentials belong to. Without an answer the error is a
// *pipeline.Failure whose code is ExitUnavailable.
func (a *app) whose(client *cor.Client, given credentials, t pipeline.Target, timeout time.Duration) (cor.Account, error) {
	ctx, cancel := context.WithTimeout(a.ctx, timeout)
	defer cancel()
	me, fault := client.Me(ctx)
	if fault == nil {
		return me, nil
	}
	if a.ctx.Err() != nil {
		return me, context.Cause(a.ctx)
	}
	code, what, hint := pipeline.ExitCredentials, "the access token was refused", ""
	switch refused := fault.Kind == pipeline.Unauthorized || fault.Kind == pipeline.NoToken || fault.Kind == pipeline.Forbidden; {
	case refused && given.APIKey != "":
		what = "the credentials were refused"
		hint = "check COR_API_KEY and COR_CLIENT_SECRET, and that they belong to --auth-url " + t.AuthURL
	case refused && fault.Status == 0: // it was so far from a token that it was never sent
		hint = "give the token alone, without whitespace in it"
	case refused:
		hint = "it may have expired: get a new one, or use COR_API_KEY and COR_CLIENT_SECRET, whose tokens are renewed"
	default:
		code, what = pipeline.ExitUnavailable, "whom the credentials belong to is not known"
		hint = "check --auth-url " + t.AuthURL + ", the network and the proxy: the production URL is " + cor.DefaultAuthURL
		if fault.Kind == pipeline.Throttled || fault.Status >= 500 {
			hint = "try again later, when COR is back"
		}
	}
	return me, &pipeline.Failure{Code: code, Err: fmt.Errorf("%s: %w", what, fault), Hint: hint}
}

// accountOf is a fingerprint of the API key or, without one, COR's id of the account,
// or else a fingerprint of what COR says instead: names and addresses of people are
// kept nowhere.
func accountOf(apiKey string, me cor.Account) string {
	kind, text := "key-", apiKey
	if apiKey == "" {
		kind, text = "account-", me.Email+"\n"+me.Name
	}
	if apiKey == "" && me.ID != "" {
		return kind + me.ID
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s%x", kind, sum[:6])
}
