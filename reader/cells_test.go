package reader

import (
	"fmt"
	"strings"
	"testing"

	"corattach/pipeline"
)

func TestPercentages(t *testing.T) {
	const accepted = "; accepted is 0 to 100 with up to four decimals, such as 33.3333 or 50%"
	for cell, want := range map[string]string{
		"0": "", "100": "", "100.0000": "", "010": "", "33.3333": "", "50%": "", "50 %": "", "  7 ": "",
		"33.33330000000": "", "50.000000%": "", "50\u00a0%": "", "50\u202f%": "", "50\u2007%": "", "000000000000000000000000050": "",
		"":                       `percentage "" is blank`,
		" ":                      `percentage "" is blank`,
		"1e2":                    `percentage "1e2" is no plain decimal number`,
		"1E-2":                   `percentage "1E-2" is no plain decimal number`,
		"NaN":                    `percentage "NaN" is no plain decimal number`,
		"0x10":                   `percentage "0x10" is no plain decimal number`,
		"1,000":                  `percentage "1,000" has a comma: a thousands separator is not accepted, a decimal comma only with --decimal-comma`,
		"1,000.5":                `percentage "1,000.5" has a comma: a thousands separator is not accepted, a decimal comma only with --decimal-comma`,
		"33,5":                   `percentage "33,5" has a decimal comma, which only --decimal-comma accepts`,
		"33,5 %":                 `percentage "33,5 %" has a decimal comma, which only --decimal-comma accepts`,
		"5.":                     `percentage "5." is no plain decimal number`,
		".5":                     `percentage ".5" is no plain decimal number`,
		"+5":                     `percentage "+5" is no plain decimal number`,
		"\uff15":                 `percentage "５" is no plain decimal number`,
		"-5":                     `percentage "-5" is no plain decimal number`,
		"101":                    `percentage "101" is over 100`,
		"100.0001":               `percentage "100.0001" is over 100`,
		"99999999999999999999":   `percentage "99999999999999999999" is over 100`,
		"1.23456":                `percentage "1.23456" has more decimals than are accepted`,
		"50  %":                  `percentage "50  %" is no plain decimal number`,
		"50\u00a0 %":             `percentage "50\u00a0 %" is no plain decimal number`,
		"50\u3000%":              `percentage "50\u3000%" is no plain decimal number`,
		"50\u00a0":               `percentage "50\u00a0" is no plain decimal number`,
		"33.333300001":           `percentage "33.333300001" has more decimals than are accepted`,
		"0,500":                  `percentage "0,500" has a decimal comma, which only --decimal-comma accepts`,
		"%":                      `percentage "%" is no plain decimal number`,
		"5 0":                    `percentage "5 0" is no plain decimal number`,
		"50%%":                   `percentage "50%%" is no plain decimal number`,
		strings.Repeat("9x", 99): `percentage "` + strings.Repeat("9x", 32) + `"… is no plain decimal number`,
	} {
		row := mustRead(t, header+`U1,W1,"`+cell+`",SAP`, options()).rows[0]
		if want != "" {
			want += accepted
		}
		if row.Problem != want || row.User != "U1" {
			t.Errorf("%q: %q, want %q", cell, row.Problem, want)
		}
	}
}

func TestDecimalComma(t *testing.T) {
	opts := options()
	opts.DecimalComma = true
	const accepted = "; accepted is 0 to 100 with up to four decimals after a comma, such as 33,3333 or 50%"
	g := mustRead(t, "user_id;workspace_id;percentage;source\nU;W;33,3333;SAP\nU;W;33.3;SAP\nU;W;5,;SAP\nU;W;101,5 %;SAP\n", opts)
	if g.rows[0].Percent != 333333 || g.rows[0].Problem != "" {
		t.Errorf("%+v", g.rows[0])
	}
	for i, want := range []string{`"33.3" is no plain decimal number`, `"5," is no plain decimal number`, `"101,5 %" is over 100`} {
		equal(t, "percentage "+want+accepted, g.rows[i+1].Problem)
	}
}

