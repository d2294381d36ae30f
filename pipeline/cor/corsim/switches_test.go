package corsim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestSwitches(t *testing.T) {
	again := attach("U1", strings.Replace(oneSAP, "60", "70", 1))
	text := attach("U1", `{"workspaces":[{"workspaceId":"WS-1","percentage":"60"}],"metadata":{"source":"SAP"}}`)
	over := attach("U1", strings.Replace(twoSAP, "40.5", "40.01", 1))
	odd := attach("U1", strings.Replace(oneSAP, "60", "49.5", 1))
	nought := attach("U1", strings.Replace(oneSAP, "60", "0.00", 1))
	other := attach("U1", strings.NewReplacer("WS-1", "WS-2", "60", "40.5").Replace(oneSAP))
	lower := attach("U1", strings.Replace(oneSAP, "SAP", "sap", 1))
	gone := detach("U1", `{"workspaces":["WS-1"],"metadata":{"source":"SAP"}}`)
	ghost := attach("U1", withGhost)
	stranger := attach("U9", oneSAP)
	okta := attach("U1", strings.Replace(oneSAP, "SAP", "OKTA2", 1))
	oktaDone := strings.ReplaceAll(oneDone, "SAP", "OKTA2")
	badSource := `400 {"status":400,"name":"InvalidSourceError","code":"InvalidSourceError","message":"source \"OKTA2\" is not one of COR's"}`

	for _, c := range []struct {
		set   string
		known *Known
		steps []step
	}{
		{"re-attach=update", nil, []step{{attach("U1", oneSAP), oneDone}, {again, strings.Replace(oneDone, "60}}", "70}}", 1)}}},
		{"re-attach=keep", nil, []step{{attach("U1", oneSAP), oneDone}, {again, oneDone}}},
		{"re-attach=error", nil, []step{{attach("U1", oneSAP), oneDone}, {again, `400 {"status":400,"name":"AlreadyAttachedError","code":"ZC004","message":"association exists: workspace \"WS-1\""}`}}},
		{"reply-scope=all", nil, []step{{attach("U1", twoSAP), twoDone}, {attach("U1", oneSAP), twoDone}}},
		{"reply-scope=sent", nil, []step{{attach("U1", twoSAP), twoDone}, {attach("U1", oneSAP), oneDone}}},
		{"unknown-workspace=400", known(), []step{{ghost, `400 {"status":400,"name":"CORCustomError","code":"ZC001","message":"external id not associated: workspace \"GHOST\""}`}}},
		{"unknown-workspace=404", known(), []step{{ghost, `404 {"status":404,"name":"WorkspaceNotFoundError","code":"WorkspaceNotFoundError","message":"workspace \"GHOST\" not found"}`}}},
		{"unknown-workspace=omit", known(), []step{{ghost, oneDone}}},
		{"unknown-workspace=errors-f", known(), []step{{ghost, strings.TrimSuffix(oneDone, "}") + `,"errors":[{"name":"WorkspaceNotFoundError","code":"ZC001","message":"external id not associated: workspace \"GHOST\""}]}`}}},
		{"unknown-workspace=errors-g", known(), []step{{ghost, strings.TrimSuffix(oneDone, "}") + `,"status":"partial_success","errors":[{"id":"GHOST","error_code":"CE001","message":"external id not associated: workspace \"GHOST\""}]}`}}},
		{"unknown-user=400", known(), []step{{stranger, `400 {"status":400,"name":"CORCustomError","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"unknown-user=404", known(), []step{{stranger, `404 {"status":404,"name":"UserNotFoundError","code":"UserNotFoundError","message":"user \"U9\" not found"}`}}},
		{"validation=400", nil, []step{{text, `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"workspaces.0.percentage is not a number"}`}}},
		{"validation=417", nil, []step{{text, `417 [{"field":"workspaces.0.percentage","validation":"number","message":"workspaces.0.percentage is not a number"}]`}}},
		{"validation=422", nil, []step{{text, `422 {"status":422,"name":"ValidationError","code":"ValidationError","message":"workspaces.0.percentage is not a number"}`}}},
		{"over-100=accept", nil, []step{{over, strings.Replace(twoDone, "40.5}}", "40.01}}", 1)}}},
		{"over-100=400", nil, []step{
			{over, `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"the user's percentages would add up to 100.01, over 100"}`},
			{attach("U1", oneSAP), oneDone},
			{attach("U1", strings.NewReplacer("SAP", "OKTA", "60", "41").Replace(oneSAP)), `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"the user's percentages would add up to 101, over 100"}`},
		}},
		{"percentage=as-sent", nil, []step{{odd, strings.Replace(oneDone, "60}}", "49.5}}", 1)}}},
		{"percentage=string", nil, []step{{odd, strings.Replace(oneDone, "60}}", `"49.5"}}`, 1)}}},
		{"percentage=rounded", nil, []step{{odd, strings.Replace(oneDone, "60}}", "50}}", 1)}}},
		{"percentage=cut", nil, []step{{odd, strings.Replace(oneDone, "60}}", "49}}", 1)}}},
		{"percentage=string-rounded", nil, []step{{odd, strings.Replace(oneDone, "60}}", `"50"}}`, 1)}}},
		{"zero=accept", nil, []step{{nought, strings.Replace(oneDone, "60}}", "0.00}}", 1)}}},
		{"zero=400", nil, []step{{nought, `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"percentage 0 of workspace \"WS-1\" cannot be attached"}`}}},
		{"attach=add", nil, []step{{attach("U1", oneSAP), oneDone}, {other, twoDone}}},
		{"attach=replace", nil, []step{{attach("U1", oneSAP), oneDone}, {other, strings.Replace(twoDone, ws1at+`60}},`, "", 1)}}},
		{"source-case=exact", nil, []step{{lower, `400 {"status":400,"name":"InvalidSourceError","code":"InvalidSourceError","message":"source \"sap\" is not one of COR's"}`}}},
		{"source-case=ignored", nil, []step{{lower, oneDone}}},
		{"re-detach=accept", nil, []step{{gone, `200 {` + userU1 + `"workspaces":[]}`}}},
		{"re-detach=error", nil, []step{{attach("U1", oneSAP), oneDone}, {gone, `200 {` + userU1 + `"workspaces":[]}`}, {gone, `400 {"status":400,"name":"CORCustomError","code":"UT012","message":"not in workspace: workspace \"WS-1\""}`}}},
		{"error-form=A", known(), []step{{stranger, `400 {"status":400,"name":"CORCustomError","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"error-form=B", known(), []step{{stranger, `400 {"name":"CORCustomError","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"error-form=C", known(), []step{{stranger, `400 {"status":"ERROR","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"error-form=E", known(), []step{{stranger, `400 {"error":400,"message":"ZC001: external id not associated: user \"U9\""}`}}},
		{"ui-workspace=listed", nil, []step{{attach("U1", oneSAP), strings.TrimSuffix(oneDone, "]}") +
			`,{"id":999999999,"name":"Workspace made in COR","created_at":"1970-01-01 00:00:00","updated_at":"1970-01-01 00:00:00","pivot":{"workspace_id":999999999,"user_id":8545,"percentage":100}}]}`}}},
		{"sources=documented", nil, []step{{okta, badSource}}},
		{"sources=any", nil, []step{{okta, oktaDone}}},
		{"sources=MINE,OKTA2", nil, []step{{okta, oktaDone}}},
		{"first-user-id=11", nil, []step{{attach("U1", oneSAP), strings.ReplaceAll(oneDone, "8545", "11")}}},
		{"first-workspace-id=60", nil, []step{{attach("U1", oneSAP), strings.NewReplacer(`"id":1,`, `"id":60,`, `_id":1,`, `_id":60,`).Replace(oneDone)}}},
		{"account=acme", nil, []step{{sent{method: "GET", path: "/v1/me"}, `200 {"id":1,"name":"acme","email":"acme@example.com"}`}}},
	} {
		t.Run(c.set, func(t *testing.T) {
			run(t, simulate(t, Config{Known: c.known}, c.set), c.steps)
		})
	}
}

// TestWhatIsStored tells, for every switch that makes it doubtful, what the ledger holds after one request.
func TestWhatIsStored(t *testing.T) {
	for _, c := range []struct {
		set, body, want string
	}{
		{"unknown-workspace=400", withGhost, "[]"},
		{"unknown-workspace=404", withGhost, "[]"},
		{"unknown-workspace=omit", withGhost, "[{U1 SAP WS-1 60}]"},
		{"unknown-workspace=errors-f", withGhost, "[{U1 SAP WS-1 60}]"},
		{"unknown-workspace=errors-g", withGhost, "[{U1 SAP WS-1 60}]"},
		{"percentage=rounded", strings.Replace(oneSAP, "60", "59.5", 1), "[{U1 SAP WS-1 60}]"},
		{"percentage=string", oneSAP, "[{U1 SAP WS-1 60}]"},
		{"over-100=400", strings.Replace(twoSAP, "40.5", "41", 1), "[]"},
		{"zero=400", strings.Replace(twoSAP, "40.5", "0", 1), "[]"},
	} {
		t.Run(c.set, func(t *testing.T) {
			s := simulate(t, Config{Known: known(), Keep: true}, c.set)
			ask(t, s, attach("U1", c.body))
			if got := fmt.Sprint(s.Holdings()); got != c.want {
				t.Errorf("holds %s, want %s", got, c.want)
			}
			if applied := s.Requests()[0].Applied; applied != (c.want != "[]") {
				t.Errorf("the log says applied %t", applied)
			}
		})
	}
}

func TestDetach(t *testing.T) {
	const gone = `{"workspaces":["WS-1","NEVER"],"metadata":{"source":"SAP"}}`
	s := simulate(t, Config{Keep: true}, "reply-scope=sent")
	run(t, s, []step{
		{attach("U1", twoSAP), twoDone},
		{detach("U1", gone), `200 {` + userU1 + `"workspaces":[` + ws2at + `40.5}}]}`},
		{detach("U1", gone), `200 {` + userU1 + `"workspaces":[` + ws2at + `40.5}}]}`},
		{attach("U1", oneSAP), oneDone},
	})
	want := "[{1 attach {U1 SAP WS-1 60}} {1 attach {U1 SAP WS-2 40.5}} {2 detach {U1 SAP WS-1 }} {4 attach {U1 SAP WS-1 60}}]"
	var got []string
	for _, w := range s.Applied() {
		got = append(got, fmt.Sprintf("{%d %s %v}", w.Request, w.Endpoint, w.Holding))
	}
	if text := fmt.Sprint(got); text != want {
		t.Errorf("applied %s\nwant %s", text, want)
	}
	if text := fmt.Sprint(s.Holdings()); text != "[{U1 SAP WS-1 60} {U1 SAP WS-2 40.5}]" {
		t.Errorf("holds %s", text)
	}
}

// TestNumericExternalIDs has external ids that look like COR's internal ones and are not.
func TestNumericExternalIDs(t *testing.T) {
	s := simulate(t, Config{}, "first-user-id=1")
	got := short(ask(t, s, attach("2", `{"workspaces":[{"workspaceId":"2","percentage":70},{"workspaceId":"1","percentage":30}],"metadata":{"source":"SAP"}}`)))
	want := `200 {"id":1,"name":"User 2","email":"user-2@example.com","workspaces":[` +
		`{"id":1,"name":"Workspace 2","json_integrations":{"source":"SAP","origin_external_id":"2"},"pivot":{"workspace_id":1,"user_id":1,"percentage":70}},` +
		`{"id":2,"name":"Workspace 1","json_integrations":{"source":"SAP","origin_external_id":"1"},"pivot":{"workspace_id":2,"user_id":1,"percentage":30}}]}`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestSetRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"re-attach=maybe":     `switch "re-attach": "maybe" is none of update, keep, error`,
		"re-attach=":          `switch "re-attach": "" is none of update, keep, error`,
		"throttle=0":          `switch "throttle": "0" is none of off, N`,
		"throttle=fast":       `switch "throttle": "fast" is none of off, N`,
		"token-life=1h":       `switch "token-life": "1h" is none of 3600, SECONDS`,
		"latency=5":           `switch "latency": "5" is none of 0s, DURATION`,
		"latency=-5s":         `switch "latency": "-5s" is none of 0s, DURATION`,
		"sources=A,,B":        `switch "sources": "A,,B" is none of documented, any, NAME,NAME`,
		"credentials=hushhus": `switch "credentials": the value found is none of any, KEY:SECRET`,
		"static-token=":       `switch "static-token": "" is none of any, refused, TOKEN`,
		"account=":            `switch "account": "" is none of corsim, NAME`,
	} {
		var c Config
		name, value, _ := strings.Cut(text, "=")
		if err := c.Set(name, value); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	var c Config
	err := c.Set("reattach", "keep")
	if err == nil || !strings.HasPrefix(err.Error(), `unknown switch "reattach" (the switches are attach, re-attach, reply-scope, `) {
		t.Errorf("got %v", err)
	}
}

func TestSwitchesAreDescribed(t *testing.T) {
	seen := make(map[string]bool)
	for _, sw := range Switches() {
		if seen[sw.Name] || sw.Doc == "" || len(sw.Values) < 2 {
			t.Errorf("switch %+v", sw)
		}
		seen[sw.Name] = true
		var c Config
		if err := c.Set(sw.Name, sw.Values[0]); err != nil {
			t.Errorf("the default is refused: %v", err)
		}
		for _, value := range sw.Values[1:] {
			if err := c.Set(sw.Name, value); err != nil && value != strings.ToUpper(value) {
				t.Errorf("a listed value is refused: %v", err)
			}
		}
	}
	if explicit := simulate(t, allDefaults(t)).set; fmt.Sprint(explicit) != fmt.Sprint(simulate(t, Config{}).set) {
		t.Errorf("the defaults differ from the zero Config: %+v", explicit)
	}
}

func allDefaults(t *testing.T) Config {
	t.Helper()
	var c Config
	for _, sw := range Switches() {
		if err := c.Set(sw.Name, sw.Values[0]); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestConfigIsCopied(t *testing.T) {
	var c Config
	s := simulate(t, c)
	if err := c.Set("validation", "422"); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s, attach("U1", "")); got[:3] != "400" {
		t.Errorf("a later Set reached the server: %s", got)
	}
	var _ http.Handler = s
}
