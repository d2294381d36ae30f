package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"corattach/cmd/corattach/console"
	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/runs"
)

// targetFlags say where a run sends to.
type targetFlags struct {
	endpointFlags
	Simulate bool `group:"Target" help:"Send to a simulator inside this process, which knows every user and workspace."`
}

// endpointFlags say where COR is and with which token it is asked.
type endpointFlags struct {
	BaseURL   string   `group:"Target" placeholder:"URL" help:"URL of the Integrations API; default https://integrations.projectcor.com."`
	AuthURL   string   `group:"Target" placeholder:"URL" help:"URL of the API that issues tokens; default https://api.projectcor.com/v1."`
	TokenFile filePath `group:"Target" placeholder:"FILE" help:"File with an access token; nobody else may be able to write it."`
}

// settle clears the flags that others outrank.
func (f *targetFlags) settle(a *app) {
	f.Simulate = f.Simulate && a.find("simulate") != nil
	if a.find("base-url") == nil {
		f.BaseURL = ""
	}
	if a.find("auth-url") == nil {
		f.AuthURL = ""
	}
	if a.find("token-file") == nil {
		f.TokenFile = ""
	}
}

// target checks the flags and fills in the defaults.
func (f *targetFlags) target() (pipeline.Target, error) {
	if !f.Simulate {
		return f.endpointFlags.target()
	}
	for _, other := range [][2]string{{"--base-url", f.BaseURL}, {"--auth-url", f.AuthURL}, {"--token-file", string(f.TokenFile)}} {
		if other[1] != "" {
			return pipeline.Target{}, usage("leave one of the two out", "%s is given, but --simulate has a target of its own", other[0])
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
	if err := cor.CheckURL(t.BaseURL); err != nil {
		return t, usage("the production URL is "+cor.DefaultBaseURL, "--base-url: %w", err)
	}
	if err := cor.CheckURL(t.AuthURL); err != nil {
		return t, usage("the production URL is "+cor.DefaultAuthURL, "--auth-url: %w", err)
	}
	return t, nil
}

// connect reads the credentials and returns how to reach COR with them. The
// simulator needs none.
func (a *app) connect(t pipeline.Target, tokenFile string) (runs.Connect, error) {
	if t.BaseURL == pipeline.SimulatorURL {
		return func(context.Context) (runs.Connection, error) { return a.connectSimulator(t, nil) }, nil
	}
	c, err := a.credentials(tokenFile)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (runs.Connection, error) {
		client, err := newClient(t, c.Credentials)
		if err != nil {
			return runs.Connection{}, err
		}
		if t.Account, err = a.account(ctx, c, client); err != nil {
			client.Close()
			return runs.Connection{}, err
		}
		return runs.Connection{COR: client, Target: t, Close: client.Close}, nil
	}, nil
}

func newClient(t pipeline.Target, c cor.Credentials) (*cor.Client, error) {
	client, err := cor.New(cor.Config{BaseURL: t.BaseURL, AuthURL: t.AuthURL, Credentials: c, UserAgent: "corattach/" + version()})
	if err != nil {
		return nil, usage("", "%w", err)
	}
	return client, nil
}

// account is a fingerprint of the API key, or whom COR says a static token
// belongs to; "" when COR does not say.
func (a *app) account(ctx context.Context, c credentials, client *cor.Client) (string, error) {
	if c.APIKey != "" {
		return keyAccount(c.APIKey), nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	me, fault := client.Me(ctx)
	switch {
	case fault == nil:
		return tokenAccount(me), nil
	case refused(fault):
		return "", tokenRefused(fault)
	case context.Cause(ctx) != nil && a.ctx.Err() != nil:
		return "", context.Cause(a.ctx)
	}
	a.console.Warn("whom the access token belongs to is not known: "+fault.Error(), "")
	return "", nil
}

// tokenRefused is how a command ends whose access token is not good: to COR, or
// so far from one that it was never sent.
func tokenRefused(fault *pipeline.Fault) error {
	hint := "it may have expired: get a new one, or use COR_API_KEY and COR_CLIENT_SECRET, whose tokens are renewed"
	if fault.Status == 0 {
		hint = "give the token alone, without whitespace in it"
	}
	return &pipeline.Failure{Code: pipeline.ExitCredentials, Err: fmt.Errorf("the access token was refused: %w", fault), Hint: hint}
}

// keyAccount is a fingerprint of an API key.
func keyAccount(key string) string { return "key-" + fingerprint(key) }

// tokenAccount is COR's id of an account, or a fingerprint of what it says
// instead: names and addresses of people are kept nowhere.
func tokenAccount(me cor.Account) string {
	if me.ID != "" {
		return "account-" + me.ID
	}
	return "account-" + fingerprint(me.Email+"\n"+me.Name)
}

func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// refused reports whether a fault means that the credentials are not good.
func refused(fault *pipeline.Fault) bool {
	return fault.Kind == pipeline.Unauthorized || fault.Kind == pipeline.NoToken || fault.Kind == pipeline.Forbidden
}

// connectSimulator starts the simulator inside this process, under any source. A
// nil known stands for every user and workspace.
func (a *app) connectSimulator(t pipeline.Target, known *corsim.Known) (runs.Connection, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return runs.Connection{}, err
	}
	config := corsim.Config{Known: known}
	if err := config.Set("sources", "any"); err != nil {
		return runs.Connection{}, err
	}
	server := a.newServer(corsim.New(config))
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
	client, err := newClient(pipeline.Target{BaseURL: base, AuthURL: base + "/v1"}, cor.Credentials{APIKey: "simulated", ClientSecret: "simulated"})
	if err != nil {
		release()
		return runs.Connection{}, err
	}
	return runs.Connection{COR: client, Target: t, Close: func() { client.Close(); release() }}, nil
}

// newServer serves the simulator. A fault of its own is told as a warning.
func (a *app) newServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(warnings{a.console}, "", 0)}
}

// warnings tells what package log writes at once.
type warnings struct{ *console.Console }

func (w warnings) Write(text []byte) (int, error) {
	w.Warn(strings.TrimSpace(string(text)), "")
	return len(text), nil
}
