package corsim

import (
	"fmt"
	"strings"
	"testing"
)

// spelled is the request of oneSAP for another user, workspace, source and percentage.
func spelled(user, source, workspace, percentage string) sent {
	return attach(user, strings.NewReplacer("SAP", source, "WS-1", workspace, "60", percentage).Replace(oneSAP))
}

// as is a workspace of an answer; user and id are COR's.
func as(source, workspace, title string, user, id int, percentage string) string {
	return fmt.Sprintf(`{"id":%d,"name":"Workspace %s","json_integrations":{"source":%q,"origin_external_id":%q},"pivot":{"workspace_id":%d,"user_id":%d,"percentage":%s}}`,
		id, title, source, workspace, id, user, percentage)
}

func ofU1(workspaces ...string) string {
	return `200 {` + userU1 + `"workspaces":[` + strings.Join(workspaces, ",") + `]}`
}

// TestOwnIdentity: a user is the same COR user under every source, a workspace is one for each source and spelling.
func TestOwnIdentity(t *testing.T) {
	s := simulate(t, Config{})
	sap, okta, lower := as("SAP", "WS-1", "WS-1", 8545, 1, "60"), as("OKTA", "WS-1", "WS-1", 8545, 2, "60"), as("SAP", "ws-1", "ws-1", 8545, 3, "5")
	run(t, s, []step{
		{attach("U1", oneSAP), ofU1(sap)},
		{spelled("U1", "OKTA", "WS-1", "60"), ofU1(sap, okta)},
		{spelled("U1", "SAP", "ws-1", "5"), ofU1(sap, okta, lower)},
		{attach("U2", oneSAP), strings.NewReplacer("U1", "U2", "8545", "8546").Replace(oneDone)},
		{spelled("u1", "SAP", "WS-1", "60"), strings.NewReplacer("U1", "u1", "8545", "8547").Replace(oneDone)},
	})
	if got := fmt.Sprint(s.Holdings()); got != "map[{U1 OKTA WS-1}:60 {U1 SAP WS-1}:60 {U1 SAP ws-1}:5 {U2 SAP WS-1}:60 {u1 SAP WS-1}:60]" {
		t.Errorf("holds %s", got)
	}
}

// TestSharedIdentities: under each switch two names are one object. A request changes it and is answered under its own
// name; one that does not name it sees the last name.
func TestSharedIdentities(t *testing.T) {
	const nfc, nfd = "Caf\u00e9", "Cafe\u0301"
	for _, c := range []struct{ switches, firstSource, first, thenSource, then string }{
		{"id-sources=shared", "SAP", "W", "OKTA", "W"},
		{"id-case=ignored", "SAP", "W", "SAP", "w"},
		{"id-form=nfc", "SAP", nfc, "SAP", nfd},
		{"id-sources=shared id-case=ignored id-form=nfc", "SAP", nfc, "OKTA", strings.ToUpper(nfd)},
	} {
		t.Run(c.switches, func(t *testing.T) {
			s := simulate(t, Config{}, strings.Fields(c.switches)...)
			other := as("SAP", "OTHER", "OTHER", 8545, 2, "1")
			then := as(c.thenSource, c.then, c.first, 8545, 1, "20")
			run(t, s, []step{
				{spelled("U1", c.firstSource, c.first, "10"), ofU1(as(c.firstSource, c.first, c.first, 8545, 1, "10"))},
				{spelled("U1", c.thenSource, c.then, "20"), ofU1(then)},
				{spelled("U1", "SAP", "OTHER", "1"), ofU1(then, other)},
			})
			if got := fmt.Sprint(s.Holdings()); got != fmt.Sprintf("map[{U1 %s %s}:20 {U1 SAP OTHER}:1]", c.thenSource, c.then) &&
				got != fmt.Sprintf("map[{U1 SAP OTHER}:1 {U1 %s %s}:20]", c.thenSource, c.then) {
				t.Errorf("holds %s", got)
			}
			remaining := detach("U1", `{"workspaces":["`+c.first+`"],"metadata":{"source":"`+c.firstSource+`"}}`)
			run(t, s, []step{{remaining, ofU1(other)}})
		})
	}
}

// TestTwoNamesInOneRequest: the later one wins, and both are answered.
func TestTwoNamesInOneRequest(t *testing.T) {
	s := simulate(t, Config{}, "id-case=ignored")
	both := `{"workspaces":[{"workspaceId":"W","percentage":1},{"workspaceId":"w","percentage":2},{"workspaceId":"W","percentage":3}],"metadata":{"source":"SAP"}}`
	run(t, s, []step{
		{attach("U1", both), ofU1(as("SAP", "W", "W", 8545, 1, "3"), as("SAP", "w", "W", 8545, 1, "3"))},
		{detach("U1", `{"workspaces":["w"],"metadata":{"source":"SAP"}}`), ofU1()},
	})
}

func TestUsersWithoutCase(t *testing.T) {
	s := simulate(t, Config{}, "id-case=ignored")
	run(t, s, []step{
		{attach("U1", oneSAP), oneDone},
		{spelled("u1", "SAP", "WS-1", "70"), strings.Replace(oneDone, "60}}", "70}}", 1)},
	})
	if held := fmt.Sprint(s.Holdings()); held != "map[{U1 SAP WS-1}:70]" {
		t.Errorf("COR holds %s", held)
	}
}

// TestKnownUnderAnIdentity: what is known under one name is known under all that mean the same.
func TestKnownUnderAnIdentity(t *testing.T) {
	for identity, want := range map[string]string{"id-sources=own": "200 400 400 400", "id-sources=shared": "200 200 400 400", "id-case=ignored": "200 400 200 200"} {
		s := simulate(t, Config{Known: []Pair{{"U1", "SAP", "WS-1"}}}, identity)
		var got []string
		for _, q := range []sent{attach("U1", oneSAP), spelled("U1", "OKTA", "WS-1", "60"), spelled("U1", "SAP", "Ws-1", "60"), spelled("u1", "SAP", "WS-1", "60")} {
			got = append(got, ask(t, s, q)[:3])
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, want %s", identity, text, want)
		}
	}
}
