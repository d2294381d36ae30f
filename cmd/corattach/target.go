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
	"os"
	"runtime"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/cor/corsim"
)

// target is where a run sends to. It is part of the journal's header.
type target struct {
	BaseURL string
	AuthURL string
	Account string
}

// simulatorURL stands for the embedded simulator, whose port changes.
const simulatorURL = "simulator"

// unknownAccount stands where COR did not say whom a static token belongs to.
const unknownAccount = "unknown"

// tokenPrefix begins the names of accounts that static tokens belong to.
const tokenPrefix = "account-"

func (t target) String() string {
	if t.BaseURL == simulatorURL {
		return simulatorURL
	}
	return strings.TrimRight(t.BaseURL+" "+t.Account, " ")
}

// unlike names a target so that it can be told from the other one.
func (t target) unlike(other target) string {
	if t.AuthURL != other.AuthURL {
		return t.String() + " with tokens of " + t.AuthURL
	}
	return t.String()
}

// sameAs reports whether two targets are one as far as it is known.
func (t target) sameAs(other target) bool {
	return t.BaseURL == other.BaseURL && t.AuthURL == other.AuthURL &&
		(t.Account == other.Account || t.Account == unknownAccount || other.Account == unknownAccount)
}

// urls checks the flags and fills in the defaults.
func (f *targetFlags) urls() (target, error) {
	if !f.Simulate {
		return f.endpointFlags.urls()
	}
	if f.BaseURL != "" || f.AuthURL != "" || f.TokenFile != "" {
		return target{}, usage("leave out --base-url, --auth-url and --token-file, or --simulate", "--simulate has a target of its own")
	}
	return target{simulatorURL, simulatorURL, ""}, nil
}

// urls checks the flags and fills in the defaults.
func (f *endpointFlags) urls() (target, error) {
	t := target{BaseURL: strings.TrimRight(f.BaseURL, "/"), AuthURL: strings.TrimRight(f.AuthURL, "/")}
	if t.BaseURL == "" {
		t.BaseURL = cor.DefaultBaseURL
	}
	if t.AuthURL == "" {
		t.AuthURL = cor.DefaultAuthURL
	}
	if err := cor.CheckURL(t.BaseURL); err != nil {
		return t, usage("the production URL is "+cor.DefaultBaseURL, "--base-url: %w", err)
	}
	if err := cor.CheckURL(t.AuthURL); err != nil {
		return t, usage("the production URL is "+cor.DefaultAuthURL, "--auth-url: %w", err)
	}
	return t, nil
}

const credentialsHint = "set COR_API_KEY and COR_CLIENT_SECRET, or COR_ACCESS_TOKEN, or give --token-file; an import with --simulate or --dry-run needs none"

// credential reads a variable without the blanks and line breaks around it, which
// a file or a secret store may have added.
func credential(env string) string { return strings.TrimSpace(os.Getenv(env)) }

// credentials reads the one set of credentials there must be.
func (f *endpointFlags) credentials() (cor.Credentials, error) {
	c := cor.Credentials{
		APIKey: credential("COR_API_KEY"), ClientSecret: credential("COR_CLIENT_SECRET"), AccessToken: credential("COR_ACCESS_TOKEN"),
	}
	key := c.APIKey != "" || c.ClientSecret != ""
	var set []string
	for _, credential := range []struct {
		set  bool
		name string
	}{{key, "COR_API_KEY with COR_CLIENT_SECRET"}, {c.AccessToken != "", "COR_ACCESS_TOKEN"}, {f.TokenFile != "", "--token-file"}} {
		if credential.set {
			set = append(set, credential.name)
		}
	}
	switch {
	case len(set) > 1:
		return c, usage("keep one of them", "two credentials at once: %s", strings.Join(set, " and "))
	case key && c.ClientSecret == "":
		return c, usage("set COR_CLIENT_SECRET too", "COR_API_KEY without COR_CLIENT_SECRET")
	case key && c.APIKey == "":
		return c, usage("set COR_API_KEY too", "COR_CLIENT_SECRET without COR_API_KEY")
	case key, c.AccessToken != "":
		return c, nil
	case f.TokenFile != "":
		token, err := readToken(f.TokenFile)
		c.AccessToken = token
		return c, err
	}
	return c, usage(credentialsHint, "no credentials")
}

