package main

import (
	"bytes"
	"fmt"
	"strings"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline/cor/corsim"
)

const description = `Import rows of user, workspace and percentage into COR, and report what COR made of each of them.

Every flag can also be set by an environment variable, such as CORATTACH_MAX_INVALID=10%,
or in the file that --config names, by a line such as max-invalid: 10%.
` + credentialsHelp

// credentialsHelp stands above the examples of the commands that ask COR.
const credentialsHelp = `Credentials come from COR_API_KEY with COR_CLIENT_SECRET, from COR_ACCESS_TOKEN, or from --token-file.
Each of the three variables can be replaced by COR_API_KEY_FILE, COR_CLIENT_SECRET_FILE or COR_ACCESS_TOKEN_FILE, which names the file that holds it.`

// programDetail is what the help of the program says below its description.
const programDetail = `Examples:
  corattach import --dry-run staff.csv
  corattach auth check
  corattach import --canary 5 staff.csv
  corattach resume last

Exit codes:
    0  every row is accounted for and matched, unchanged, duplicate, detached or planned
    1  internal error, a report that can't be written, or broken accounting
    2  wrong usage or configuration, or a file that can't be opened
    3  the input was refused; nothing was sent
    4  some rows failed, or are unknown, invalid, held, protected or not sent
    5  some rows are mismatched, missing or still attached; of diff: something changed
    6  stopped by a guard, such as --canary or --max-drop
    7  the credentials were refused
    8  COR is unavailable, can't be trusted, or throttled for longer than --max-wait
   11  another run holds the lock
  129, 130, 143  stopped by SIGHUP, SIGINT or SIGTERM; resume goes on`

// details are what the help of a command says below its description.
func details() map[string]string {
	return map[string]string{
		"": programDetail,

		"import": `Examples:
  corattach import --dry-run staff.csv
  corattach import --canary 5 --rate 5 staff.csv contractors.csv.gz
  corattach import --config samples/config/nightly.yaml staff.csv`,

		"detach": `Each row names a pair: a user's workspace under a source. The columns are user_id, workspace_id and source; others are ignored,
so that the vanished.csv of an import can be given as it is, or cut down. A pair that may still be wanted is protected: it is
not sent, and the report says why.

Examples:
  corattach detach --dry-run runs/last/vanished.csv
  corattach detach --max-detach 20 leavers.csv`,

		"resume": `Input, checks, grouping and nightly settings are those of the run; they can't be changed. A flag below that is not given now has the
value that it had in the run's last session.

Examples:
  corattach resume last`,

		"report": `Examples:
  corattach report last
  corattach report --json runs/20261123T031500Z-ab12cd`,

		"runs": `Examples:
  corattach runs
  corattach runs --json --runs-dir /var/lib/corattach/runs`,

		"explain": `It reads the run's journal and input and changes nothing; it may be asked while the run is active. It ends with 0
whatever the verdicts are, and with 2 when no row of the run names the user.

Examples:
  corattach explain last OKTA-1001
  corattach explain last -- -1001`,

		"diff": `Rows are joined by user, workspace and source; duplicates collapse. The input has changed when a pair was added or removed,
its percentage differs, or it is invalid or held in one run alone. COR has changed when it was asked in both runs and the
status or the percentage it returned differs. The summary comes last. A real run is compared by its journal, a dry run by its
reports. It ends with 0 when nothing changed, with 5 when something did.

Examples:
  corattach diff --stat 20261122T031500Z-c0ffee last
  corattach diff --format csv last runs/20261123T190000Z-ab12cd >changes.csv`,

		"simulate": `Examples:
  corattach simulate --set percentage=rounded
  corattach simulate --known samples/known.csv --script samples/faults/throttle-date.json --log requests.jsonl

Switches of --set (the default first):
` + switches(),

		"probe": `It prints what it finds, and which flags follow from that. It attaches and detaches the two workspaces, and takes away at the
end what it has attached; if it was stopped or killed, corattach resume does that. It keeps what it finds in facts.json:
corattach simulate --facts behaves like that COR.

Examples:
  corattach probe --simulate --user U-1 --workspace W-1 --workspace W-2 --source SAP
  corattach probe --user test-user --workspace test-a --workspace test-b --source SAP --yes`,

		"auth": `Examples:
  corattach auth check`,

		"auth check": `Makes a token, where the credentials are a key and a secret, and asks COR whose it is (GET /v1/me). Nothing is changed at COR, and the Integrations API is not asked.

Examples:
  corattach auth check
  corattach auth check --token-file token.txt --json`,

		"completion": `The script calls corattach itself, which has to be on PATH or named by its path.

Examples:
  source <(corattach completion bash)       # in ~/.bashrc
  source <(corattach completion zsh)        # in ~/.zshrc, after compinit
  corattach completion fish | source        # in ~/.config/fish/config.fish`,

		"version": `Examples:
  corattach version`,
	}
}

// switches lists those of the simulator.
func switches() string {
	var text strings.Builder
	for _, s := range corsim.Switches() {
		fmt.Fprintf(&text, "  %s=%s\n      %s\n", s.Name, s.Values, s.Doc)
	}
	return text.String()
}

type manCommand struct{}

// Run prints the man page, which packages hold: what the help says of each command,
// as it stands. The page has the date of the commit: the same source makes the same
// page.
func (*manCommand) Run(a *app) error {
	version, _, at := built()
	date, _, _ := strings.Cut(at, "T")
	page := new(bytes.Buffer)
	fmt.Fprintf(page, ".TH CORATTACH 1 %q %q\n.SH NAME\ncorattach \\- import rows into COR\n", date, "corattach "+version)
	parser, err := a.parser(new(settings.Settings), func(int) {})
	if err != nil {
		return err
	}
	section := func(kind, name string, words ...string) {
		parser.Stdout = new(bytes.Buffer)
		_, _ = parser.Parse(append(words, "--help"))
		fmt.Fprintf(page, "%s %s\n.nf\n%s.fi\n", kind, roff(name), roff(fmt.Sprint(parser.Stdout)))
	}
	section(".SH", "DESCRIPTION")
	fmt.Fprintln(page, ".SH COMMANDS")
	for _, command := range parser.Model.Leaves(true) {
		section(".SS", command.Path(), strings.Fields(command.Path())...)
	}
	return a.console.Result(page.Bytes())
}

// roff escapes a text.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'").Replace(text)
}
