package journal

import (
	"time"

	"corattach/pipeline"
)

// Header is the first record of a journal: what the run is.
type Header struct {
	Format   int              `json:"format"`  // of the journal; this program reads and writes Format
	Version  string           `json:"version"` // of the program
	RunID    string           `json:"run_id"`  // the name of its directory
	Counter  int64            `json:"counter"` // taken from the runs directory: later runs have higher ones
	Command  string           `json:"command"` // import, detach or probe
	Job      string           `json:"job"`     // "" for a run that belongs to none
	Target   pipeline.Target  `json:"target"`
	At       time.Time        `json:"at"` // when the run began, UTC
	Inputs   []pipeline.Input `json:"inputs"`
	Settings Settings         `json:"settings"`        // of reading, checks, grouping and nights
	RunsDir  string           `json:"runs_dir"`        // as the run itself called it
	Flags    []string         `json:"flags,omitempty"` // --flag=value, as given wherever, without secrets
}

// Settings are the flags that decide what a run's rows are: how input is read,
// checked and grouped, and what is made of earlier runs. They are words as given
// on the command line, defaults filled in, and never change during a run.
type Settings struct {
	Delimiter      string            `json:"delimiter,omitempty"`
	Encoding       string            `json:"encoding,omitempty"`
	SkipLines      int               `json:"skip_lines,omitempty"`
	DecimalComma   bool              `json:"decimal_comma,omitempty"`
	PercentageUnit string            `json:"percentage_unit,omitempty"`
	Map            map[string]string `json:"map,omitempty"`
	Source         string            `json:"source,omitempty"`
	AllowSource    []string          `json:"allow_source,omitempty"`

	MaxInvalid      pipeline.Limit `json:"max_invalid,omitzero"`
	OverAllocation  string         `json:"over_allocation,omitempty"`
	AllocationLimit string         `json:"allocation_limit,omitempty"`
	AllowEmpty      bool           `json:"allow_empty,omitempty"`
	MaxInputAge     time.Duration  `json:"max_input_age_ns,omitempty"` // 0 = off
	Chunk           int            `json:"chunk,omitempty"`

	ChangedOnly  bool           `json:"changed_only,omitempty"`
	MaxAge       time.Duration  `json:"max_age_ns,omitempty"`
	MaxDrop      pipeline.Limit `json:"max_drop,omitzero"`
	MaxChange    pipeline.Limit `json:"max_change,omitzero"`
	AcceptChange bool           `json:"accept_change,omitempty"`

	MaxDetach   pipeline.Limit `json:"max_detach,omitzero"`
	Unprotected bool           `json:"unprotected,omitempty"`

	User       pipeline.UserID        `json:"user,omitempty"`       // of a probe
	Workspaces []pipeline.WorkspaceID `json:"workspaces,omitempty"` // of a probe: two
}

// Plan is what planning decided with what earlier runs know, once, before the
// run's first request: a run needs no other run to be reported or resumed. Its
// lists are written as records of their own, in front of it.
type Plan struct {
	Digest    string         `json:"digest"`               // sha256:… over the planned requests
	Warnings  []string       `json:"warnings,omitempty"`   // that the input alone does not give
	SameInput bool           `json:"same_input,omitempty"` // the input is byte for byte that of the job's latest import
	Baseline  bool           `json:"baseline,omitempty"`   // the run becomes its job's baseline when every row gets a verdict
	Stop      *pipeline.Stop `json:"stop,omitempty"`       // a guard that stopped the run before its first request
}

// Decisions are what planning decided for one user.
type Decisions struct {
	User     pipeline.UserID      `json:"user"`
	Rows     []pipeline.Decision  `json:"rows,omitempty"`     // that are not sent
	Vanished []pipeline.Vanished  `json:"vanished,omitempty"` // pairs that are no longer in the input
	Attached []pipeline.KnownPair `json:"attached,omitempty"` // of a detach: the user's other pairs that COR last returned as attached
}

// Session is where work on a run began, and where it ended.
type Session struct {
	Counter   int64            `json:"counter"` // taken from the runs directory: what was sent later has a higher one
	At        time.Time        `json:"at"`
	Version   string           `json:"version"`
	Flags     []string         `json:"flags,omitempty"` // --flag=value: sending, target and output, as this session had them
	Tolerance pipeline.Percent `json:"tolerance,omitempty"`
	Known     []Decisions      `json:"known,omitempty"` // what is not sent again because the ledger knew it as confirmed: the journal was copied or cut
	End       *End             `json:"-"`               // nil for one that was killed or is active
}

// End is where a session ended.
type End struct {
	At     time.Time     `json:"at"`
	Worked time.Duration `json:"worked_ns"`     // by the monotonic clock, from the session's begin
	Stop   pipeline.Stop `json:"stop,omitzero"` // why before everything was sent
}
