package corsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// probing asks, through the API alone, whatever tells findings apart.
func probing() []sent {
	const item = `{"workspaceId":%q,"percentage":%s}`
	ask := func(source string, items ...string) sent {
		return attach("U1", `{"workspaces":[`+strings.Join(items, ",")+`],"metadata":{"source":"`+source+`"}}`)
	}
	one := func(workspace, percentage string) string { return fmt.Sprintf(item, workspace, percentage) }
	off := func(workspaces string) sent {
		return detach("U1", `{"workspaces":[`+workspaces+`],"metadata":{"source":"SAP"}}`)
	}
	return []sent{
		ask("SAP", one("W\u00e9", "10")),
		ask("SAP", one("W\u00e9", "20")),
		ask("SAP", one("V", "66.6667")),
		off(`"V"`), off(`"V"`), off(`"W\u00e9"`),
		ask("SAP", one("V", "0")), off(`"V"`),
		ask("SAP", one("V", "60"), one("W\u00e9", "60")), off(`"V"`), off(`"W\u00e9"`),
		ask("SAP", one("V", "1"), one("GHOST", "2")), off(`"V"`),
		ask("SAP", one("V", "101")),
		attach("GHOST", `{"workspaces":[`+one("V", "3")+`],"metadata":{"source":"SAP"}}`),
		ask("OKTA", one("W\u00e9", "4")), ask("SAP", one("w\u00e9", "5")), ask("SAP", one("We\u0301", "6")),
		ask("sap", one("V", "7")),
	}
}

// transcript is what a simulator with these facts answers to probing.
func transcript(t *testing.T, found ...string) string {
	t.Helper()
	config := Config{Known: []Pair{{"U1", "SAP", "W\u00e9"}, {"", "SAP", "V"}}}
	if err := config.LoadFacts(strings.NewReader(`{"run_id":"x","facts":[` + strings.Join(found, ",") + `]}`)); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, config)
	var all strings.Builder
	for _, q := range probing() {
		all.WriteString(ask(t, s, q) + "\n")
	}
	return all.String()
}

func told(f Switch, finding string) string {
	return fmt.Sprintf(`{"fact":%q,"finding":%q}`, f.Name, finding)
}

// facts are the switches that a probe can find.
func facts() []Switch {
	all := Switches()
	last := slices.IndexFunc(all, func(s Switch) bool { return s.Name == "second-detach" })
	return all[:last+1]
}

// A probe can tell every finding of every fact from the others, whatever one other fact is.
func TestEveryFindingShows(t *testing.T) {
	for _, f := range facts() {
		for _, other := range facts() {
			for _, given := range strings.Split(other.Values, "|") {
				if other.Name == f.Name || meaningless(f, other, given) {
					continue
				}
				beside := []string{told(other, given)}
				if f.Name == "decimals" && other.Name != "percentage" {
					beside = append(beside, `{"fact":"percentage","finding":"rounded"}`)
				}
				seen := make(map[string]string)
				for _, finding := range strings.Split(f.Values, "|") {
					text := transcript(t, append([]string{told(f, finding)}, beside...)...)
					if before, ok := seen[text]; ok {
						t.Errorf("%s: nobody can tell %s from %s where %s is %s", f.Name, before, finding, other.Name, given)
					}
					seen[text] = finding
				}
			}
		}
	}
}

// meaningless says whether a fact means nothing beside a finding of another one.
func meaningless(f, other Switch, given string) bool {
	switch f.Name {
	case "listed":
		return given == "replaces"
	case "decimals":
		return other.Name == "percentage" && (given == "exact" || given == "text")
	}
	return false
}

func TestFactsBeginWithTheDefaults(t *testing.T) {
	var first []string
	for _, f := range facts() {
		first = append(first, told(f, strings.Split(f.Values, "|")[0]))
	}
	if transcript(t, first...) != transcript(t) {
		t.Error("the first findings are not the defaults")
	}
}

func TestLoadFacts(t *testing.T) {
	var c Config
	document := `{"evidence":[],"facts":[{"fact":"repeat","finding":"keeps","consequence":"--repair"},{"fact":"zero","finding":"unknown"},
		{"fact":"id-case","finding":"ignored"},{"fact":"id-form","finding":"exact"},{"fact":"id-sources","finding":"shared"}]}`
	if err := c.LoadFacts(strings.NewReader(document)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.chosen); got != "map[id-case:ignored id-form:exact id-sources:shared repeat:keeps]" {
		t.Errorf("switches %s", got)
	}
	for text, want := range map[string]string{
		`{"facts":[{"fact":"repeat","finding":"maybe"}]}`:                                     `switch "repeat": "maybe" is none of `,
		`{"facts":[{"fact":"zero","finding":"refused"},{"fact":"weather","finding":"fine"}]}`: `unknown switch "weather"`,
		`{}`:          `the document has no "facts"`,
		`{"facts":[}`: "jsontext: ",
	} {
		var c Config
		if err := c.LoadFacts(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