func TestIDs(t *testing.T) {
	long := strings.Repeat("x", 256)
	for cell, want := range map[string]string{
		long[:255]:   "",
		"007":        "",
		"a b":        "",
		"Ж日本":        "",
		"\u1160":     "",
		"":           "%s is blank",
		" \t":        "%s is blank",
		long:         `%s "` + long[:64] + `"… has 256 bytes, 255 are allowed`,
		"Jos\xe9":    `%s "Jos\xe9" is not valid UTF-8; name the encoding of the file with --encoding`,
		"a\x01":      `%s "a\x01" has U+0001, a control character`,
		"a\rb":       `%s "a\rb" has U+000D, a control character`,
		"a\tb":       `%s "a\tb" has U+0009, a control character`,
		"\x7f":       `%s "\x7f" has U+007F, a control character`,
		"a\u0085":    `%s "a\u0085" has U+0085, a control character`,
		"a\u200bb":   `%s "a\u200bb" has U+200B, an invisible character`,
		"\u00ada":    `%s "\u00ada" has U+00AD, an invisible character`,
		"\ufeffa":    `%s "\ufeffa" has U+FEFF, an invisible character`,
		"a\u2028":    `%s "a\u2028" has U+2028, an invisible character`,
		"a\u2029":    `%s "a\u2029" has U+2029, an invisible character`,
		"\u3164":     `%s "` + "\u3164" + `" has U+3164, an invisible character`,
		"\u115f":     `%s "` + "\u115f" + `" has U+115F, an invisible character`,
		"\u2800":     `%s "` + "\u2800" + `" has U+2800, an invisible character`,
		"a\u00a0":    `%s "a\u00a0" has U+00A0, a blank that is no plain space`,
		"\u3000a":    `%s "\u3000a" has U+3000, a blank that is no plain space`,
		"a\u1680b":   `%s "a\u1680b" has U+1680, a blank that is no plain space`,
		"\U000e0001": `%s "\U000e0001" has U+E0001, an invisible character`,
		"#N/A":       `%s "#N/A" is an error that a spreadsheet has left`, "#NV": `%s "#NV" is an error that a spreadsheet has left`,
		"#REF!": `%s "#REF!" is an error that a spreadsheet has left`, "#DIV/0!": `%s "#DIV/0!" is an error that a spreadsheet has left`,
		"#¿NOMBRE?": `%s "#¿NOMBRE?" is an error that a spreadsheet has left`, "#¡REF!": `%s "#¡REF!" is an error that a spreadsheet has left`,
		"#ССЫЛКА!": `%s "#ССЫЛКА!" is an error that a spreadsheet has left`, "#GETTING_DATA!": `%s "#GETTING_DATA!" is an error that a spreadsheet has left`,
		"#N/A!x": "", "#ref!": "", "#!": "", "#": "", "#NAME": "", "N/A": "", "#N/D": "", "=1": "",
		`=""1""`:     `%s "=\"1\"" is a formula that a spreadsheet has put around the id`,
		"lost\ufffd": "%s \"lost\ufffd\" has U+FFFD, in place of a letter that was lost before",
	} {
		for i, column := range []string{"user_id", "workspace_id"} {
			ids := []string{"U1", "W1"}
			ids[i] = cell
			row := mustRead(t, header+`"`+ids[0]+`","`+ids[1]+`",5,SAP`, options()).rows[0]
			problem := want
			if want != "" {
				problem = fmt.Sprintf(want, column)
			}
			if row.Problem != problem || (row.User != "") != (want == "" || i == 1) {
				t.Errorf("%s %q: %q, want %q; user %q", column, cell, row.Problem, problem, row.User)
			}
		}
	}
}

func TestDotUsers(t *testing.T) {
	g := mustRead(t, header+".,W,5,SAP\n..,W,5,SAP\n...,.,5,SAP\n", options())
	equal(t, `user_id "." can't stand in a URL path`, g.rows[0].Problem)
	equal(t, `user_id ".." can't stand in a URL path`, g.rows[1].Problem)
	equal(t, "", g.rows[2].Problem)
	equal(t, []string{"2 records without a known user; the first is at in.csv:2: users may be sent in part"}, g.warnings)
	equal(t, 2, g.nobodys)
}

func TestSources(t *testing.T) {
	for cell, want := range map[string]string{
		"SAP": "", "sap": "", " Microsoft_Teams\t": "",
		"":                "source is blank; --source NAME fills it",
		"ACME":            `source "ACME" is not known; --allow-source NAME accepts another one`,
		"ſap":             `source "ſap" is not known; is SAP meant?`,
		"GITHUP":          `source "GITHUP" is not known; is GITHUB meant?`,
		"microsoft teams": `source "microsoft teams" is not known; is MICROSOFT_TEAMS meant?`,
		"Jria":            `source "Jria" is not known; is JIRA meant?`,
		"S\xe4P":          `source "S\xe4P" is not valid UTF-8; name the encoding of the file with --encoding`,
	} {
		row := mustRead(t, header+"U1,W1,60,"+cell, options()).rows[0]
		if row.Problem != want || want == "" && row.Source != pipeline.Source(strings.ToUpper(strings.TrimSpace(cell))) {
			t.Errorf("%q: %+v, want %q", cell, row, want)
		}
	}
}

func TestFirstProblemOfARow(t *testing.T) {
	g := mustRead(t, "source,percentage,workspace_id,user_id\nx,x,,\nx,x,,U\nx,x,W,U\nx,5,W,U\n", options())
	for i, want := range []string{"user_id is blank", "workspace_id is blank", `percentage "x"`, `source "x"`} {
		if !strings.HasPrefix(g.rows[i].Problem, want) {
			t.Errorf("%q, want %q", g.rows[i].Problem, want)
		}
	}
	if g.rows[3].Percent != 50_000 || g.rows[3].Workspace != "W" {
		t.Errorf("%+v", g.rows[3])
	}
}

func TestExponentLook(t *testing.T) {
	for id, want := range map[string]bool{
		"1E+05": true, "1.23E+11": true, "1,23E+11": true, "9e9": true,
		"1E": false, "E5": false, "1E-5": false, "1.E5": false, "1E5x": false, "15": false, "1.5": false, "1.": false, "": false, "1E+": false,
	} {
		warned := strings.Contains(strings.Join(mustRead(t, header+`"`+id+`",W,5,SAP`, options()).warnings, ""), "a spreadsheet has shortened")
		if warned != want {
			t.Errorf("%q: %v", id, warned)
		}
	}
}
