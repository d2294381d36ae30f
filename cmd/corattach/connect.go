package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/runs"
)

// targetFlags say where a run sends to.
type targetFlags struct {
	endpointFlags
	Simulate bool `rival:"base-url" group:"Target" help:"Send to a simulator inside this process, which knows every user and workspace."`
}

// endpointFlags say where COR is and with which token it is asked.
type endpointFlags struct {
	BaseURL   string `rival:"simulate" group:"Target" placeholder:"URL" help:"URL of the Integrations API; default https://integrations.projectcor.com."`
	AuthURL   string `rival:"simulate" group:"Target" placeholder:"URL" help:"URL of the API that issues tokens; default https://api.projectcor.com/v1."`
	TokenFile string `rival:"simulate" group:"Target" placeholder:"FILE" help:"File with an access token; nobody else may be able to write it."`
}

// target checks the flags and fills in the defaults.
func (f *targetFlags) target() (pipeline.Target, error) {
	if !f.Simulate {
		return f.endpointFlags.target()
	}
	for _, other := range [][2]string{{"--base-url", f.BaseURL}, {"--auth-url", f.AuthURL}, {"--token-file", f.TokenFile}} {
		if other[1] != "" {
			return pipeline.Target{}, pipeline.Usage("leave one of the two out", "%s is given, but --simulate has a target of its own", other[0])
		}
	}
	return pipeline.Target{BaseURL: pipeline.SimulatorURL, AuthURL: pipeline.SimulatorURL}, nil
}

// target checks the flags and fills in the defaults.
func (f *endpointFlags) target() (pipeline.Target, error) {
	t := pipeline.Target{
		BaseURL: cmp.Or(strings.TrimRight(f.BaseURL, "/"), cor.DefaultBaseURL),
		AuthURL: cmp.Or(strings.TrimRight(f.AuthURL, "/"), cor.DefaultAuthURL),
	}
	for _, url := range [][3]string{{"--base-url", t.BaseURL, cor.DefaultBaseURL}, {"--auth-url", t.AuthURL, cor.DefaultAuthURL}} {
		if err := cor.CheckURL(url[1]); err != nil {
			return t, pipeline.Usage("the production URL is "+url[2], "%s: %w", url[0], err)
		}
	}
	return t, nil
}

// connect reads the credentials and returns how to reach COR with them. The
// simulator needs none.
func (a *app) connect(t pipeline.Target, tokenFile string) (runs.Connect, error) {
	if t.BaseURL == pipeline.SimulatorURL {
		return func(context.Context) (runs.Connection, error) { return connectSimulator(t, nil) }, nil
	}
	c, err := a.credentials(tokenFile)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (runs.Connection, error) {
		client := newClient(t, c.Credentials)
		var err error
		if t.Account, err = a.account(ctx, c, client); err != nil {
			client.Close()
			return runs.Connection{}, err
		}
		return runs.Connection{COR: client, Target: t, Close: client.Close}, nil
	}, nil
}

func newClient(t pipeline.Target, c cor.Credentials) *cor.Client {
	return cor.New(cor.Config{BaseURL: t.BaseURL, AuthURL: t.AuthURL, Credentials: c, UserAgent: "corattach/" + version()})
}

// account is that of accountOf; "" when COR does not say.
func (a *app) account(ctx context.Context, c credentials, client *cor.Client) (string, error) {
	if c.APIKey != "" {
		return accountOf(c.APIKey, cor.Account{}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	me, fault := client.Me(ctx)
	switch {
	case fault == nil:
		return accountOf("", me), nil
	case isRefusal(fault):
		return "", c.refused(fault)
	case a.ctx.Err() != nil:
		return "", context.Cause(a.ctx)
	}
	a.console.Warn("whom the access token belongs to is not known: "+fault.Error(), "")
	return "", nil
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

// isRefusal reports whether a fault means that the credentials are not good.
func isRefusal(fault *pipeline.Fault) bool {
	return fault.Kind == pipeline.Unauthorized || fault.Kind == pipeline.NoToken || fault.Kind == pipeline.Forbidden
}

// refused is how a command ends whose credentials are not good: to COR, or so far from
// a token that it was never sent.
func (c *credentials) refused(fault *pipeline.Fault) error {
	what, hint := "the access token was refused", "it may have expired: get a new one, or use COR_API_KEY and COR_CLIENT_SECRET, whose tokens are renewed"
	switch {
	case c.APIKey != "":
		what, hint = "the credentials were refused", "check COR_API_KEY and COR_CLIENT_SECRET, and that they belong to --auth-url"
	case fault.Status == 0:
		hint = "give the token alone, without whitespace in it"
	}
	return &pipeline.Failure{Code: pipeline.ExitCredentials, Err: fmt.Errorf("%s: %w", what, fault), Hint: hint}
}

// connectSimulator starts the simulator inside this process, under any source. A
// nil known stands for every user and workspace.
func connectSimulator(t pipeline.Target, known *corsim.Known) (runs.Connection, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return runs.Connection{}, err
	}
	config := corsim.Config{Known: known}
	if err := config.Set("sources", "any"); err != nil {
		return runs.Connection{}, err
	}
	server := &http.Server{Handler: corsim.New(config), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	release := func() {
		_ = server.Close()
		<-done
	}
	base := "http://" + listener.Addr().String()
	client := newClient(pipeline.Target{BaseURL: base, AuthURL: base + "/v1"}, cor.Credentials{APIKey: "simulated", ClientSecret: "simulated"})
	return runs.Connection{COR: client, Target: t, Close: func() { client.Close(); release() }}, nil
}
