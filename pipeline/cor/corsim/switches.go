package corsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings is the parsed form of all switches. Choices keep the word of the switch.
type settings struct {
	reAttach, replyScope, unknownWorkspace, unknownUser string
	validation, over100, percentage, errorForm          string
	uiWorkspace                                         string

	sources    []string
	anySource  bool
	firstUser  int
	firstSpace int
	account    string

	throttle      int
	throttleForm  string
	throttleAfter int

	tokenLife    int
	refreshToken string
	tokenReuse   string
	key, secret  string
	staticToken  string

	latency        time.Duration
	transport      string
	transportEvery int
	transportBurst int
	transportApply string
	transportDelay time.Duration
}

// option is a switch together with how it is set; set answers false, whatever it changed, for a value that is not accepted.
type option struct {
	Switch
	set    func(*settings, string) bool
	secret bool
}

func (o option) refuse(value string) error {
	accepted := strings.Join(o.Values, ", ")
	if o.secret {
		return fmt.Errorf("switch %q: the value found is none of %s", o.Name, accepted)
	}
	return fmt.Errorf("switch %q: %q is none of %s", o.Name, value, accepted)
}

func options() []option {
	return slices.Concat(answerOptions(), identityOptions(), throttleOptions(), tokenOptions(), transportOptions())
}

func answerOptions() []option {
	return []option{
		choice("re-attach", "what attaching an attached workspace does: store the new percentage, keep the old one silently, or refuse with AlreadyAttachedError",
			func(s *settings) *string { return &s.reAttach }, "update", "keep", "error"),
		choice("reply-scope", "which workspaces an attach answers with: all of the user's, or those sent",
			func(s *settings) *string { return &s.replyScope }, "all", "sent"),
		choice("unknown-workspace", "400 ZC001 or 404 refuse the whole request; the others store the rest and leave it out of the 200, silently or with an errors array",
			func(s *settings) *string { return &s.unknownWorkspace }, "400", "404", "omit", "errors-f", "errors-g"),
		choice("unknown-user", "400 ZC001 or 404 UserNotFoundError",
			func(s *settings) *string { return &s.unknownUser }, "400", "404"),
		choice("validation", "status of a malformed request; 417 answers with an array of fields",
			func(s *settings) *string { return &s.validation }, "400", "417", "422"),
		choice("over-100", "whether a user may hold more than 100 over all sources",
			func(s *settings) *string { return &s.over100 }, "accept", "400"),
		choice("percentage", "percentages in the answer: as sent, as a JSON string, or stored and returned as an integer, rounded half up",
			func(s *settings) *string { return &s.percentage }, "as-sent", "string", "rounded"),
		choice("error-form", "which of COR's error bodies a refusal takes",
			func(s *settings) *string { return &s.errorForm }, "A", "B", "C", "E"),
		choice("ui-workspace", "listed: every answer also has a workspace made in COR's own pages, without json_integrations",
			func(s *settings) *string { return &s.uiWorkspace }, "none", "listed"),
	}
}

func identityOptions() []option {
	return []option{
		{Switch: Switch{"sources", []string{"documented", "any", "NAME,NAME"}, "sources accepted besides the twelve documented ones"}, set: setSources},
		count("first-user-id", "COR's internal id of the first user seen; the next ones count up", "8545", "ID", 1,
			func(s *settings) *int { return &s.firstUser }),
		count("first-workspace-id", "COR's internal id of the first workspace seen; the next ones count up", "1", "ID", 1,
			func(s *settings) *int { return &s.firstSpace }),
		{Switch: Switch{"account", []string{"corsim", "NAME"}, "whom GET /v1/me names"}, set: func(s *settings, v string) bool {
			s.account = v
			return v != ""
		}},
	}
}

func throttleOptions() []option {
	return []option{
		{Switch: Switch{"throttle", []string{"off", "N"}, "attach and detach requests per second before a 429"}, set: func(s *settings, v string) bool {
			return v == "off" || number(v, 1, &s.throttle)
		}},
		choice("throttle-form", "Retry-After of a 429 as seconds, as an HTTP date, absent, or absent with an HTML body",
			func(s *settings) *string { return &s.throttleForm }, "seconds", "date", "none", "html"),
		count("throttle-after", "what Retry-After asks for", "1", "SECONDS", 0,
			func(s *settings) *int { return &s.throttleAfter }),
	}
}

