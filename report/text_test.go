package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// What a person reads of a clean run, a dry run, a migration with ids that COR
// does not know, and a detach.
func TestText(t *testing.T) {
	clean := newRun("staff.csv", at(2, "U1", "W1", "1", "SAP", pipeline.Verdict{Status: pipeline.Matched}))
	clean.RunID, clean.Target, clean.DurationSeconds = "R1", pipeline.SimulatorURL, 0.0015
	clean.Traffic.Add(&pipeline.Exchange{Answer: &pipeline.Answer{}})
	clean.Users = each([]pipeline.UserLine{{User: "U1", Requests: 1}})

	dry := newRun("staff.csv", at(2, "U1", "W1", "1", "SAP", pipeline.Verdict{Status: pipeline.Planned}))
	dry.RunID, dry.DryRun, dry.Plan, dry.Rate, dry.Target = "R2", true, "sha256:ab", 5, "https://cor"
	dry.Users = each([]pipeline.UserLine{{User: "U1", Requests: 17}})

	var lines []pipeline.Line
	for i, v := range []pipeline.Verdict{
		{Status: pipeline.Failed, ErrorCode: "ZC001", Subject: pipeline.UnknownUser},
		{Status: pipeline.Mismatched, Reason: "asked for 33.3333, COR returned 33"}, {Status: pipeline.Mismatched, Reason: "asked for 50.5, COR returned 50"},
		{Status: pipeline.Invalid, Reason: `percentage "101" is above 100`}, {Status: pipeline.Held, Reason: "line 5 is invalid"},
		{Status: pipeline.Held, Reason: "line 5 is invalid"}, {Status: pipeline.Held, Reason: "line 5 is invalid"}, {Status: pipeline.Held, Reason: "line 5 is invalid"},
	} {
		lines = append(lines, at(int64(i+2), "U\x1b1", "W1", "1", "SAP", v))
	}
	troubled := newRun("staff.csv", lines...)
	troubled.RunID, troubled.Target = "R3", "https://cor"

	detach := newRun("vanished.csv",
		at(2, "U1", "W1", "", "SAP", pipeline.Verdict{Status: pipeline.Detached}),
		at(3, "U2", "W1", "", "SAP", pipeline.Verdict{Status: pipeline.Protected, Reason: `job "default" wants it`}),
		at(4, "U3", "W1", "", "SAP", pipeline.Verdict{Status: pipeline.Failed, Subject: pipeline.UnknownWorkspace, Named: true}),
	)
	detach.RunID, detach.Command, detach.Inputs[0].Rows = "R4", "detach", 4

	for want, r := range map[string]*Run{
		`run      R1 to simulator
input    staff.csv, 1 row
rows     1 = 1 matched
users    1, 1 request in 1 attempt, 0 throttled, took 2ms
reports  runs/R
`: clean,
		`dry run  R2 to https://cor
input    staff.csv, 1 row
rows     1 = 1 planned
users    1, 17 requests planned, about 3s at --rate 5
plan     sha256:ab
reports  runs/R
`: dry,
		`run      R3 to https://cor
input    staff.csv, 8 rows
rows     8 = 2 mismatched + 1 failed + 1 invalid + 4 held
users    0, 0 requests in 0 attempts, 0 throttled, took 0s
cause    2 rows mismatched: asked for 33.3333, COR returned 33 [staff.csv:3, staff.csv:4]
cause    1 row failed (ZC001): COR does not know 1 user: U\x1b1; see unmapped.csv
cause    1 row invalid: percentage "101" is above 100 [staff.csv:5]
cause    4 rows held: line 5 is invalid [staff.csv:6, staff.csv:7, staff.csv:8, …]
to do    if COR keeps the old percentage, --repair detaches and attaches the pair again; if COR rounds, a wider --tolerance accepts its figure
to do    create the users of unmapped.csv in COR under their source, or correct their ids, then import failed.csv
to do    fix the row in failed.csv: its reason says what is wrong
reports  runs/R
`: troubled,
		`run       R4 to 
input     vanished.csv, 4 rows
rows      3 = 1 failed + 1 detached + 1 protected
users     0, 0 requests in 0 attempts, 0 throttled, took 0s
cause     1 row failed: COR does not know 1 workspace: W1; see unmapped.csv
cause     1 row protected: job "default" wants it [vanished.csv:3]
to do     correct the ids of unmapped.csv, or leave them out of the file: what COR does not know can't be detached
to do     the reason says who may still want the pair: leave it out of the file, or give --unprotected when it has to go
balanced  NO: the accounting is broken: vanished.csv: 4 rows read, 3 reported
reports   runs/R
`: detach,
	} {
		var b strings.Builder
		must(t, Summarize(r).Text(&b))
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestTraffic(t *testing.T) {
	var traffic Traffic
	at := time.Unix(1_000, 0)
	for _, e := range []struct {
		second int
		fault  pipeline.FaultKind
	}{{7, ""}, {2, pipeline.Throttled}, {2, pipeline.NoAnswer}, {2, ""}, {3, pipeline.NoToken}, {3, pipeline.Withheld}} {
		exchange := pipeline.Exchange{Attempt: pipeline.Attempt{At: at.Add(time.Duration(e.second)*time.Second + time.Millisecond)}}
		if e.fault != "" {
			exchange.Fault = &pipeline.Fault{Kind: e.fault}
		}
		traffic.Add(&exchange)
	}
	want := map[int64]Outcomes{1_002: {1, 1, 1}, 1_007: {1, 0, 0}}
	if diff := cmp.Diff(want, traffic.Seconds); diff != "" {
		t.Error(diff)
	}
	if traffic.All != (Outcomes{2, 1, 1}) {
		t.Errorf("%v in all", traffic.All)
	}
}
