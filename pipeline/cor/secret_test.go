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
				show(config, &config, credentials, &credentials, c, struct{ C Credentials }{credentials})
				if fault != nil {
					show(*fault, fault)
				} else {
					for _, e := range answer.Errors {
						show(e)
					}
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

// What an answer's data repeat of a secret is hidden. What the request itself
// names stays, and a short secret leaves honest ids and names alone.
func TestAnswerThatRepeatsASecret(t *testing.T) {
	const body = `{"id":1,"workspaces":[{"id":2,"name":"Bearer #","json_integrations":{"source":"SAP","origin_external_id":"@","status":"#"},` +
		`"pivot":{"workspace_id":2,"user_id":1,"percentage":5}}]}`
	const long = "a-token-of-some-length"
	for _, test := range []struct{ token, id, name, status, kept string }{
		{long, "W1", "Bearer [hidden]", "[hidden]", "W1"},
		{long, long, "Bearer [hidden]", "[hidden]", "[hidden]"},
		{long, "Workspaces of a-token-of-some", "Bearer [hidden]", "[hidden]", "Workspaces of [hidden]"},
		{"Workspaces-example-55555", "Workspaces-example-5", "Bearer [hidden]", "[hidden]", "Workspaces-example-5"},
		{"Workspaces-example-55555", "Workspaces-example-6", "Bearer [hidden]", "[hidden]", "Workspaces-example-6"},
		{"Workspaces-example-55555", "Workspaces-example-7", "Bearer [hidden]", "[hidden]", "[hidden]"},
		{"W1", "W1", "Bearer W1", "W1", "W1"},
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.NewReplacer("#", test.token, "@", test.id).Replace(body))
		})
		c := client(t, Config{BaseURL: server.URL, AuthURL: server.URL, Credentials: Credentials{AccessToken: test.token}})
		answer, fault := c.Do(t.Context(), pipeline.Attach, sample())
		if fault != nil || len(answer.Pivots) != 1 {
			t.Fatalf("with %q: %+v, %v", test.token, answer, fault)
		}
		if p := answer.Pivots[0]; p.Name != test.name || p.Integration != test.status || string(p.Workspace) != test.kept {
			t.Errorf("with %q: %+v", test.token, p)
		}
	}
}

// The number of a percentage may be an echo as well.
func TestNumericSecret(t *testing.T) {
	c := client(t, Config{
		Credentials: Credentials{AccessToken: "123456789012345678"},
		Transport:   answers(200, `{"id":8,"workspaces":[{"id":1,"pivot":{"workspace_id":1,"user_id":8,"percentage":123456789012345678}}]}`),
	})
	answer, fault := c.Do(t.Context(), pipeline.Attach, sample())
	if fault != nil || len(answer.Pivots) != 1 || answer.Pivots[0].Percentage != "" || answer.Pivots[0].Problem == "" {
		t.Errorf("got %+v, %v", answer, fault)
	}
}

// answers is a transport that answers each request alike.
func answers(status int, body string) http.RoundTripper {
	return roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body))}, nil
	})
}

// The tokens of a renewal, the former ones too, are hidden in the answers after
// it, and in what the token endpoint says.
func TestRenewedTokensAreHidden(t *testing.T) {
	given := []string{"first-access-token", "first-refresh-token", "second-access-token", "second-refresh-token"}
	everything := strings.Join(append(given, testKey, testSecret, keyed().basic()), " ")
	refused := false
	d := &desk{token: reply200(`{"access_token":"first-access-token","refresh_token":"first-refresh-token","expires_in":1}`)}
	d.refresh = func(w http.ResponseWriter, _ int, _ string) {
		_, _ = io.WriteString(w, `{"access_token":"second-access-token","refresh_token":"second-refresh-token"}`)
	}
	d.attach = func(w http.ResponseWriter, authorization string) {
		if authorization == "Bearer first-access-token" && !refused {
			refused = true
			_, _ = io.WriteString(w, `{"id":7,"workspaces":[]}`)
			return
		}
		w.WriteHeader(400)
		_, _ = io.WriteString(w, everything)
	}
	c := atDesk(t, d)
	if kind := do(t, c); kind != "" {
		t.Fatal(kind)
	}
	c.tokens.expires, c.tokens.renewAt = c.tokens.expires.AddDate(-1, 0, 0), c.tokens.renewAt.AddDate(-1, 0, 0)
	if fault := fails(t, c); fault.Message != strings.TrimSpace(strings.Repeat(hidden+" ", 7)) {
		t.Errorf("after a renewal: %q", fault.Message)
	}
	echoing := &desk{token: func(w http.ResponseWriter, _ int) {
		w.WriteHeader(500)
		_, _ = io.WriteString(w, testKey+" "+testSecret)
	}}
	if fault := fails(t, atDesk(t, echoing)); fault.Message != "token endpoint: [hidden] [hidden]" {
		t.Errorf("of the token endpoint: %+v", fault)
	}
}

