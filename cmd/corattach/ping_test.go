package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

const smallInput = "user_id,workspace_id,percentage,source\nU1,W1,5,SAP\nU2,W1,5,SAP\n"

// heardMonitor is a service of the kind of healthchecks.io that takes down what it
// hears.
type heardMonitor struct {
	mu    sync.Mutex
	heard []call
	rids  map[string]bool
}

type call struct{ path, query, body string }

// pingToken is what must be seen nowhere but in the URL of a ping.
const pingToken = "token-of-the-check"

func newMonitor(t *testing.T) (*heardMonitor, string) {
	m := &heardMonitor{rids: make(map[string]bool)}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return m, server.URL + "/" + pingToken
}

func (m *heardMonitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query := r.URL.Query()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rids[query.Get("rid")] = true
	query.Del("rid")
	c := call{strings.TrimPrefix(r.URL.Path, "/"+pingToken), query.Encode(), string(body)}
	if r.Method != http.MethodPost || !strings.HasPrefix(r.UserAgent(), "corattach/") {
		c.path += " by " + r.Method + " of " + r.UserAgent()
	}
	m.heard = append(m.heard, c)
	fmt.Fprint(w, "OK")
}

// take returns what was heard since the last call, without the numbers of the
// bodies, and requires that all of it has one valid rid.
func (m *heardMonitor) take(t *testing.T) []string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var heard []string
	for _, c := range m.heard {
		line, _, _ := strings.Cut(c.body, "\n")
		heard = append(heard, strings.TrimSpace(c.path+" "+c.query+" "+line))
	}
	canonical := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for rid := range m.rids {
		if len(m.rids) != 1 || !canonical.MatchString(rid) {
			t.Errorf("rids %v", m.rids)
		}
	}
	m.heard = nil
	clear(m.rids)
	return heard
}

const (
	heardDone    = "exit 0: every row is accounted for, and none needs attention"
	heardRefused = "/fail  exit 3: 1 of 3 rows is invalid, more than --max-invalid 10%"
	heardRows    = `/fail  exit 4: 1 row invalid: bad.csv:4: percentage "half" is no plain decimal number; accepted is 0 to 100 with up to four decimals, such as 33.3333 or 50%`
	heardLocked  = "/fail  exit 11: another run is active in runs: which one is not known"
)

// TestPings holds which ends of a command a monitor hears of, and that the URL
// is seen nowhere else.
func TestPings(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	okay(t, os.WriteFile("bad.csv", []byte(smallInput+"U3,W1,half,SAP\n"), 0o600))
	okay(t, os.WriteFile("page.csv", []byte("<html>"), 0o600))
	m, url := newMonitor(t)
	t.Setenv("CORATTACH_PING_URL", url)
	seen := ""
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"import --simulate good.csv", pipeline.ExitDone, []string{"/start", heardDone}},
		{"resume last", pipeline.ExitDone, nil}, // nothing to resume: nobody is told
		{"resume 20200101T000000Z-000000", pipeline.ExitUsage, nil},
		{"report last", pipeline.ExitDone, nil},
		{"import --dry-run good.csv", pipeline.ExitDone, nil},
		{"import --dry-run gone.csv", pipeline.ExitUsage, nil},
		{"import --simulate bad.csv", pipeline.ExitRefused, []string{"/start", heardRefused}},
		{"import --simulate --max-invalid off bad.csv", pipeline.ExitRows, []string{"/start", heardRows}},
		{"import --simulate page.csv", pipeline.ExitRefused, []string{"/start", "/fail  exit 3: page.csv: an HTML page, not a CSV"}},
		{"import --simulate gone.csv", pipeline.ExitUsage, []string{"/fail  exit 2: can't open gone.csv: no such file or directory"}}, // the export that did not come
		{"import --simulate --encoding klingon good.csv", pipeline.ExitUsage, []string{`/fail  exit 2: --encoding: unknown encoding "klingon"`}},
		{"import --simulate --rate=-1 good.csv", pipeline.ExitUsage, nil}, // no command that is understood
		{"import --simulate --ping-url " + url + "?create=1 good.csv", pipeline.ExitDone, []string{"/start create=1", "create=1 " + heardDone}},
		{"import --simulate --ping-url " + url + "/ good.csv", pipeline.ExitDone, []string{"/start", "/ " + " " + heardDone}},
	} {
		got := runHere(append(strings.Fields(c.args), rate0(c.args)...)...)
		if got.code != c.code {
			t.Errorf("%s: exit %d, want %d: %s", c.args, got.code, c.code, got.stderr)
		}
		if diff := cmp.Diff(c.want, m.take(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
		seen += got.stdout + got.stderr
	}
	release := lockRuns(t, "runs")
	got := runHere("import", "--simulate", "good.csv")
	resumed := runHere("resume", "last")
	release()
	if diff := cmp.Diff([]string{heardLocked}, m.take(t)); got.code != pipeline.ExitLocked || resumed.code != pipeline.ExitLocked || diff != "" {
		t.Errorf("locked: exit %d and %d (-want +got):\n%s", got.code, resumed.code, diff)
	}
	okay(t, filepath.WalkDir("runs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var content []byte
			content, err = os.ReadFile(path)
			seen += string(content)
		}
		return err
	}))
	if strings.Contains(seen, pingToken) {
		t.Errorf("the token of the URL is written down or shown:\n%s", seen)
	}
}

