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
	Known  string   `placeholder:"FILE" help:"CSV whose users and workspaces exist; without it all do."`
	Facts  string   `placeholder:"FILE" help:"The facts.json of a probe: behave like the COR that it asked. --set outranks it."`
	Set    []string `sep:"none" placeholder:"SWITCH=VALUE" help:"Set a switch; repeatable. The switches are listed above."`
	Script string   `placeholder:"FILE" help:"JSON script of faults."`
	Log    string   `placeholder:"FILE" help:"Append a JSON line for each request."`
	logFlags
}

// Run serves until a signal comes or the log can't be written.
func (c *simulateCommand) Run(a *app) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(a.ctx)
	defer stop(nil)
	if c.Log != "" {
		file, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return pipeline.Usage("check the path", "--log: %w", err)
		}
		defer file.Close()
		config.Log = func(r corsim.Record) {
			if _, err := file.Write(r.Line()); err != nil {
				stop(err)
			}
		}
	}
	addr, err := net.ResolveTCPAddr("tcp", c.Addr)
	if err != nil || !addr.IP.IsLoopback() {
		return pipeline.Usage("use a loopback address such as 127.0.0.1:8089", "--addr: the simulator serves on loopback only, not on %q", c.Addr)
	}
	listener, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return pipeline.Usage("another program may use the port; --addr 127.0.0.1:0 takes a free one", "--addr: %w", err)
	}
	base := "http://" + listener.Addr().String()
	if err := a.console.Result([]byte(base + "\n")); err != nil {
		return err
	}
	a.console.Say(fmt.Sprintf("serving the COR simulator; import with --base-url %s --auth-url %s/v1 and any COR_API_KEY and COR_CLIENT_SECRET", base, base))
	server := &http.Server{Handler: corsim.New(config), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return context.Cause(ctx)
}

// config reads the flags and their files.
func (c *simulateCommand) config() (config corsim.Config, err error) {
	if err := read(c.Facts, config.LoadFacts); err != nil {
		return config, pipeline.Usage("give the facts.json of a probe", "--facts: %w", err)
	}
	for _, assignment := range c.Set {
		name, value, _ := strings.Cut(assignment, "=")
		if err := config.Set(name, value); err != nil {
			return config, pipeline.Usage("write --set switch=value; corattach simulate --help lists the switches", "--set: %w", err)
		}
	}
	if err := read(c.Known, func(r io.Reader) (err error) { config.Known, err = corsim.ReadKnown(r); return err }); err != nil {
		return config, pipeline.Usage("give a CSV with user_id and workspace_id", "--known: %w", err)
	}
	if err := read(c.Script, func(r io.Reader) (err error) { config.Script, err = corsim.ReadScript(r); return err }); err != nil {
		return config, pipeline.Usage("samples/faults has scripts to start from", "--script: %w", err)
	}
	return config, nil
}

// read reads a file, if one is named.
func read(path string, parse func(io.Reader) error) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return parse(file)
}