// The name and the e-mail address of a person in an answer that is not readable
// are quoted nowhere.
func TestPersonsAreNotQuoted(t *testing.T) {
	const person = `"name":"Ana Perez","email":"ana.perez@example.com"`
	for _, body := range []string{
		`{"id":8123,` + person + `}`,
		`{"id":8123,` + person + `,"workspaces":`,
		`{"id":"x",` + person + `,"workspaces":[]}`,
		`{` + person + `}`,
		`{"user":{` + person + `}}`,
		`[{` + person + `}]`,
		`{"data":[{` + person + `}]}`,
		`{"message":{` + person + `}}`,
		`{"message":"Ana Perez"}`,
		`{"error":"Ana Perez"}`,
		`{"code":"Ana Perez","message":"m"}`,
		`{"id":8123,"name":"Ana Perez","code":"UT012","message":"Ana Perez"}`,
		`{"email":"ana.perez@example.com","code":"UT012","message":"Ana Perez"}`,
		`{"id":8123,` + person + `,"id":8123,"workspaces":[]}`,
		`{"code":"UT012","message":"ana.perez@example.com"}`,
		"Ana Perez <ana.perez@example.com>",
		"\ufeff" + `{"id":8123,` + person + `}`,
		"\ufeffAna Perez",
		"<html><title>Ana Perez</title>",
		`"Ana Perez ana.perez@example.com"`,
	} {
		for _, status := range []int{200, 201} {
			c := client(t, Config{Credentials: Credentials{AccessToken: testToken}, Transport: answers(status, body)})
			fault := fails(t, c)
			text := fmt.Sprintf("%+v", fault)
			if fault.Kind != pipeline.Unreadable || strings.Contains(text, "Ana") || strings.Contains(text, "ana.perez") || strings.Contains(text, "example.com") {
				t.Errorf("%s: %s", body, text)
			}
		}
	}
	for _, body := range []string{`{"id":8123,` + person + `}`, `{"message":"ana.perez@example.com","name":"Ana"}`, `[{` + person + `}]`, `{"error":{` + person + `}}`, `{` + person + `,`} {
		for _, status := range []int{400, 401, 404, 500, 503} {
			c := client(t, Config{Credentials: Credentials{AccessToken: testToken}, Transport: answers(status, body)})
			if text := fmt.Sprintf("%+v", fails(t, c)); strings.Contains(text, "Ana") || strings.Contains(text, "ana.perez") {
				t.Errorf("%d %s: %s", status, body, text)
			}
		}
	}
}

// What an answer has as the name of a person is hidden in its messages as well,
// whole and word by word. The name of a workspace, of an error and what the request
// names stay.
func TestNamesOfPeopleAreHiddenInMessages(t *testing.T) {
	r := sample()
	r.User = "Perez"
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{400, `{"name":"Ana Maria Lopez","code":"UT012","message":"Ana Maria Lopez (Lopez, Ana) is no member, Anabel is"}`, "[hidden] ([hidden], [hidden]) is no member, Anabel is"},
		{404, `{"name":"UserNotFoundError","message":"UserNotFoundError: no Ana","data":{"user":{"first_name":"Ana","last_name":"Perez"}}}`, "UserNotFoundError: no [hidden]"},
		{404, `{"code":"UT012","message":"no Perez in North, says Zoë or Gil","workspaces":[{"name":"North","lead":{"name":"Zoë Gil"}}],"by":[{"last_name":"Zo\u00eb"}]}`, "no Perez in North, says [hidden] or [hidden]"},
		{500, `{"message":"a name for Ana","name":"name"}`, "a name for Ana"},
		{500, `{"message":"Ana\nPerez-Gil","name":" Ana  Perez-Gil "}`, hidden},
		{200, `{"id":8,"name":"Ana Lopez","workspaces":[],"errors":[{"code":"UT012","message":"Lopez is no member"}]}`, "[hidden] is no member"},
	} {
		c := client(t, Config{Credentials: Credentials{AccessToken: testToken}, Transport: answers(test.status, test.body)})
		answer, fault := c.Do(t.Context(), pipeline.Attach, r)
		got := ""
		if fault != nil {
			got = fault.Message
		} else if len(answer.Errors) > 0 {
			got = answer.Errors[0].Message
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.body, got, test.want)
		}
	}
}

// The request's own ids may be addresses, and stay.
func TestOwnAddressIsQuoted(t *testing.T) {
	r := sample()
	r.User = "ana.perez@example.com"
	c := client(t, Config{Credentials: Credentials{AccessToken: testToken}, Transport: answers(404, `{"name":"UserNotFoundError","message":"no ana.perez@example.com, ask bob@example.com"}`)})
	if _, fault := c.Do(t.Context(), pipeline.Attach, r); fault == nil || fault.Message != "no ana.perez@example.com, ask [hidden]" {
		t.Errorf("got %+v", fault)
	}
}

func TestAccountIsTidy(t *testing.T) {
	c := client(t, Config{
		Credentials: Credentials{AccessToken: testToken},
		Transport:   answers(200, `{"id":"`+testToken+`","name":"\u001b[31mAna\u202e\n`+strings.Repeat("x", 300)+`","email":"the%2eaccess-token_0003@x"}`),
	})
	account, fault := c.Me(t.Context())
	want := Account{ID: hidden, Name: "[31mAna " + strings.Repeat("x", 244) + "…", Email: hidden}
	if fault != nil || account != want {
		t.Errorf("got %+v, %v", account, fault)
	}
}
