package main

import (
	"time"
)

// watchFlags say who learns how a real run goes without being there, and how
// many runs are kept.
type watchFlags struct {
	KeepRuns    int    `group:"Output" default:"0" placeholder:"0" help:"At the end, delete the oldest runs beyond this number, but none that can be resumed; 0 = keep all."`
	MetricsFile string `group:"Output" placeholder:"F.prom" help:"Write metrics of the run for Prometheus' textfile collector; a file for each job."`
	PingURL     string `group:"Output" placeholder:"URL" help:"Call URL/start, and then URL after success or URL/fail, as healthchecks.io expects it. Better set in the environment: others see a command line."`
}

// secretFlags are never written down, nor shown: their values hold a token.
func secretFlags() []string { return []string{"ping-url"} }

// watch is what is done around a real run for those who are not there. A dry
// run has none.
type watch struct {
	watchFlags
	runsDir string
	job     string
	began   time.Time
	ping    *pinger // nil when nobody is pinged
}

// newWatch checks the flags: what is wrong with them is found before a run
// begins.
func newWatch(f watchFlags, runsDir, job string) (*watch, error) {
	w := &watch{watchFlags: f, runsDir: runsDir, job: job, began: time.Now()}
	if f.KeepRuns < 0 {
		return nil, usage("use 0 to keep all", "--keep-runs: %d is negative", f.KeepRuns)
	}
	if f.PingURL != "" {
		ping, err := newPinger(f.PingURL)
		if err != nil {
			return nil, usage("give the URL of the check as its service shows it, such as https://hc-ping.com/UUID", "--ping-url: %w", err)
		}
		w.ping = ping
	}
	if f.MetricsFile != "" {
		if err := checkMetrics(f.MetricsFile, job); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// keepAll lets no run be deleted: the ledger has not read all that they have sent.
func (w *watch) keepAll() { w.KeepRuns = 0 }

// start says that the run begins. It does not wait for an answer.
func (w *watch) start(a *app) {
	if w.ping != nil {
		w.ping.start(a.ctx)
	}
}

// ended is the last thing before a run's last line, and happens once: old runs
// go, the metrics are written, and whoever is pinged hears of it. o is nil for a
// run that came to no report; the lock is held only when it is not. What fails
// here is a warning.
func (w *watch) ended(a *app, con *console, code int, o *outcome) {
	a.watch = nil
	if w.KeepRuns > 0 && o != nil {
		gone, err := keepRuns(w.runsDir, w.KeepRuns, o.RunID)
		if err != nil {
			con.warn("old runs could not all be deleted: " + err.Error())
		}
		if gone > 0 {
			con.log.Info().Int("deleted_runs", gone).Msg("old runs are deleted")
		}
	}
	m := metrics{job: w.job, end: time.Now(), duration: time.Since(w.began), code: code}
	if o != nil {
		m.run = &o.Summary
	}
	if w.MetricsFile != "" && w.mayWriteMetrics(o != nil) {
		if err := writeMetrics(w.MetricsFile, m); err != nil {
			con.warn("no metrics are written: " + err.Error())
		}
	}
	if w.ping != nil {
		for _, err := range w.ping.end(a.ctx, a.cut, code, m.text()) {
			con.warn("--ping-url: " + err.Error())
		}
	}
}

// mayWriteMetrics reports whether no other run is going to write them: this one
// could put back the time of an older success than that one's. locked says that
// the runs directory is this process's; otherwise the lock is only looked at, as
// holding it could keep a run from its night.
func (w *watch) mayWriteMetrics(locked bool) bool {
	if locked || w.runsDir == "" || !exists(w.runsDir) {
		return true
	}
	l, err := lock(w.runsDir)
	if err != nil {
		return explain(err).code != exitLocked
	}
	_ = l.Close()
	return true
}
