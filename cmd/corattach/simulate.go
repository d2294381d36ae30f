package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"corattach/pipeline/cor/corsim"
)

type simulateCommand struct {
	Addr   string   `default:"127.0.0.1:8089" placeholder:"127.0.0.1:8089" help:"Loopback address to serve on; port 0 takes a free one."`
	Known  string   `placeholder:"FILE" help:"CSV whose users and workspaces exist; without it all do."`
	Set    []string `sep:"none" placeholder:"SWITCH=VALUE" help:"Set a switch; repeatable. See below."`
	Script string   `placeholder:"FILE" help:"JSON script of faults."`
	Log    string   `placeholder:"FILE" help:"Append a JSON line for each request."`
}

// Help lists the switches.
func (*simulateCommand) Help() string {
	var text strings.Builder
	text.WriteString(examples("corattach simulate --set percentage=rounded",
		"corattach simulate --known samples/known.csv --script samples/faults/throttle-date.json --log requests.jsonl"))
	text.WriteString("\n\nSwitches (the default first):\n")
	for _, s := range corsim.Switches() {
		fmt.Fprintf(&text, "  %s=%s\n      %s\n", s.Name, strings.Join(s.Values, "|"), s.Doc)
	}
	return text.String()
}

// Run serves until a signal comes.
func (c *simulateCommand) Run(a *app) error {
	config, closeFiles, err := c.config()
	if err != nil {
		return err
	}
	defer closeFiles()
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return usage("use an address such as 127.0.0.1:8089", "--addr: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usage("use 127.0.0.1, ::1 or localhost", "--addr: the simulator serves on loopback only, not on %q", host)
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return usage("another program may use the port; --addr 127.0.0.1:0 takes a free one", "--addr: %w", err)
	}
	base := "http://" + listener.Addr().String()
	fmt.Fprintln(a.out, base)
	fmt.Fprintf(a.err, "serving the COR simulator; import with --base-url %s --auth-url %s/v1 and any COR_API_KEY and COR_CLIENT_SECRET\n", base, base)
	simulator := corsim.New(config)
	if err := a.serve(newServer(simulator, func(text string) { fmt.Fprintln(a.err, text) }), listener); err != nil {
		return err
	}
	return simulator.LogError()
}

// serve serves until a signal comes, and ends with its code.
func (a *app) serve(server *http.Server, listener net.Listener) error {
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-a.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-done
	var signal *stopped
	if err == nil && errors.As(context.Cause(a.ctx), &signal) {
		a.code = exitSignal + signal.signal
		fmt.Fprintf(a.err, "exit %d: %s\n", a.code, signal.Reason)
	}
	return err
}

// config reads the flags and their files. The returned function closes the log.
func (c *simulateCommand) config() (corsim.Config, func(), error) {
	var config corsim.Config
	nothing := func() {}
	for _, assignment := range c.Set {
		name, value, found := strings.Cut(assignment, "=")
		if !found {
			return config, nothing, usage("write --set switch=value", "--set: %q has no =", assignment)
		}
		if err := config.Set(name, value); err != nil {
			return config, nothing, usage("corattach simulate --help lists the switches", "--set: %w", err)
		}
	}
	var err error
	if c.Known != "" {
		if config.Known, err = readFile(c.Known, corsim.ReadKnown); err != nil {
			return config, nothing, usage("give a CSV with user_id and workspace_id", "--known: %w", err)
		}
	}
	if c.Script != "" {
		if config.Script, err = readFile(c.Script, corsim.ReadScript); err != nil {
			return config, nothing, usage("samples/faults has scripts to start from", "--script: %w", err)
		}
	}
	if c.Log == "" {
		return config, nothing, nil
	}
	file, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return config, nothing, usage("check the path", "--log: %w", err)
	}
	config.Log = file
	return config, func() { _ = file.Close() }, nil
}

func readFile[T any](path string, read func(io.Reader) (T, error)) (T, error) {
	var nothing T
	file, err := os.Open(path)
	if err != nil {
		return nothing, err
	}
	defer file.Close()
	return read(file)
}
