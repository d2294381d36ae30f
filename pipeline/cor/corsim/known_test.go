package corsim

import (
	"strings"
	"testing"
)

func TestReadKnown(t *testing.T) {
	k, err := ReadKnown(strings.NewReader("\ufeff\"Workspace_ID\", USER_ID ,extra,source\nW1,U1,x,sap\n W2 ,U2,x,\n,U3,x,SAP\nW4,,x,OKTA\n"))
	if err != nil {
		t.Fatal(err)
	}
	known := &New(Config{Known: k}).store
	for user, want := range map[string]bool{"U1": true, "U2": true, "U3": true, "u1": false, "": false} {
		if known.knowsUser(user) != want {
			t.Errorf("user %q: %t", user, !want)
		}
	}
	for m, want := range map[mapping]bool{
		{"SAP", "W1"}: true, {"OKTA", "W1"}: false, {"SAP", "W2"}: true, {"OKTA", "W2"}: true, {"OKTA", "W4"}: true, {"SAP", "W4"}: false, {"SAP", ""}: false,
	} {
		if known.knowsWorkspace(m) != want {
			t.Errorf("workspace %v: %t", m, !want)
		}
	}
	everybody := &New(Config{}).store
	if !everybody.knowsUser("x") || !everybody.knowsWorkspace(mapping{"SAP", "x"}) {
		t.Error("nil does not know everybody")
	}
	header, err := ReadKnown(strings.NewReader("user_id,workspace_id\n"))
	if nobody := &New(Config{Known: header}).store; err != nil || nobody.knowsUser("x") || nobody.knowsWorkspace(mapping{"SAP", "x"}) {
		t.Error("a header alone knows somebody", err)
	}
}

func TestReadKnownRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "the file is empty, a header with user_id and workspace_id is expected",
		"user,workspace_id\n":             `the header "user,workspace_id" lacks user_id or workspace_id`,
		"user_id,workspace_id\nU1,W1,x\n": "record on line 2: wrong number of fields",
		"user_id,workspace_id\nU1,\"W1\n": `parse error on line 2, column 8: extraneous or missing " in quoted-field`,
	} {
		if _, err := ReadKnown(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
