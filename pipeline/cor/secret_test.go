package cor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
