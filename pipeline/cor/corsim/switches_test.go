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
		known []Pair
		steps []step
	}{
		{"repeat=updates", nil, []step{{attach("U1", oneSAP), oneDone}, {again, strings.Replace(oneDone, "60}}", "70}}", 1)}}},
		{"repeat=keeps", nil, []step{{attach("U1", oneSAP), oneDone}, {again, oneDone}}},
		{"repeat=refuses", nil, []step{{attach("U1", oneSAP), oneDone}, {again, `400 {"status":400,"name":"AlreadyAttachedError","code":"ZC004","message":"association exists: workspace \"WS-1\""}`}}},
		{"listed=all", nil, []step{{attach("U1", twoSAP), twoDone}, {attach("U1", oneSAP), twoDone}}},
		{"listed=sent", nil, []step{{attach("U1", twoSAP), twoDone}, {attach("U1", oneSAP), oneDone}}},
		{"unknown-workspace=refused-400", known(), []step{{ghost, `400 {"status":400,"name":"CORCustomError","code":"ZC001","message":"external id not associated: workspace \"GHOST\""}`}}},
		{"unknown-workspace=refused-404", known(), []step{{ghost, `404 {"status":404,"name":"WorkspaceNotFoundError","code":"WorkspaceNotFoundError","message":"workspace \"GHOST\" not found"}`}}},
		{"unknown-workspace=left-out", known(), []step{{ghost, oneDone}}},
		{"unknown-workspace=errors", known(), []step{{ghost, strings.TrimSuffix(oneDone, "}") + `,"errors":[{"name":"WorkspaceNotFoundError","code":"ZC001","message":"external id not associated: workspace \"GHOST\""}]}`}}},
		{"unknown-workspace=partial-success", known(), []step{{ghost, strings.TrimSuffix(oneDone, "}") + `,"status":"partial_success","errors":[{"id":"GHOST","error_code":"CE001","message":"external id not associated: workspace \"GHOST\""}]}`}}},
		{"unknown-user=refused-400", known(), []step{{stranger, `400 {"status":400,"name":"CORCustomError","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"unknown-user=refused-404", known(), []step{{stranger, `404 {"status":404,"name":"UserNotFoundError","code":"UserNotFoundError","message":"user \"U9\" not found"}`}}},
		{"validation=refused-400", nil, []step{{text, `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"workspaces.0.percentage is not a number"}`}}},
		{"validation=refused-417", nil, []step{{text, `417 [{"field":"workspaces.0.percentage","validation":"number","message":"workspaces.0.percentage is not a number"}]`}}},
		{"validation=refused-422", nil, []step{{text, `422 {"status":422,"name":"ValidationError","code":"ValidationError","message":"workspaces.0.percentage is not a number"}`}}},
		{"over-100=accepted", nil, []step{{over, strings.Replace(twoDone, "40.5}}", "40.01}}", 1)}}},
		{"over-100=refused", nil, []step{
			{over, `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"the user's percentages would add up to more than 100"}`},
			{attach("U1", oneSAP), oneDone},
			{attach("U1", strings.NewReplacer("SAP", "OKTA", "60", "41").Replace(oneSAP)), `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"the user's percentages would add up to more than 100"}`},
		}},
		{"percentage=exact", nil, []step{{odd, strings.Replace(oneDone, "60}}", "49.5}}", 1)}}},
		{"percentage=text", nil, []step{{odd, strings.Replace(oneDone, "60}}", `"49.5"}}`, 1)}}},
		{"percentage=rounded", nil, []step{{odd, strings.Replace(oneDone, "60}}", "50}}", 1)}}},
		{"percentage=cut", nil, []step{{odd, strings.Replace(oneDone, "60}}", "49}}", 1)}}},
		{"percentage=text-rounded", nil, []step{{odd, strings.Replace(oneDone, "60}}", `"50"}}`, 1)}}},
		{"zero=accepted", nil, []step{{nought, strings.Replace(oneDone, "60}}", "0.00}}", 1)}}},
		{"zero=refused", nil, []step{{nought, `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"percentage 0 of workspace \"WS-1\" cannot be attached"}`}}},
		{"attach=adds", nil, []step{{attach("U1", oneSAP), oneDone}, {other, twoDone}}},
		{"attach=replaces", nil, []step{{attach("U1", oneSAP), oneDone}, {other, strings.Replace(twoDone, ws1at+`60}},`, "", 1)}}},
		{"source-case=exact", nil, []step{{lower, `400 {"status":400,"name":"InvalidSourceError","code":"InvalidSourceError","message":"source \"sap\" is not one of COR's"}`}}},
		{"source-case=ignored", nil, []step{{lower, oneDone}}},
		{"second-detach=accepted", nil, []step{{gone, `200 {` + userU1 + `"workspaces":[]}`}}},
		{"second-detach=refused", nil, []step{{attach("U1", oneSAP), oneDone}, {gone, `200 {` + userU1 + `"workspaces":[]}`}, {gone, `400 {"status":400,"name":"CORCustomError","code":"UT012","message":"not in workspace: workspace \"WS-1\""}`}}},
		{"error-form=A", known(), []step{{stranger, `400 {"status":400,"name":"CORCustomError","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"error-form=B", known(), []step{{stranger, `400 {"name":"CORCustomError","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"error-form=C", known(), []step{{stranger, `400 {"status":"ERROR","code":"ZC001","message":"external id not associated: user \"U9\""}`}}},
		{"error-form=E", known(), []step{{stranger, `400 {"error":400,"message":"ZC001: external id not associated: user \"U9\""}`}}},
		{"sources=documented", nil, []step{{okta, badSource}}},
		{"sources=any", nil, []step{{okta, oktaDone}}},
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
		{"unknown-workspace=refused-400", withGhost, "map[]"},
		{"unknown-workspace=refused-404", withGhost, "map[]"},
		{"unknown-workspace=left-out", withGhost, "map[{U1 SAP WS-1}:60]"},
		{"unknown-workspace=errors", withGhost, "map[{U1 SAP WS-1}:60]"},
		{"unknown-workspace=partial-success", withGhost, "map[{U1 SAP WS-1}:60]"},
		{"percentage=rounded", strings.Replace(oneSAP, "60", "59.5", 1), "map[{U1 SAP WS-1}:60]"},
		{"percentage=text", oneSAP, "map[{U1 SAP WS-1}:60]"},
		{"over-100=refused", strings.Replace(twoSAP, "40.5", "41", 1), "map[]"},
		{"zero=refused", strings.Replace(twoSAP, "40.5", "0", 1), "map[]"},
	} {
		t.Run(c.set, func(t *testing.T) {
			var log records
			s := simulate(t, Config{Known: known(), Log: log.keep}, c.set)
			ask(t, s, attach("U1", c.body))
			if got := fmt.Sprint(s.Holdings()); got != c.want {
				t.Errorf("holds %s, want %s", got, c.want)
			}
			if applied := log[0].Applied; applied != (c.want != "map[]") {
				t.Errorf("the log says applied %t", applied)
			}
		})
	}
}

