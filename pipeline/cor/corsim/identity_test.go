package corsim

import (
	"fmt"
	"strings"
	"testing"
)

// TestIdentity: a user is the same COR user under every source, a workspace is one for each source.
func TestIdentity(t *testing.T) {
	s := simulate(t, Config{})
	for _, q := range []sent{
		attach("U1", oneSAP), attach("U1", strings.Replace(oneSAP, "SAP", "OKTA", 1)), attach("U2", strings.Replace(oneSAP, "60", "5", 1)),
	} {
		ask(t, s, q)
	}
	want := `200 {"id":8545,"name":"User U1","email":"user-U1@example.com","workspaces":[` +
		ws1at + `60}},` + strings.NewReplacer("SAP", "OKTA", `"id":1`, `"id":2`, `_id":1`, `_id":2`).Replace(ws1at) + `60}}]}`
	run(t, s, []step{
		{attach("U1", oneSAP), want},
		{attach("U2", oneSAP), strings.NewReplacer("U1", "U2", "8545", "8546").Replace(oneDone)},
	})
	if got := fmt.Sprint(s.Ledger()); got != "[{U1 OKTA WS-1 60} {U1 SAP WS-1 60} {U2 SAP WS-1 60}]" {
		t.Errorf("holds %s", got)
	}
}

func TestReadKnown(t *testing.T) {
	k, err := ReadKnown(strings.NewReader("\ufeff\"Workspace_ID\", USER_ID ,extra,source\nW1,U1,x,sap\n W2 ,U2,x,\n,U3,x,SAP\nW4,,x,OKTA\n"))
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]bool{"U1": true, "U2": true, "U3": true, "u1": false, "": false} {
		if k.hasUser(user) != want {
			t.Errorf("user %q: %t", user, !want)
		}
	}
	for m, want := range map[mapping]bool{
		{"SAP", "W1"}: true, {"OKTA", "W1"}: false, {"SAP", "W2"}: true, {"OKTA", "W2"}: true, {"OKTA", "W4"}: true, {"SAP", "W4"}: false, {"SAP", ""}: false,
	} {
		if k.hasWorkspace(m) != want {
			t.Errorf("workspace %v: %t", m, !want)
		}
	}
	var everybody *Known
	if !everybody.hasUser("x") || !everybody.hasWorkspace(mapping{"SAP", "x"}) {
		t.Error("nil does not know everybody")
	}
	nobody, err := ReadKnown(strings.NewReader("user_id,workspace_id\n"))
	if err != nil || nobody.hasUser("x") || nobody.hasWorkspace(mapping{"SAP", "x"}) {
		t.Error("a header alone knows somebody", err)
	}
}

func TestReadKnownRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "the file is empty, a header with user_id and workspace_id is expected",
		"user,workspace_id\n":             `the header "user,workspace_id" lacks user_id or workspace_id`,
		"user_id,workspace_id,User_Id\n":  `column "User_Id" stands twice in the header`,
		"user_id,workspace_id\nU1,W1,x\n": "record on line 2: wrong number of fields",
		"user_id,workspace_id\nU1,\"W1\n": `parse error on line 2, column 8: extraneous or missing " in quoted-field`,
	} {
		if _, err := ReadKnown(strings.NewReader(text)); err == nil || err.Error() != "known users and workspaces: "+want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
