package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// causesOf groups the rows of verdicts, one user and one workspace each unless
// lines say otherwise.
func causesOf(lines []pipeline.Line) []*Cause {
	t := newTally(newRun("a.csv", lines...))
	for i := range lines {
		t.addCause(&lines[i])
	}
	t.sortCauses()
	return t.causes
}

// Rows with a code are of one cause whatever COR says behind it; without a code
// they are when their reasons differ in quoted cells and numbers alone. What
// follows from other rows comes last.
func TestCauses(t *testing.T) {
	var lines []pipeline.Line
	for i, v := range []pipeline.Verdict{
		{Status: pipeline.Held, Reason: "line 7 of this user is invalid"},
		{Status: pipeline.Held, Reason: "line 19 of this user is invalid"},
		{Status: pipeline.Held, Reason: "line 9 of this user is invalid"},
		{Status: pipeline.Held, Reason: "line 9 of this user is invalid"},
		{Status: pipeline.Invalid, Reason: `percentage "101" is over 100`},
		{Status: pipeline.Invalid, Reason: `percentage "1\"3" is over 100`},
		{Status: pipeline.Invalid, Reason: `user_id "" is blank`},
		{Status: pipeline.Failed, ErrorCode: "FS003", Reason: "COR refused: HTTP 400 FS003 bad EMP-a"},
		{Status: pipeline.Failed, ErrorCode: "FS003", Reason: "COR refused: HTTP 400 FS003 bad EMP-b"},
		{Status: pipeline.Failed, ErrorCode: "FS003", Reason: "now detached: HTTP 400 FS003 bad EMP-c"},
		{Status: pipeline.Missing, ErrorCode: "FS003"},
		{Status: pipeline.Mismatched, Reason: "asked for 33.3333, COR returned 33"},
		{Status: pipeline.Mismatched, Reason: "asked for 40, COR returned 39.5"},
		{Status: pipeline.Matched},
		{Status: pipeline.NotSent, Reason: "stopped by SIGTERM"},
	} {
		if !v.Status.Settled() {
			lines = append(lines, at(int64(i+2), "u", "w", "1", "SAP", v))
		}
	}
	var got []string
	for _, c := range causesOf(lines) {
		got = append(got, fmt.Sprintf("%d %s %s|%s|%s|%s", c.Rows, c.Status, c.ErrorCode, c.Reason, c.Subject, c.Lines[0]))
	}
	want := []string{
		"2 failed FS003|COR refused: HTTP 400 FS003 bad EMP-a||a.csv:9",
		`2 invalid |percentage "101" is over 100|row|a.csv:6`,
		"2 mismatched |asked for 33.3333, COR returned 33||a.csv:13",
		"1 failed FS003|now detached: HTTP 400 FS003 bad EMP-c||a.csv:11",
		`1 invalid |user_id "" is blank|row|a.csv:8`,
		"1 missing FS003||workspace|a.csv:12",
		"4 held |line 7 of this user is invalid|row|a.csv:2",
		"1 not_sent |stopped by SIGTERM||a.csv:16",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
}

// Thousands of rows that fail for four workspaces and 142 users are two causes,
// which blame these alone: a healthy workspace of a refused request is not named.
func TestCausesNameWhatCORNamed(t *testing.T) {
	var lines []pipeline.Line
	add := func(user, workspace string, v pipeline.Verdict) {
		v.Status, v.ErrorCode = pipeline.Failed, "ZC001"
		v.Reason = "COR refused: HTTP 400 ZC001 not associated: " + workspace + user
		lines = append(lines, at(int64(len(lines)+2), user, workspace, "1", "SAP", v))
	}
	for i := range 142 {
		add(fmt.Sprint("U-", i), "WS-GOOD", pipeline.Verdict{Subject: pipeline.UnknownUser})
		add(fmt.Sprint("U-", i), "WS-ALSO", pipeline.Verdict{Subject: pipeline.UnknownUser})
	}
	for i := range 400 {
		add(fmt.Sprint("E-", i), "WS-GOOD", pipeline.Verdict{Subject: pipeline.UnknownWorkspace})
		add(fmt.Sprint("E-", i), fmt.Sprint("WS-", i%4), pipeline.Verdict{Subject: pipeline.UnknownWorkspace, Named: true})
	}
	add("X", "WS-GOOD", pipeline.Verdict{Subject: pipeline.UnknownEither})
	var got []string
	for _, c := range causesOf(lines) {
		got = append(got, fmt.Sprint(c.text(), " | ", c.Subject, " ", len(c.IDs), " of ", c.IDsTotal))
	}
	want := []string{
		"800 rows failed (ZC001): COR does not know 4 workspaces: WS-0, WS-1, WS-2 and 1 more; see unmapped.csv | workspace 4 of 4",
		"284 rows failed (ZC001): COR does not know 142 users: U-0, U-1, U-2 and 139 more; see unmapped.csv | user 20 of 142",
		"1 row failed (ZC001): COR does not know the user or the workspace, and does not say which; see unmapped.csv |  0 of 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
}

// unmapped.csv lists each id once, with all rows that have it under its source.
func TestUnmapped(t *testing.T) {
	line := func(number int64, user, workspace, source string, s pipeline.Subject, named bool) pipeline.Line {
		v := pipeline.Verdict{Status: pipeline.Failed, Subject: s, Named: named}
		if s == "" {
			v.Status = pipeline.Matched
		}
		return at(number, user, workspace, "1", source, v)
	}
	r := newRun("in.csv",
		line(2, "U1", "W-GONE", "SAP", "", false),
		line(3, "U2", "W1", "SAP", pipeline.UnknownWorkspace, false),
		line(4, "U2", "W-GONE", "SAP", pipeline.UnknownWorkspace, true),
		line(5, "=U", "W1", "SAP", pipeline.UnknownUser, false),
		line(6, "=U", "W2", "SAP", pipeline.UnknownUser, false),
		line(7, "=U", "W1", "OKTA", "", false),
		line(8, "U5", "W1", "OKTA", pipeline.UnknownEither, false),
		line(9, "W-GONE", "U5", "OKTA", "", false),
		line(10, "U0", "W1", "OKTA", pipeline.UnknownUser, false),
	)
	want := "kind,id,source,rows,first_line\n" +
		"user,'=U,SAP,2,in.csv:5\nuser,U0,OKTA,1,in.csv:10\nworkspace,W-GONE,SAP,2,in.csv:2\neither,U5,OKTA,1,in.csv:8\n"
	if diff := cmp.Diff(want, render(t, r)[UnmappedFile]); diff != "" {
		t.Error(diff)
	}
}

// However many codes COR invents, memory is bounded and no row is lost.
func TestCausesAreBounded(t *testing.T) {
	var lines []pipeline.Line
	for i := range 5 * causesHeld {
		lines = append(lines, at(int64(i+2), "u", "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Failed, ErrorCode: fmt.Sprint("E", i)}))
	}
	all := causesOf(lines)
	rows := int64(0)
	for _, c := range all {
		rows += c.Rows
	}
	if len(all) != causesHeld+1 || rows != int64(len(lines)) || all[0].Reason != "other reasons" || all[0].Rows != 4*causesHeld {
		t.Errorf("%d causes with %d rows, the first %+v", len(all), rows, all[0])
	}
	s := Summarize(newRun("a.csv", lines...))
	if len(s.Causes) != listed || s.CausesTotal != causesHeld+1 || len(s.Causes[0].Lines) != causeLines {
		t.Errorf("%d of %d causes", len(s.Causes), s.CausesTotal)
	}
}
