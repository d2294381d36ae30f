package corsim

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/encoding/unicode"
)

// Config says how a Simulator behaves. The zero value is COR as documented: every switch at its default, everybody
// known, no faults, no log. New copies it; it is not safe for concurrent use.
type Config struct {
	Known  []Pair       // the users and workspaces that exist; nil means that all do
	Script Script       // the faults; nil means none
	Log    func(Record) // told of each request, one at a time, before its answer leaves; nil means no log

	chosen settings
}

// Pair names a user and a workspace under a source. Where it says what exists in COR, either may be blank, a blank
// source stands for every source, and the user exists under every source.
type Pair struct{ User, Source, Workspace string }

// Switch describes one switch. Values, with | between them, begins with the default; N stands for a number above 0,
// TEXT for any text.
type Switch struct{ Name, Values, Doc string }

// Switches lists every switch. The first ones, up to second-detach, are what a probe can find: its facts have the names
// of the switches, and its findings are their values.
func Switches() []Switch {
	return []Switch{
		{"attach", "adds|replaces", "whether an attach adds to what the user has, or takes away all that it does not name, under every source"},
		{"repeat", "updates|keeps|refuses",
			"what attaching an attached workspace does: store the new percentage, keep the old one silently, or refuse with AlreadyAttachedError"},
		{"listed", "all|sent", "which workspaces an attach answers with: all of the user's, or those sent; nobody can tell with attach=replaces"},
		{"percentage", "exact|text|rounded|cut|text-rounded",
			"percentages at COR: stored and answered as sent, answered as a JSON string, stored rounded (half up) or cut, or both text and rounded"},
		{"decimals", "0|1|2|3", "how many decimals percentage=rounded, cut and text-rounded keep"},
		{"over-100", "accepted|refused", "whether a user may hold more than 100 over all sources"},
		{"zero", "accepted|refused", "whether a percentage of 0 can be attached"},
		{"unknown-workspace", "refused-400|refused-404|left-out|errors|partial-success",
			"400 ZC001 or 404 refuse the whole request; the others store the rest and leave it out of the 200, silently or with an errors array"},
		{"unknown-user", "refused-400|refused-404", "400 ZC001 or 404 UserNotFoundError"},
		{"validation", "refused-400|refused-417|refused-422", "what a malformed request is answered with; 417 with an array of fields"},
		{"id-sources", "own|shared", "whether a workspace is one for each source, or one over all sources"},
		{"id-case", "exact|ignored", "whether ids are compared without letter case"},
		{"id-form", "exact|nfc", "whether ids are compared after Unicode NFC"},
		{"source-case", "exact|ignored", "whether sources are compared without letter case; in capitals they are stored"},
		{"detach", "remaining", "what a detach answers with: the workspaces that the user still has"},
		{"second-detach", "accepted|refused", "detaching what is not attached: accept, or refuse with 400 UT012"},

		{"error-form", "A|B|C|E", "which of COR's error bodies a refusal takes"},
		{"sources", "documented|any", "which sources COR takes: its twelve, or any"},
		{"throttle", "off|N|N,date|N,none|N,html",
			"attach and detach requests per second before a 429 with Retry-After in seconds, as an HTTP date, without it, or without it and with an HTML body"},
		{"tokens", "3600|N|no-refresh|once", "for how many seconds a token is good; no-refresh: without a refresh token; once: for one request"},
		{"secret", "any|TEXT", "the only client secret, and the only token of somebody else's, that is accepted"},
	}
}

// Set turns one switch. The error for a wrong value names the accepted ones. After an error c is as it was.
func (c *Config) Set(name, value string) error {
	all := Switches()
	i := slices.IndexFunc(all, func(s Switch) bool { return s.Name == name })
	if i < 0 {
		return fmt.Errorf("unknown switch %q", name)
	}
	pattern := strings.NewReplacer("N", `[1-9]\d{0,8}`, "TEXT", `.+`).Replace(all[i].Values)
	if !regexp.MustCompile(`(?s)^(` + pattern + `)$`).MatchString(value) {
		return fmt.Errorf("switch %q: %q is none of %s", name, value, all[i].Values)
	}
	if c.chosen == nil {
		c.chosen = make(settings)
	}
	c.chosen[name] = value
	return nil
}

// LoadFacts turns the switches that make a simulator behave as a probe has found COR to. It reads a JSON document
// {"facts":[{"fact":"repeat","finding":"keeps"}]} and ignores its other names. The finding "unknown" turns no switch.
func (c *Config) LoadFacts(r io.Reader) error {
	var document struct {
		Facts []struct{ Fact, Finding string }
	}
	if err := json.UnmarshalRead(r, &document, json.MatchCaseInsensitiveNames(true)); err != nil {
		return err
	}
	if document.Facts == nil {
		return errors.New(`the document has no "facts"`)
	}
	for _, f := range document.Facts {
		if err := c.Set(f.Fact, f.Finding); err != nil && f.Finding != "unknown" {
			return err
		}
	}
	return nil
}

// ReadKnown reads a comma-separated file whose header has user_id and workspace_id and may have source, in any order
// and letter case; other columns are ignored. As in an import, spaces and tabs around a cell are dropped and sources
// put in upper case. Errors name the line. The list is never nil.
func ReadKnown(r io.Reader) ([]Pair, error) {
	rows, err := csv.NewReader(unicode.UTF8BOM.NewDecoder().Reader(r)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("the file is empty, a header with user_id and workspace_id is expected")
	}
	known := []Pair{}
	for i, row := range rows {
		cells := make(map[string]string)
		for j, title := range rows[0] {
			cells[strings.ToLower(strings.Trim(title, " \t"))] = strings.Trim(row[j], " \t")
		}
		switch {
		case i > 0:
			known = append(known, Pair{cells["user_id"], strings.ToUpper(cells["source"]), cells["workspace_id"]})
		case cells["user_id"] == "", cells["workspace_id"] == "":
			return nil, fmt.Errorf("the header %q lacks user_id or workspace_id", strings.Join(row, ","))
		}
	}
	return known, nil
}

// settings are the values of switches by name; those of a Simulator, of all switches.
type settings map[string]string

// number is the number that the value of a switch is, or is a refusal with; 0 for a word such as "off".
func (s settings) number(name string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(s[name], "refused-"))
	return n
}

// accepts says whether a client secret, or a token that the simulator did not issue, is good.
func (s settings) accepts(secret string) bool { return s["secret"] == "any" || s["secret"] == secret }
