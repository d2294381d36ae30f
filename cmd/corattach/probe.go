package main

import (
	"fmt"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/runs"
)

type probeCommand struct {
	User      string   `placeholder:"ID" help:"A user that was made for the probe."`
	Workspace []string `sep:"none" placeholder:"ID" help:"A workspace that was made for the probe and that the user does not have; give two."`
	Source    string   `placeholder:"NAME" help:"The source that user and workspaces are mapped under."`
	Yes       bool     `help:"Go on, although the target is neither a loopback address nor the simulator."`

	attemptFlags
	targetFlags
	keepFlags
	outputFlags
	Progress string `kong:"-"` // a probe shows none
}

// Run asks COR and prints what it has found.
func (c *probeCommand) Run(a *app) error {
	o, err := c.order(a)
	if err != nil {
		return err
	}
	h := a.host(outputFlags{Progress: "never"})
	h.Exchange = func(e *pipeline.Exchange) {
		if !e.Is(pipeline.Refused) && !e.Is(pipeline.Attached) { // an answer as good as any
			a.console.Exchange(e)
		}
	}
	outcome, err := runs.Start(a.ctx, a.cut, o, h)
	return a.conclude(c.JSON, outcome, err)
}

// order checks the flags, and says what will be done.
func (c *probeCommand) order(a *app) (o runs.Order, err error) {
	subject, err := runs.CheckSubject(c.User, c.Workspace, c.Source)
	if err != nil {
		return o, err
	}
	o = runs.Order{Command: "probe", Common: a.common(c)}
	o.Settings.User, o.Settings.Workspaces, o.Settings.Source = subject.User, subject.Workspaces[:], string(subject.Source)
	target, err := c.target()
	if err != nil {
		return o, err
	}
	a.console.Say(fmt.Sprintf("a probe of %v:", target))
	for _, line := range subject.Intent() {
		a.console.Say("  " + line)
	}
	if !c.Yes && target.BaseURL != pipeline.SimulatorURL && !cor.IsLoopback(target.BaseURL) {
		return o, pipeline.Usage("add --yes if the user and the workspaces were made for this", "--yes is not given, and this is no simulator")
	}
	var known []corsim.Pair
	for _, w := range subject.Workspaces { // which is all that the simulator knows
		known = append(known, corsim.Pair{User: string(subject.User), Source: string(subject.Source), Workspace: string(w)})
	}
	o.Connect, err = a.connect(target, c.TokenFile, known)
	return o, err
}