func TestDetach(t *testing.T) {
	const gone = `{"workspaces":["WS-1","NEVER"],"metadata":{"source":"SAP"}}`
	var log records
	s := simulate(t, Config{Log: log.keep}, "listed=sent")
	run(t, s, []step{
		{attach("U1", twoSAP), twoDone},
		{detach("U1", gone), `200 {` + userU1 + `"workspaces":[` + ws2at + `40.5}}]}`},
		{detach("U1", gone), `200 {` + userU1 + `"workspaces":[` + ws2at + `40.5}}]}`},
		{attach("U1", oneSAP), oneDone},
	})
	var applied []bool
	for _, r := range log {
		applied = append(applied, r.Applied)
	}
	if text := fmt.Sprint(applied); text != "[true true false true]" {
		t.Errorf("applied %s", text)
	}
	if text := fmt.Sprint(s.Holdings()); text != "map[{U1 SAP WS-1}:60 {U1 SAP WS-2}:40.5]" {
		t.Errorf("holds %s", text)
	}
}

// TestNumericExternalIDs has external ids that look like COR's internal ones and are not.
func TestNumericExternalIDs(t *testing.T) {
	s := simulate(t, Config{})
	got := short(ask(t, s, attach("8546", `{"workspaces":[{"workspaceId":"2","percentage":70},{"workspaceId":"1","percentage":30}],"metadata":{"source":"SAP"}}`)))
	want := `200 {"id":8545,"name":"User 8546","email":"user-8546@example.com","workspaces":[` +
		`{"id":1,"name":"Workspace 2","json_integrations":{"source":"SAP","origin_external_id":"2"},"pivot":{"workspace_id":1,"user_id":8545,"percentage":70}},` +
		`{"id":2,"name":"Workspace 1","json_integrations":{"source":"SAP","origin_external_id":"1"},"pivot":{"workspace_id":2,"user_id":8545,"percentage":30}}]}`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestSetRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"repeat=maybe":  `switch "repeat": "maybe" is none of updates|keeps|refuses`,
		"repeat=":       `switch "repeat": "" is none of updates|keeps|refuses`,
		"throttle=0":    `switch "throttle": "0" is none of off|N|N,date|N,none|N,html`,
		"throttle=fast": `switch "throttle": "fast" is none of off|N|N,date|N,none|N,html`,
		"tokens=1h":     `switch "tokens": "1h" is none of 3600|N|no-refresh|once`,
		"sources=SAP":   `switch "sources": "SAP" is none of documented|any`,
		"secret=":       `switch "secret": "" is none of any|TEXT`,
	} {
		var c Config
		name, value, _ := strings.Cut(text, "=")
		if err := c.Set(name, value); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	var c Config
	if err := c.Set("repeated", "keeps"); err == nil || err.Error() != `unknown switch "repeated"` {
		t.Errorf("got %v", err)
	}
}

func TestSwitchesAreDescribed(t *testing.T) {
	seen := make(map[string]bool)
	for _, sw := range Switches() {
		if seen[sw.Name] || sw.Doc == "" || sw.Values == "" {
			t.Errorf("switch %+v", sw)
		}
		seen[sw.Name] = true
		values := strings.Split(sw.Values, "|")
		var c Config
		if err := c.Set(sw.Name, values[0]); err != nil {
			t.Errorf("the default is refused: %v", err)
		}
		for _, value := range values[1:] {
			if err := c.Set(sw.Name, value); err != nil && !strings.ContainsAny(value, "NT") {
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
		usual, _, _ := strings.Cut(sw.Values, "|")
		if err := c.Set(sw.Name, usual); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestConfigIsCopied(t *testing.T) {
	var c Config
	s := simulate(t, c)
	if err := c.Set("validation", "refused-422"); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s, attach("U1", "")); got[:3] != "400" {
		t.Errorf("a later Set reached the server: %s", got)
	}
	var _ http.Handler = s
}
