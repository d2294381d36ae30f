package corsim

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Switch describes one switch. Values begins with the default; a word in capitals stands for a value of its kind.
type Switch struct {
	Name   string
	Values []string
	Doc    string

	pattern string // of the values that are accepted; "" means one of Values
}

// Switches lists every switch in the order of the documentation.
func Switches() []Switch {
	return []Switch{
		{"attach", []string{"add", "replace"}, "whether an attach adds to what the user has, or takes away all that it does not name, under every source", ""},
		{"re-attach", []string{"update", "keep", "error"},
			"what attaching an attached workspace does: store the new percentage, keep the old one silently, or refuse with AlreadyAttachedError", ""},
		{"reply-scope", []string{"all", "sent"}, "which workspaces an attach answers with: all of the user's, or those sent; nobody can tell with attach=replace", ""},
		{"re-detach", []string{"accept", "error"}, "detaching what is not attached: accept, or refuse with 400 UT012", ""},
		{"identity", []string{"own", "sources", "case", "nfc"},
			"which ids are one object at COR: own: each id of a user, each source and id of a workspace; sources: a workspace is one over all sources; case: ids are compared without letter case; nfc: after Unicode NFC; several are joined by commas", `own|(sources|case|nfc)(,(sources|case|nfc))*`},
		{"source-case", []string{"exact", "ignored"}, "whether sources are compared without letter case; in capitals they are stored", ""},
		{"ui-workspace", []string{"none", "listed"}, "listed: every answer also has a workspace made in COR's own pages, without json_integrations", ""},
		{"over-100", []string{"accept", "400"}, "whether a user may hold more than 100 over all sources", ""},
		{"zero", []string{"accept", "400"}, "whether a percentage of 0 can be attached", ""},
		{"percentage", []string{"as-sent", "string", "rounded", "cut", "string-rounded"},
			"percentages at COR: stored and answered as sent, answered as a JSON string, stored rounded (half up) or cut, or both string and rounded", ""},
		{"decimals", []string{"0", "1", "2", "3"}, "how many decimals percentage=rounded, cut and string-rounded keep", ""},
		{"unknown-workspace", []string{"400", "404", "omit", "errors-f", "errors-g"},
			"400 ZC001 or 404 refuse the whole request; the others store the rest and leave it out of the 200, silently or with an errors array", ""},
		{"unknown-user", []string{"400", "404"}, "400 ZC001 or 404 UserNotFoundError", ""},
		{"validation", []string{"400", "417", "422"}, "status of a malformed request; 417 answers with an array of fields", ""},
		{"error-form", []string{"A", "B", "C", "E"}, "which of COR's error bodies a refusal takes", ""},
		{"sources", []string{"documented", "any", "NAME,NAME"}, "sources accepted besides the twelve documented ones", `[^,]+(,[^,]+)*`},
		{"first-user-id", []string{"8545", "ID"}, "COR's internal id of the first user seen; the next ones count up", `[1-9]\d{0,8}`},
		{"first-workspace-id", []string{"1", "ID"}, "COR's internal id of the first workspace seen; the next ones count up", `[1-9]\d{0,8}`},
		{"account", []string{"corsim", "NAME"}, "whom GET /v1/me names", `.+`},
		{"throttle", []string{"off", "N"}, "attach and detach requests per second before a 429", `off|[1-9]\d{0,8}`},
		{"throttle-form", []string{"seconds", "date", "none", "html"}, "Retry-After of a 429 as seconds, as an HTTP date, absent, or absent with an HTML body", ""},
		{"throttle-after", []string{"1", "SECONDS"}, "what Retry-After asks for", `\d{1,9}`},
		{"latency", []string{"0s", "DURATION"}, "wait before any request is handled", `\d+(ms|s|m|h)`},
		{"token-life", []string{"3600", "SECONDS"}, "how long an issued token is good", `[1-9]\d{0,8}`},
		{"refresh-token", []string{"yes", "no"}, "whether tokens come with a refresh token", ""},
		{"token-reuse", []string{"allow", "401"}, "401: an issued token serves one request", ""},
		{"credentials", []string{"any", "KEY:SECRET"}, "the pair the token endpoint accepts; any: every pair without a blank half", `any|[^:]+:.+`},
		{"static-token", []string{"any", "refused", "TOKEN"}, "which bearer tokens that the simulator did not issue are accepted", `.+`},
	}
}

func (s Switch) accepts(value string) bool {
	pattern := cmp.Or(s.pattern, strings.Join(s.Values, "|"))
	return regexp.MustCompile(`(?s)^(` + pattern + `)$`).MatchString(value)
}

// Set turns one switch. The error for an unknown switch lists the known ones. The error for a wrong value names the
// switch, the value and the accepted ones. After an error c is as it was.
func (c *Config) Set(name, value string) error {
	var names []string
	for _, s := range Switches() {
		names = append(names, s.Name)
		if s.Name != name {
			continue
		}
		if !s.accepts(value) {
			shown := strconv.Quote(value)
			if name == "credentials" { // half of a pair may be a secret
				shown = "the value found"
			}
			return fmt.Errorf("switch %q: %s is none of %s", name, shown, strings.Join(s.Values, ", "))
		}
		if c.chosen == nil {
			c.chosen = make(settings)
		}
		c.chosen[name] = value
		return nil
	}
	return fmt.Errorf("unknown switch %q (the switches are %s)", name, strings.Join(names, ", "))
}

// settings are the values of all switches by name. In those that Config.settings makes none is missing.
type settings map[string]string

func (c *Config) settings() settings {
	all := make(settings)
	for _, s := range Switches() {
		all[s.Name] = cmp.Or(c.chosen[s.Name], s.Values[0])
	}
	return all
}

// number is the value of a switch that is a number, 0 for a word such as "off".
func (s settings) number(name string) int {
	n, _ := strconv.Atoi(s[name])
	return n
}

// has says whether a switch that is a list names a word.
func (s settings) has(name, word string) bool {
	return slices.Contains(strings.Split(s[name], ","), word)
}
