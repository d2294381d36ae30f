package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
)

// serve is a COR that knows everybody, remembers nothing and costs little: it
// answers an attach with what was sent. It prints its URL and serves until it is
// killed.
func serve() error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/oauth/token", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"token-of-the-benchmark","token_type":"Bearer","expires_in":3600}`)
	})
	mux.HandleFunc("PUT /v2/integrations/users/{user}/attach", attach)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "http://%s\n", listener.Addr())
	return http.Serve(listener, mux)
}

// asked is the body of an attach.
type asked struct {
	Workspaces []struct {
		ID         string      `json:"workspaceId"`
		Percentage json.Number `json:"percentage"`
	} `json:"workspaces"`
	Metadata struct {
		Source string `json:"source"`
	} `json:"metadata"`
}

func attach(w http.ResponseWriter, r *http.Request) {
	var call asked
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b := make([]byte, 0, 128+512*len(call.Workspaces))
	b = append(b, `{"id":8123,"name":"Ana Perez","email":"ana.perez@example.com","workspaces":[`...)
	for i, workspace := range call.Workspaces {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":%d,"name":"North","active":true,"metadata":{},"json_integrations":{"integration_id":16,"is_active":true,`+
			`"source":%q,"destination":null,"status":"NOT_SEND","origin_external_id":%q,"destination_external_id":null},`+
			`"created_at":"2026-01-15 22:42:15","updated_at":"2026-01-15 22:42:15","pivot":{"workspace_id":%d,"user_id":8123,"percentage":%s}}`,
			11+i, call.Metadata.Source, workspace.ID, 11+i, workspace.Percentage)
	}
	b = append(b, `]}`...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}
