package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
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
	if f.BaseURL+f.AuthURL+f.TokenFile != "" {
		return pipeline.Target{}, pipeline.Usage("leave --simulate out, or what is given with it",
			"--simulate has a target of its own, without --base-url, --auth-url and --token-file")
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
// simulator needs none; a nil known stands for every user and workspace.
func (a *app) connect(t pipeline.Target, tokenFile string, known []corsim.Pair) (runs.Connect, error) {
	if t.BaseURL == pipeline.SimulatorURL {
		return func(context.Context) (runs.Connection, error) { return connectSimulator(t, known) }, nil
	}
	c, err := a.credentials(tokenFile)
	if err != nil {
		return nil, err
	}
	return func(context.Context) (_ runs.Connection, err error) {
		client := newClient(t, c.Credentials)
		if t.Account, err = a.account(c, client, t); err != nil {
			client.Close()
			return runs.Connection{}, err
		}
		return runs.Connection{COR: client, Target: t, Close: client.Close}, nil
	}, nil
}

func newClient(t pipeline.Target, c cor.Credentials) *cor.Client {
	return cor.New(cor.Config{BaseURL: t.BaseURL, AuthURL: t.AuthURL, Credentials: c, UserAgent: agent()})
}

// account is that of accountOf; "" when COR does not say.
func (a *app) account(c credentials, client *cor.Client, t pipeline.Target) (string, error) {
	if c.APIKey != "" {
		return accountOf(c.APIKey, cor.Account{}), nil
	}
	me, err := a.whose(client, c, t, 30*time.Second)
	if f, failed := errors.AsType[*pipeline.Failure](err); failed && f.Code == pipeline.ExitUnavailable {
		a.console.Warn(err.Error(), "")
		return "", nil
	}
	return accountOf("", me), err
}

// connectSimulator starts the simulator inside this process, under any source.
func connectSimulator(t pipeline.Target, known []corsim.Pair) (runs.Connection, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return runs.Connection{}, err
	}
	config := corsim.Config{Known: known}
	_ = config.Set("sources", "any") // there is this switch
	server := &http.Server{Handler: corsim.New(config), ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	base := "http://" + listener.Addr().String()
	client := newClient(pipeline.Target{BaseURL: base, AuthURL: base + "/v1"}, cor.Credentials{APIKey: "simulated", ClientSecret: "simulated"})
	return runs.Connection{COR: client, Target: t, Close: func() {
		client.Close()
		_ = server.Close()
		serving.Wait()
	}}, nil
}
