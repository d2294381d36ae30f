package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/probe"
	"corattach/pipeline/runs"
	"corattach/report"
)

type probeCommand struct {
	User      string   `placeholder:"ID" help:"A user that was made for the probe."`
	Workspace []string `sep:"none" placeholder:"ID" help:"A workspace that was made for the probe and that the user does not have; give two."`
	Source    string   `placeholder:"NAME" help:"The source that user and workspaces are mapped under."`
	Yes       bool     `help:"Go on, although the target is neither a loopback address nor the simulator."`

	Rate    float64  `group:"Sending" default:"5" placeholder:"5" help:"Attempts per second, retries too; 0 = no limit."`
	Timeout duration `group:"Sending" default:"30s" placeholder:"30s" help:"How long one attempt may take."`
	Retries int      `group:"Sending" default:"5" placeholder:"5" help:"How often a request is sent again after its first attempt."`
	MaxWait duration `group:"Sending" default:"5m" placeholder:"5m" help:"How long to go on without a usable answer, before the run ends as unavailable."`
	targetFlags
	runsFlag
	keepFlags
	JSON  bool `group:"Output" name:"json" help:"Print facts.json."`
	Quiet bool `group:"Output" help:"Print nothing at all when the exit code is 0."`
	logFlags
}

// Help is shown below the description.
func (*probeCommand) Help() string {
	return `It prints what it finds, and which flags follow from that. It attaches and detaches the two workspaces, and takes away at the
end what it has attached; if it was stopped or killed, corattach resume does that. It keeps what it finds in facts.json:
corattach simulate --facts behaves like that COR.

` + credentialsHelp + "\n\n" + examples("corattach probe --simulate --user U-1 --workspace W-1 --workspace W-2 --source SAP",
		"corattach probe --user test-user --workspace test-a --workspace test-b --source SAP --yes")
}

// Run asks COR and prints what it has found.
func (c *probeCommand) Run(a *app) error {
	out := outputFlags{JSON: c.JSON, Quiet: c.Quiet, Progress: "never", logFlags: c.logFlags}
	out.open(a)
	o, err := c.order(a)
	if err != nil {
		return err
	}
	h := a.host(&out)
	log := h.Exchange
	h.Exchange = func(e *pipeline.Exchange) {
		if !e.Is(pipeline.Refused) && !e.Is(pipeline.Attached) { // an answer as good as any
			log(e)
		}
	}
	outcome, err := runs.Probe(a.ctx, a.cut, o, h)
	return a.conclude(&out, outcome, err)
}

// order checks the flags, and says what will be done.
func (c *probeCommand) order(a *app) (o runs.ProbeOrder, err error) {
	if err := a.refuseBlank("base-url", "auth-url", "token-file", "runs-dir"); err != nil {
		return o, err
	}
	if o.Subject, err = runs.CheckSubject(a.ctx, c.User, c.Workspace, c.Source); err != nil {
		return o, err
	}
	if err := c.keepFlags.check(); err != nil {
		return o, err
	}
	sending := sendFlags{Rate: c.Rate, Burst: 1, Workers: 1, Timeout: c.Timeout, Retries: c.Retries, MaxWait: c.MaxWait, MaxFailures: "off"}
	if err := sending.fill(&o.Sending); err != nil {
		return o, err
	}
	c.settle(a)
	target, err := c.target()
	if err != nil {
		return o, err
	}
	a.console.Say(fmt.Sprintf("a probe of %v:", target))
	for _, line := range o.Subject.Intent() {
		a.console.Say("  " + line)
	}
	if !c.Yes && !runs.Harmless(target) {
		return o, usage("add --yes if the user and the workspaces were made for this", "--yes is not given, and this is no simulator")
	}
	o.Common = runs.Common{
		RunsDir: string(c.RunsDir), KeepRuns: c.KeepRuns, WaitLock: c.wait(), Flags: a.words(nil), Version: version(), JournalFile: a.journalFile,
	}
	o.Connect, err = c.connect(a, target, o.Subject)
	return o, err
}

// connect reaches the target. The simulator knows the user and the two workspaces.
func (c *probeCommand) connect(a *app, t pipeline.Target, s probe.Subject) (runs.Connect, error) {
	if !c.Simulate {
		return a.connect(t, string(c.TokenFile))
	}
	known := new(corsim.Known)
	for _, w := range s.Workspaces {
		known.Add(string(s.User), string(s.Source), string(w))
	}
	return func(context.Context) (runs.Connection, error) { return a.connectSimulator(t, known) }, nil
}

// printResult prints what a run came to: its summary, or what a probe has found.
func (a *app) printResult(asJSON bool, o *runs.Outcome) error {
	if o.Summary.Command != "probe" {
		return a.print(asJSON, o.Summary, o.Summary.Text)
	}
	content, err := os.ReadFile(filepath.Join(o.Dir, report.FactsFile))
	if err != nil {
		return err
	}
	var found probe.Document
	if err := json.Unmarshal(content, &found); err != nil {
		return err
	}
	return a.print(asJSON, found, func(w io.Writer) error {
		if err := found.Text(w, report.Show); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "facts  "+report.Show(filepath.Join(o.Dir, report.FactsFile)))
		return err
	})
}
