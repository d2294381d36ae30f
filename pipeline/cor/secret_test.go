package cor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"corattach/pipeline"
)

// A server that echoes all it is sent brings no secret into a fault, an error
// or an answer's errors.
func TestNoSecretShows(t *testing.T) {
	echo := func(status int, pattern string, secrets Credentials) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			everything := fmt.Sprint(r.RequestURI, " ", r.Header.Get("Authorization"), " ", string(body), " ",
				strings.Join([]string{secrets.APIKey, secrets.ClientSecret, secrets.AccessToken}, " "))
			if strings.HasSuffix(r.URL.Path, "token") && status == 0 {
				_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":60}`, testToken)
				return
			}
			quoted, _ := json.Marshal(everything)
			w.Header().Set("X-Request-Id", everything)
			w.WriteHeader(max(status, 200))
			_, _ = io.WriteString(w, strings.ReplaceAll(pattern, "#", string(quoted)))
		}
	}
	var out bytes.Buffer
	show := func(values ...any) {
		for _, v := range values {
			_, _ = fmt.Fprintf(&out, "%v|%+v|%#v|%s|%d|%x|%q\n", v, v, v, v, v, v, v)
			text, _ := json.Marshal(v)
			out.Write(text)
		}
	}
	for _, pattern := range []string{`{"message":#}`, `{"code":#}`, `{"name":#,"message":"x"}`, "#", "<title>#</title><html>", `[{"field":#,"message":#}]`, `{"id":1,"workspaces":[],"errors":[{"message":#,"code":#}]}`} {
		for _, status := range []int{0, 200, 400, 401, 500} {
			for _, credentials := range []Credentials{keyed(), {AccessToken: testToken}} {
				server := serve(t, echo(status, pattern, credentials))
				config := Config{BaseURL: server.URL, AuthURL: server.URL, Credentials: credentials}
				c := client(t, config)
				answer, fault := c.Do(t.Context(), pipeline.Attach, sample())
				for _, e := range answer.Errors {
					show(e)
				}
				show(config, &config, credentials, &credentials, c, struct{ C Credentials }{credentials})
				if fault != nil {
					show(*fault, fault)
				}
			}
		}
	}
	plain := strings.ToLower(out.String())
	for name, secret := range map[string]string{
		"key": testKey, "secret": testSecret, "basic": keyed().basic(), "token": testToken,
	} {
		if strings.Contains(plain, strings.ToLower(secret)) || strings.Contains(plain, fmt.Sprintf("%x", secret)) {
			t.Errorf("the %s shows", name)
		}
	}
	if !strings.Contains(plain, hidden) {
		t.Error("nothing was echoed: the test shows nothing")
	}
}

// An answer that repeats the token in its data must not carry it into journals
// and reports; a short secret leaves honest ids alone.
func TestAnswerThatRepeatsTheToken(t *testing.T) {
	const token = "a-token-of-some-length"
	body := `{"id":1,"workspaces":[{"id":2,"name":"Bearer ` + token + `","json_integrations":{"source":"SAP","origin_external_id":"W1","status":"` + token +
		`"},"pivot":{"workspace_id":2,"user_id":1,"percentage":5}}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer server.Close()
	for secret, want := range map[string]string{token: "Bearer [hidden]", "token": "Bearer " + token} {
		client, err := New(Config{BaseURL: server.URL, AuthURL: server.URL, Credentials: Credentials{AccessToken: secret}})
		if err != nil {
			t.Fatal(err)
		}
		answer, fault := client.Do(t.Context(), pipeline.Attach, pipeline.Request{
			User: "U1", Source: "SAP", Shares: []pipeline.Share{{Workspace: "W1", Percent: 50_000}},
		})
		if fault != nil || len(answer.Pivots) != 1 || answer.Pivots[0].Name != want || answer.Pivots[0].Workspace != "W1" {
			t.Errorf("with %q: %+v, %v", secret, answer, fault)
		}
		client.Close()
	}
}
