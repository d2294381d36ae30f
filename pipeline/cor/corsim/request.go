package corsim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The endpoints, by the names that scripts and the log use.
const (
	endpointAttach  = "attach"
	endpointDetach  = "detach"
	endpointToken   = "token"
	endpointRefresh = "refresh"
	endpointMe      = "me"
	endpointUnknown = "unknown"
)

// routeOf reads an escaped path; user is set for attach and detach alone. It cleans nothing, so that every user id
// arrives as it was sent.
func routeOf(method, escaped string) (endpoint, user string) {
	switch method + " " + escaped {
	case "POST /v1/oauth/token":
		return endpointToken, ""
	case "POST /v1/oauth/refreshtoken":
		return endpointRefresh, ""
	case "GET /v1/me":
		return endpointMe, ""
	}
	rest, ok := strings.CutPrefix(escaped, "/v2/integrations/users/")
	segment, operation, _ := strings.Cut(rest, "/")
	user, err := url.PathUnescape(segment)
	if method == http.MethodPut && ok && err == nil && user != "" && (operation == endpointAttach || operation == endpointDetach) {
		return operation, user
	}
	return endpointUnknown, ""
}

// call is the body of an attach or detach. One in which something is wrong has what could be read.
type call struct {
	Workspaces []item `json:"workspaces"`
	Metadata   struct {
		Source string `json:"source"`
	} `json:"metadata"`

	wrong *refusal // refuses it for the first thing that is; nil for nothing
}

// item is one workspace of a call. In a detach it is a plain string.
type item struct {
	Workspace  string         `json:"workspaceId"`
	Percentage jsontext.Value `json:"percentage"`
}

// decodeCall reads the body of an attach or detach and finds what is wrong with it.
func (s settings) decodeCall(attach bool, contentType string, body []byte) (c call) {
	find := func(bad bool, field, validation, message string) {
		if !bad || c.wrong != nil {
			return
		}
		c.wrong = badRequest("%s", field+message)
		if c.wrong.status = s.number("validation"); c.wrong.status == http.StatusExpectationFailed {
			c.wrong.name, c.wrong.code = field, validation
		}
	}
	var plain json.Options
	if !attach {
		plain = json.WithUnmarshalers(json.UnmarshalFunc(func(id []byte, it *item) error { return json.Unmarshal(id, &it.Workspace) }))
	}
	find(contentType != "application/json", "Content-Type", "json", " is not application/json: "+contentType)
	place, err := readStrictly(body, &c, plain)
	find(err != nil, place, "documented", fmt.Sprintf(": %v", err))
	find(c.Metadata.Source == "", "metadata.source", "string", " is blank or not there")
	find(len(c.Workspaces) == 0, "workspaces", "array", " is empty or not there")
	for i, it := range c.Workspaces {
		field := fmt.Sprintf("workspaces.%d", i)
		find(it.Workspace == "", field, "string", " has a blank id or none")
		if attach {
			find(it.Percentage.Kind() != '0', field+".percentage", "number", " is not a number")
			find(!isPercentage(rational(string(it.Percentage))), field+".percentage", "range", " is not within 0 and 100: "+string(it.Percentage))
		}
	}
	if s["source-case"] == "ignored" {
		c.Metadata.Source = strings.ToUpper(c.Metadata.Source)
	}
	return c
}
