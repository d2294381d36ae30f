package cor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

func TestSubject(t *testing.T) {
	request := pipeline.Request{
		Key:    pipeline.Key{User: "U-1", Source: "SAP"},
		Shares: []pipeline.Share{{Workspace: "WS"}, {Workspace: "WS-2"}, {Workspace: "North Pole"}, {Workspace: "7"}},
	}
	const either, user, workspace = pipeline.UnknownEither, pipeline.UnknownUser, pipeline.UnknownWorkspace
	for _, test := range []struct {
		status  int
		body    string
		subject pipeline.Subject
		named   []pipeline.WorkspaceID
	}{
		{400, `{"code":"ZC001","message":"external id not associated"}`, either, nil},
		{400, `{"code":"ZC001","message":"external id not associated: user \"U-1\""}`, user, nil},
		{400, `{"code":"ZC001","message":"external id not associated: workspace \"WS\""}`, workspace, []pipeline.WorkspaceID{"WS"}},
		{400, `{"code":"ZC001","message":"external id U-1 not associated"}`, user, nil},
		{400, `{"code":"ZC001","message":"external id WS-2 not associated"}`, workspace, []pipeline.WorkspaceID{"WS-2"}},
		{400, `{"code":"ZC001","message":"WS-2 of U-1"}`, either, []pipeline.WorkspaceID{"WS-2"}},
		{400, `{"code":"ZC001","message":"user or workspace"}`, either, nil},
		{422, `{"code":"ZC001","message":"workspaces 7, WS and North Pole"}`, workspace, []pipeline.WorkspaceID{"WS", "North Pole", "7"}},
		{404, `{"name":"UserNotFoundError","message":"WS"}`, user, []pipeline.WorkspaceID{"WS"}},
		{404, `{"name":"WorkspaceNotFoundError","message":"?"}`, workspace, nil},
		{404, `{"name":"CORCustomError","message":"User not found"}`, user, nil},
		{404, `{"name":"CORCustomError","message":"Workspace does not exist"}`, workspace, nil},
		{404, `{"name":"CORCustomError","message":"user or workspace not found"}`, "", nil},
		{404, `{"name":"CORCustomError","message":"not found"}`, "", nil},
		{404, `{"message":"user not found"}`, "", nil},
		{404, `{"name":"CORCustomError","message":"the user is on holiday"}`, "", nil},
		{400, `{"errors":[{"id":"WS","error_code":"ZC001"},{"id":7,"error_code":"ZC001"},{"id":"else","error_code":"ZC001","message":"workspace"}]}`, workspace, []pipeline.WorkspaceID{"WS", "7"}},
		{400, `{"errors":[{"name":"UserNotFoundError"},{"name":"WorkspaceNotFoundError"}]}`, either, nil},
		{400, `{"code":"ZC004","message":"workspace WS"}`, "", []pipeline.WorkspaceID{"WS"}},
		{400, `{"code":"ValidationError","message":"percentage of WS-2"}`, "", []pipeline.WorkspaceID{"WS-2"}},
		{401, `{"name":"UserNotFoundError","message":"WS"}`, "", nil},
		{403, `{"code":"ZC001","message":"WS"}`, "", nil},
		{500, `{"code":"ZC001","message":"WS"}`, "", nil},
		{503, `{"code":"ZC001","message":"WS"}`, "", nil},
		{404, `<title>WS</title><html>user not found`, "", nil},
	} {
		fault := faultOf(reply{status: test.status, body: []byte(test.body), asked: request, ids: idsOf(request), secrets: newRedactor()}, "")
		if diff := cmp.Diff(test.named, fault.Named); diff != "" || fault.Subject != test.subject {
			t.Errorf("%d %s: %q, %s", test.status, test.body, fault.Subject, diff)
		}
	}
}
