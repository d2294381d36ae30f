package corsim

import (
	"net/http"
	"net/url"
	"strings"
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
type route struct {
	endpoint string
	method   string
	user     string
}

func (r route) writes() bool { return r.endpoint == endpointAttach || r.endpoint == endpointDetach }

// routeOf reads an escaped path. It cleans nothing, so that every user id arrives as it was sent.
func routeOf(escaped string) route {
	switch escaped {
	case "/v1/oauth/token":
		return route{endpoint: endpointToken, method: http.MethodPost}
	case "/v1/oauth/refreshtoken":
		return route{endpoint: endpointRefresh, method: http.MethodPost}
	case "/v1/me":
		return route{endpoint: endpointMe, method: http.MethodGet}
	}
	rest, ok := strings.CutPrefix(escaped, "/v2/integrations/users/")
	segment, operation, _ := strings.Cut(rest, "/")
	user, err := url.PathUnescape(segment)
	if !ok || err != nil || user == "" || (operation != endpointAttach && operation != endpointDetach) {
		return route{endpoint: endpointUnknown}
	}
	return route{endpoint: operation, method: http.MethodPut, user: user}
}
