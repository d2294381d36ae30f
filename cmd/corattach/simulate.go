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

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
)

type simulateCommand struct {
	Addr   string   `default:"127.0.0.1:8089" placeholder:"127.0.0.1:8089" help:"Loopback address to serve on; port 0 takes a free one."`
	Known  filePath `placeholder:"FILE" help:"CSV whose users and workspaces exist; without it all do."`
	Facts  filePath `placeholder:"FILE" help:"The facts.json of a probe: behave like the COR that it asked. --set outranks it."`
	Set    []string `sep:"none" placeholder:"SWITCH=VALUE" help:"Set a switch; repeatable. The switches are listed above."`
	Script filePath `placeholder:"FILE" help:"JSON script of faults."`
	Log    filePath `placeholder:"FILE" help:"Append a JSON line for each request."`
	logFlags
}

// Help lists the switches.
func (*simulateCommand) Help() string {
	var text strings.Builder
	text.WriteString(examples("corattach simulate --set percentage=rounded",
		"corattach simulate --known samples/known.csv --script samples/faults/throttle-date.json --log requests.jsonl"))
	text.WriteString("\n\nSwitches of --set (the default first):\n")
	for _, s := range corsim.Switches() {
		fmt.Fprintf(&text, "  %s=%s\n      %s\n", s.Name, s.Values, s.Doc)
	}
	return text.String()
}

// Run serves until a signal comes.
func (c *simulateCommand) Run(a *app) error {
	c.logFlags.open(a)
	config, err := c.config()
	if err != nil {
		return err
	}
	if c.Log != "" {
		file, err := os.OpenFile(string(c.Log), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return usage("check the path", "--log: %w", err)
		}
		defer file.Close()
		config.Log = func(r corsim.Record) error {
			_, err := file.Write(r.Line())
			return err
		}
	}
	listener, err := c.listen()
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	if err := a.console.Result([]byte(base + "\n")); err != nil {
		return err
	}
	a.console.Say(fmt.Sprintf("serving the COR simulator; import with --base-url %s --auth-url %s/v1 and any COR_API_KEY and COR_CLIENT_SECRET", base, base))
	simulator := corsim.New(config)
	if err := a.serve(a.newServer(simulator), listener); err != nil {
		return err
	}
	return simulator.LogError()
}

func (c *simulateCommand) listen() (net.Listener, error) {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, usage("use an address such as 127.0.0.1:8089", "--addr: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usage("use 127.0.0.1, ::1 or localhost", "--addr: the simulator serves on loopback only, not on %q", host)
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, usage("another program may use the port; --addr 127.0.0.1:0 takes a free one", "--addr: %w", err)
	}
	return listener, nil
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
	var stop pipeline.Stop
	if err == nil && errors.As(context.Cause(a.ctx), &stop) {
		a.code = pipeline.ExitSignal + stop.Signal
		a.console.End(a.code, stop.Reason, nil)
	}
	return err
}

// config reads the flags and their files.
func (c *simulateCommand) config() (corsim.Config, error) {
	var config corsim.Config
	if c.Facts != "" {
		err := readFile(c.Facts, config.LoadFacts)
		if err != nil {
			return config, usage("give the facts.json of a probe", "--facts: %w", err)
		}
	}
	for _, assignment := range c.Set {
		name, value, found := strings.Cut(assignment, "=")
		if !found {
			return config, usage("write --set switch=value", "--set: %q has no =", assignment)
		}
		if err := config.Set(name, value); err != nil {
			return config, usage("corattach simulate --help lists the switches", "--set: %w", err)
		}
	}
	if c.Known != "" {
		err := readFile(c.Known, func(r io.Reader) (err error) {
			config.Known, err = corsim.ReadKnown(r)
			return err
		})
		if err != nil {
			return config, usage("give a CSV with user_id and workspace_id", "--known: %w", err)
		}
	}
	if c.Script != "" {
		err := readFile(c.Script, func(r io.Reader) (err error) {
			config.Script, err = corsim.ReadScript(r)
			return err
		})
		if err != nil {
			return config, usage("samples/faults has scripts to start from", "--script: %w", err)
		}
	}
	return config, nil
}

func readFile(path filePath, read func(io.Reader) error) error {
	file, err := os.Open(string(path))
	if err != nil {
		return err
	}
	defer file.Close()
	return read(file)
}