func tokenOptions() []option {
	return []option{
		count("token-life", "how long an issued token is good", "3600", "SECONDS", 1,
			func(s *settings) *int { return &s.tokenLife }),
		choice("refresh-token", "whether tokens come with a refresh token",
			func(s *settings) *string { return &s.refreshToken }, "yes", "no"),
		choice("token-reuse", "401: an issued token serves one request; rotated: issuing a token ends all earlier ones",
			func(s *settings) *string { return &s.tokenReuse }, "allow", "401", "rotated"),
		{Switch: Switch{"credentials", []string{"any", "KEY:SECRET"}, "the pair the token endpoint accepts; any: every pair without a blank half"},
			secret: true, set: setCredentials},
		{Switch: Switch{"static-token", []string{"any", "refused", "TOKEN"}, "which bearer tokens that the simulator did not issue are accepted"},
			secret: true, set: func(s *settings, v string) bool {
				s.staticToken = v
				return v != ""
			}},
	}
}

func transportOptions() []option {
	return []option{
		delay("latency", "wait before any request is handled", "0s",
			func(s *settings) *time.Duration { return &s.latency }),
		choice("transport", "what happens to attach requests: nothing, this status, a connection cut before or after the write, half an answer, a 200 with HTML, or an answer held back",
			func(s *settings) *string { return &s.transport },
			"fine", "500", "502", "503", "504", "cut-before", "cut-after", "truncated", "html", "slow"),
		count("transport-every", "the transport fault strikes once in so many attach requests", "1", "N", 1,
			func(s *settings) *int { return &s.transportEvery }),
		count("transport-burst", "how many of them in a row it strikes", "1", "N", 1,
			func(s *settings) *int { return &s.transportBurst }),
		choice("transport-apply", "whether the write behind a 5xx or HTML fault is stored",
			func(s *settings) *string { return &s.transportApply }, "no", "yes"),
		delay("transport-delay", "how long transport=slow holds the answer back after the write", "2s",
			func(s *settings) *time.Duration { return &s.transportDelay }),
	}
}

func choice(name, doc string, field func(*settings) *string, values ...string) option {
	return option{Switch: Switch{name, values, doc}, set: func(s *settings, v string) bool {
		*field(s) = v
		return slices.Contains(values, v)
	}}
}

func count(name, doc, byDefault, unit string, least int, field func(*settings) *int) option {
	return option{Switch: Switch{name, []string{byDefault, unit}, doc}, set: func(s *settings, v string) bool {
		return number(v, least, field(s))
	}}
}

func delay(name, doc, byDefault string, field func(*settings) *time.Duration) option {
	return option{Switch: Switch{name, []string{byDefault, "DURATION"}, doc}, set: func(s *settings, v string) bool {
		d, err := time.ParseDuration(v)
		*field(s) = d
		return err == nil && d >= 0
	}}
}

func number(text string, least int, into *int) bool {
	n, err := strconv.Atoi(text)
	*into = n
	return err == nil && n >= least && n <= 1e9
}

func setSources(s *settings, v string) bool {
	s.anySource = v == "any"
	if v == "any" || v == "documented" {
		return true
	}
	s.sources = strings.Split(v, ",")
	return !slices.Contains(s.sources, "")
}

func setCredentials(s *settings, v string) bool {
	if v == "any" {
		return true
	}
	s.key, s.secret, _ = strings.Cut(v, ":")
	return s.key != "" && s.secret != ""
}

// admits answers whether COR takes the source: exactly as printed, upper case.
func (s *settings) admits(source string) bool {
	switch source {
	case "JIRA", "SALESFORCE", "ADVERTMIND", "QUICKBOOKS", "ZAPIER", "OKTA", "MICROSOFT_DYNAMICS", "GITHUB",
		"MICROSOFT_TEAMS", "VBS", "SAP", "GLOBANT":
		return true
	}
	return s.anySource || slices.Contains(s.sources, source)
}