func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", usage("check the path", "--token-file: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", usage("chmod 600 "+path, "--token-file: others can read %s", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", usage("check who may read it", "--token-file: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", usage("put the access token into it", "--token-file: %s is empty", path)
	}
	return token, nil
}

// connect makes the client for a target, and finds out its account. The
// returned function releases what the connection holds. The simulator needs no
// credentials.
func (a *app) connect(t target, credentials cor.Credentials, log say) (target, *cor.Client, func(), error) {
	if t.BaseURL == simulatorURL {
		return connectSimulator(t, log)
	}
	client, err := newClient(t, credentials)
	if err != nil {
		return t, nil, nil, err
	}
	if t.Account, err = a.account(credentials, client, log); err != nil {
		client.Close()
		return t, nil, nil, err
	}
	return t, client, client.Close, nil
}

func newClient(t target, credentials cor.Credentials) (*cor.Client, error) {
	client, err := cor.New(cor.Config{
		BaseURL: t.BaseURL, AuthURL: t.AuthURL, Credentials: credentials, UserAgent: "corattach/" + version(),
	})
	if err != nil {
		return nil, usage("", "%w", err)
	}
	return client, nil
}

// account is a fingerprint of the API key, or whom COR says a static token
// belongs to.
func (a *app) account(c cor.Credentials, client *cor.Client, log func(text string)) (string, error) {
	if c.APIKey != "" {
		return keyAccount(c.APIKey), nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, 30*time.Second)
	defer cancel()
	me, fault := client.Me(ctx)
	switch {
	case fault == nil:
		return tokenAccount(me), nil
	case refused(fault):
		return "", tokenRefused(fault)
	}
	log("whom the access token belongs to is not known: " + fault.Error())
	return unknownAccount, nil
}

// tokenRefused is how a command ends whose access token is not good: to COR, or
// so far from one that it was never sent.
func tokenRefused(fault *pipeline.Fault) error {
	hint := "it may have expired: get a new one, or use COR_API_KEY and COR_CLIENT_SECRET, whose tokens are renewed"
	if fault.Status == 0 {
		hint = "give the token alone, without blanks and line breaks in it"
	}
	return &failure{exitCredentials, fmt.Errorf("the access token was refused: %w", fault), hint}
}

// keyAccount is a fingerprint of an API key.
func keyAccount(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "key-" + hex.EncodeToString(sum[:6])
}

func tokenAccount(me cor.Account) string { return tokenPrefix + cmp.Or(me.ID, me.Email, me.Name) }

// refused reports whether a fault means that the credentials are not good.
func refused(fault *pipeline.Fault) bool {
	return fault.Kind == pipeline.Unauthorized || fault.Kind == pipeline.NoToken || fault.Kind == pipeline.Forbidden
}

// connectSimulator starts the simulator inside this process. It knows every
// user and workspace.
func connectSimulator(t target, log say) (target, *cor.Client, func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return t, nil, nil, err
	}
	var config corsim.Config
	if err := config.Set("sources", "any"); err != nil {
		return t, nil, nil, err
	}
	server := newServer(corsim.New(config), log)
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
	client, err := cor.New(cor.Config{
		BaseURL: base, AuthURL: base + "/v1", UserAgent: "corattach/" + version(),
		Credentials: cor.Credentials{APIKey: "simulated", ClientSecret: "simulated"},
	})
	if err != nil {
		release()
		return t, nil, nil, err
	}
	return t, client, func() { client.Close(); release() }, nil
}

// newServer serves the simulator. A fault of its own is told as a warning.
func newServer(handler http.Handler, warn say) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(warn, "", 0)}
}

// say tells a line. It is a writer for those who log lines.
type say func(text string)

// Write tells what package log writes at once.
func (s say) Write(text []byte) (int, error) {
	s(strings.TrimSpace(string(text)))
	return len(text), nil
}
