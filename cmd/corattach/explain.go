package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/reader"
	"corattach/report"
)

type explainCommand struct {
	Run_ string    `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	User userBytes `arg:"" name:"user-id" help:"The user's id, byte for byte; -- goes before one that begins with a hyphen."`
	JSON bool      `group:"Output" name:"json" help:"Print the story as one JSON document."`
	storyFlags
}

// storyFlags are the flags of commands that only read.
type storyFlags struct {
	RunsDir   string `group:"Output" default:"runs" placeholder:"runs" help:"Where runs keep their directories."`
	LogFormat string `group:"Output" enum:"auto,console,json" default:"auto" placeholder:"auto" help:"Of standard error. auto: console, in colour on a terminal; console; or json."`
}

func (f *storyFlags) console(a *app) *console {
	return a.newConsole(&outputFlags{logFlags: logFlags{f.LogFormat, "info"}})
}

// userBytes is a user id as it is given, byte for byte.
type userBytes filePath

// Decode takes the next word of the command line.
func (u *userBytes) Decode(ctx *kong.DecodeContext) error { return (*filePath)(u).Decode(ctx) }

// Help is shown below the flags.
func (*explainCommand) Help() string {
	return `It reads the run's journal and input and changes nothing; it may be asked while the run is active. It ends with 0
whatever the verdicts are, and with 2 when no row of the run names the user.

Examples:
  corattach explain last OKTA-1001
  corattach explain --json 20261123T031500Z-ab12cd OKTA-1001
  corattach explain last -- -1001`
}

// Run tells everything about one user in a run.
func (c *explainCommand) Run(a *app) error {
	user := pipeline.UserID(strings.Trim(string(c.User), " \t"))
	if user == "" {
		return usage("name a user as the input has it", "USER_ID is blank")
	}
	dir, err := findRunDir(c.RunsDir, c.Run_)
	if err != nil {
		return err
	}
	if !exists(filepath.Join(dir, journalFile)) {
		return usage("a dry run keeps none: its rows are in "+filepath.Join(dir, report.ReconciliationFile)+
			", its requests in "+report.RequestsFile+". A real run has none before its input is read", "%s has no journal", dir)
	}
	con := c.console(a)
	story, s, err := a.tell(dir, user)
	if err != nil {
		return err
	}
	if c.JSON {
		err = story.Encode(a.out)
	} else {
		err = story.Text(a.out)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) { // nobody reads on: what was wanted was read
		return err
	}
	worst := "the worst is " + story.Status
	if len(s.Lines) == 0 {
		worst = count(int64(len(s.Vanished)), "vanished pair")
	}
	con.last(exitDone, fmt.Sprintf("%s of user %q: %s", count(int64(len(s.Lines)), "row"), user, worst), nil)
	return nil
}

// tell reads what a run holds of one user. It writes nothing and takes no lock.
func (a *app) tell(dir string, user pipeline.UserID) (*report.Story, *pipeline.Story, error) {
	account, err := journal.ReadUser(filepath.Join(dir, journalFile), user)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	in := kept(dir, account.Header.Inputs)
	rules, err := compile(account.Header.Settings, in.names())
	if err != nil {
		return nil, nil, err
	}
	search := search{user: user}
	inputs, err := search.read(a.ctx, in, rules.read)
	if err == nil {
		err = sameInputs(dir, account.Header.Inputs, inputs)
	}
	if err != nil {
		return nil, nil, err
	}
	if len(search.rows) == 0 && len(account.Vanished) == 0 {
		return nil, nil, usage(search.hint(), "no row of %s names user %q", dir, user)
	}
	s, err := pipeline.Tell(a.ctx, search.rows, account.Attempts, account.Vanished, rules.plan, factsOf(account.Log).ending())
	if err != nil {
		return nil, nil, err
	}
	story := report.NewStory(user, s, in.names())
	tellRun(story, account, runState(dir, account.Log))
	story.Notes = append(story.Notes, search.notes(in.names())...)
	story.Next = nextSteps(dir, account, story, s)
	return story, s, nil
}

// runState says how far a run is known to have come.
func runState(dir string, log *journal.Log) report.RunState {
	switch {
	case log.End != nil:
		return report.RunEnded
	case active(filepath.Dir(dir)):
		return report.RunOpen
	}
	return report.RunKilled
}

// tellRun sets down what is to be said of the run.
func tellRun(story *report.Story, account *journal.Account, state report.RunState) {
	f := factsOf(account.Log)
	story.RunID, story.Job, story.Target = f.header.RunID, f.header.Job, targetOf(f.header).String()
	story.StartedAt, story.State, story.LastAt = report.Moment(f.header.At), state, report.Moment(f.finished)
	if account.End != nil {
		story.Stop, story.Reason = account.End.Stop.String(), account.End.Reason
	}
	for i, session := range account.Sessions {
		told := report.StorySession{
			BeganAt: report.Moment(session.At), Version: session.Version, Flags: append([]string{}, session.Flags...),
		}
		if end := account.Ends[i]; end != nil {
			told.EndedAt, told.Stop, told.Reason = report.Moment(end.At), end.Stop.String(), end.Reason
		}
		story.Sessions = append(story.Sessions, told)
	}
}

// search goes through the input of a run for the rows of one user.
type search struct {
	user     pipeline.UserID
	rows     []pipeline.Row   // that name the user
	nameless []pipeline.Place // the first rows whose user is not known
	unknown  int              // all of those
	alike    []pipeline.UserID
}

const (
	namelessShown = 3
	alikeShown    = 3
)

// read reads all files once. The error is the reader's.
func (s *search) read(ctx context.Context, in *intake, options reader.Options) ([]reader.Input, error) {
	scan := reader.New(in.again(), options)
	look := newLook(string(s.user))
	for batch, err := range scan.Rows(ctx) {
		if err != nil {
			return nil, err
		}
		for i := range batch {
			row := &batch[i]
			switch {
			case row.User == s.user, row.User == "" && strings.Trim(row.Cells.User, " \t") == string(s.user):
				s.rows = append(s.rows, *row)
			case row.User == "":
				if s.unknown++; s.unknown <= namelessShown {
					s.nameless = append(s.nameless, row.Place)
				}
			case len(s.rows) == 0 && len(s.alike) < alikeShown && look.alike(string(row.User)) && !slices.Contains(s.alike, row.User):
				s.alike = append(s.alike, row.User)
			}
		}
	}
	return scan.Inputs(), nil
}

// hint names ids that may be meant.
func (s *search) hint() string {
	if len(s.alike) == 0 {
		return "USER_ID is the exact id, byte for byte, as it stands in users.csv"
	}
	var ids []string
	for _, id := range s.alike {
		ids = append(ids, fmt.Sprintf("%q", id))
	}
	return "USER_ID is the exact id, byte for byte; the run has " + strings.Join(ids, ", ")
}

// notes tell of rows that nobody can assign to a user.
func (s *search) notes(files []string) []string {
	if s.unknown == 0 {
		return nil
	}
	var places []string
	for _, p := range s.nameless {
		places = append(places, fmt.Sprintf("%s:%d", files[p.File], p.Line))
	}
	if s.unknown > len(places) {
		places = append(places, "…")
	}
	return []string{fmt.Sprintf("no user is known for %s of the input (%s): this one may be meant",
		count(int64(s.unknown), "row"), strings.Join(places, ", "))}
}