func rate0(args string) []string {
	if strings.HasPrefix(args, "import") && !strings.Contains(args, "--rate") {
		return []string{"--rate", "0"}
	}
	return nil
}

// A monitor that is away, refuses, redirects or does not know the check costs a
// warning that does not show the URL, and nothing else.
func TestPingFailsNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		warning string
	}{
		"not found": {http.NotFound, "HTTP 404 Not Found"},
		"unknown":   {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK (not found)") }, "it knows no such check"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere"+r.URL.Path, http.StatusFound)
		}, "HTTP 302 Found: it redirects, which is not followed: give the URL that it leads to"},
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere := false
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				elsewhere = elsewhere || strings.HasPrefix(r.URL.Path, "/elsewhere")
				c.answer(w, r)
			}))
			defer server.Close()
			got := runHere("import", "--simulate", "--rate", "0", "--ping-url", server.URL+"/"+pingToken, "good.csv")
			if got.code != pipeline.ExitDone || strings.Count(got.stderr, c.warning) != 2 || elsewhere {
				t.Errorf("exit %d, followed %v: %s", got.code, elsewhere, got.stderr)
			}
			if strings.Contains(got.stdout+got.stderr, pingToken) {
				t.Errorf("the token is shown: %s", got.stderr)
			}
		})
	}
	for _, wrong := range []string{"hc-ping.com/" + pingToken, "ftp://host/" + pingToken, "https:///" + pingToken, "http://h\x7fost/" + pingToken, "https:" + pingToken} {
		for _, command := range [][]string{{"import", "--simulate", "good.csv"}, {"resume", "last"}} {
			got := runHere(append(command, "--ping-url", wrong)...)
			if got.code != pipeline.ExitUsage || !strings.Contains(got.stderr, "hint: give the URL of the check") || strings.Contains(got.stderr, pingToken) {
				t.Errorf("%q: exit %d: %s", wrong, got.code, got.stderr)
			}
		}
	}
	if got := runHere("import", "--simulate", "--ping-url", "", "good.csv"); got.code != pipeline.ExitUsage {
		t.Errorf("a blank URL: exit %d: %s", got.code, got.stderr)
	}
}

// TestStoppedRunTells: a run that a signal stops still says how it ended, by a
// ping and in the metrics.
func TestStoppedRunTells(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be asked to stop there")
	}
	t.Parallel()
	w := newCrashWorld(t, smallInput, `{"faults": [{"user": "U1", "attempts": [1], "status": 429, "retry_after": 3600}]}`)
	m, url := newMonitor(t)
	file := filepath.Join(t.TempDir(), "x.prom")
	cmd, errs := crashProcess(crashNever, w.args("import", w.file, "--max-wait", "2h", "--metrics-file", file)...)
	cmd.Env = append(cmd.Env, "CORATTACH_PING_URL="+url)
	okay(t, cmd.Start())
	<-w.arrived
	w.settle()
	okay(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	if diff := cmp.Diff([]string{"/start", "/fail  exit 143: stopped by SIGTERM"}, m.take(t)); diff != "" || cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("exit %d (-want +got):\n%s\n%s", cmd.ProcessState.ExitCode(), diff, errs)
	}
	if values := known(t, file); values["run_exit_code"] != 143 || values["run_resumable_rows"] != 2 {
		t.Errorf("%v", values)
	}
}
