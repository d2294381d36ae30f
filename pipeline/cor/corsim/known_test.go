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
	for asked, want := range map[[3]string]bool{
		{"U1", "SAP", "W1"}: true, {"U2", "SAP", "W1"}: true, {"U3", "SAP", "W1"}: true, {"u1", "SAP", "W1"}: false, {"x", "SAP", "W1"}: false,
		{"U1", "OKTA", "W1"}: false, {"U1", "SAP", "W2"}: true, {"U1", "OKTA", "W2"}: true, {"U1", "OKTA", "W4"}: true, {"U1", "SAP", "W4"}: false,
	} {
		if knows(k, asked) != want {
			t.Errorf("%v: %t", asked, !want)
		}
	}
	if !knows(nil, [3]string{"x", "SAP", "x"}) {
		t.Error("nil does not know everybody")
	}
	header, err := ReadKnown(strings.NewReader("user_id,workspace_id\n"))
	if err != nil || knows(header, [3]string{"x", "SAP", "x"}) {
		t.Error("a header alone knows somebody", err)
	}
}

// knows reports whether a user, and a workspace under a source, exist.
func knows(k []Pair, asked [3]string) bool {
	c := call{Workspaces: []item{{Workspace: asked[2]}}}
	c.Metadata.Source = asked[1]
	_, _, no := New(Config{Known: k}).admit(asked[0], c)
	return no == nil
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
