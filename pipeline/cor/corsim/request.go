package corsim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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

// route is where a request goes; user is set for attach and detach alone.
type route struct{ endpoint, user string }

func (r route) writes() bool { return r.endpoint == endpointAttach || r.endpoint == endpointDetach }

// routeOf reads an escaped path. It cleans nothing, so that every user id arrives as it was sent.
func routeOf(method, escaped string) route {
	switch method + " " + escaped {
	case "POST /v1/oauth/token":
		return route{endpointToken, ""}
	case "POST /v1/oauth/refreshtoken":
		return route{endpointRefresh, ""}
	case "GET /v1/me":
		return route{endpointMe, ""}
	}
	rest, ok := strings.CutPrefix(escaped, "/v2/integrations/users/")
	segment, operation, _ := strings.Cut(rest, "/")
	user, err := url.PathUnescape(segment)
	if r := (route{operation, user}); method == http.MethodPut && ok && err == nil && user != "" && r.writes() {
		return r
	}
	return route{endpointUnknown, ""}
}

// call is what an attach or detach asks for. One in which something is wrong has what could be read.
type call struct {
	source string
	items  []item
	wrong  *refusal // the first thing that is: its field, validation and message; nil for nothing
}

// item is one workspace of a call; a detach has no percentage.
type item struct {
	Workspace  string         `json:"workspaceId"`
	Percentage jsontext.Value `json:"percentage"`
}

// document is the body of an attach, whose workspaces are items, or of a detach, whose workspaces are strings.
type document[W item | string] struct {
	Workspaces []W `json:"workspaces"`
	Metadata   struct {
		Source string `json:"source"`
	} `json:"metadata"`
}

// decodeCall reads the body of an attach or detach and finds what is wrong with it.
func (s settings) decodeCall(endpoint, contentType string, body []byte) (c call) {
	if contentType != "application/json" {
		c.find("Content-Type", "json", fmt.Sprintf("content type %q is not application/json", contentType))
	}
	if endpoint == endpointAttach {
		var d document[item]
		c.read(body, &d)
		c.source, c.items = d.Metadata.Source, d.Workspaces
	} else {
		var d document[string]
		c.read(body, &d)
		c.source = d.Metadata.Source
		for _, id := range d.Workspaces {
			c.items = append(c.items, item{Workspace: id})
		}
	}
	if c.source == "" {
		c.find("metadata.source", "string", "metadata.source is blank or not there")
	}
	if len(c.items) == 0 {
		c.find("workspaces", "array", "workspaces is empty or not there")
	}
	for i, it := range c.items {
		c.check(it, fmt.Sprintf("workspaces.%d", i), endpoint == endpointAttach)
	}
	if s["source-case"] == "ignored" {
		c.source = strings.ToUpper(c.source)
	}
	return c
}

// find keeps what is wrong, if nothing was before.
func (c *call) find(field, validation, message string) {
	if c.wrong == nil {
		c.wrong = &refusal{name: field, code: validation, message: message}
	}
}

func (c *call) read(body []byte, into any) {
	if place, err := readStrictly(body, into); err != nil {
		c.find(place, "documented", place+": "+err.Error())
	}
}

func (c *call) check(it item, field string, attach bool) {
	percentage := field + ".percentage"
	switch {
	case it.Workspace == "":
		c.find(field, "string", field+" has a blank id or none")
	case attach && it.Percentage.Kind() != '0':
		c.find(percentage, "number", percentage+" is not a number")
	case attach && !isPercentage(rational(string(it.Percentage))):
		c.find(percentage, "range", percentage+" is not within 0 and 100: "+string(it.Percentage))
	}
}

// admits says whether COR takes the source: exactly as printed, upper case.
func (s settings) admits(source string) bool {
	documented := []string{"JIRA", "SALESFORCE", "ADVERTMIND", "QUICKBOOKS", "ZAPIER", "OKTA", "MICROSOFT_DYNAMICS", "GITHUB",
		"MICROSOFT_TEAMS", "VBS", "SAP", "GLOBANT"}
	return s["sources"] == "any" || slices.Contains(documented, source) || s.has("sources", source)
}
