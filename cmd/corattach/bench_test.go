package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs"
)

// BenchmarkDryRun is the whole main job up to the sending, on rows in random
// order, three to a user. Its time per row, beyond what a run of no rows takes, is
// to stay the same as the rows grow. Ten million rows take a while and 2 GB of
// disk: they are timed when BENCH_ROWS asks for as many.
func BenchmarkDryRun(b *testing.B) {
	most := 1_000_000
	if asked, err := strconv.Atoi(os.Getenv("BENCH_ROWS")); err == nil {
		most = asked
	}
	empty := shuffledRows(b, 0)
	fixed := time.Hour
	for range 20 {
		start := time.Now()
		dryRun(b, empty)
		fixed = min(fixed, time.Since(start))
	}
	for rows := 10_000; rows <= most; rows *= 10 {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			file := shuffledRows(b, rows)
			for b.Loop() {
				dryRun(b, file)
			}
			b.ReportMetric(float64((b.Elapsed()/time.Duration(b.N)-fixed).Nanoseconds())/float64(rows), "ns/row")
		})
	}
}

func dryRun(b *testing.B, file string) {
	runs := b.TempDir()
	a := &app{stdin: nil, stdout: io.Discard, stderr: io.Discard, journalFile: func(f journal.File) journal.File { return f }}
	code := a.run([]string{"import", "--dry-run", "--no-requests", "--allow-empty", "--runs-dir", runs, file})
	if code != pipeline.ExitDone {
		b.Fatalf("exit %d", code)
	}
	if err := os.RemoveAll(runs); err != nil {
		b.Fatal(err)
	}
}

// shuffledRows writes rows of users with three workspaces each, in random order,
// beside two columns that are ignored.
func shuffledRows(b *testing.B, rows int) string {
	path := filepath.Join(b.TempDir(), "rows.csv")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(file)
	fmt.Fprintln(w, "user_id,workspace_id,percentage,source,_name,_mail")
	percentages := []int{50, 30, 20}
	for _, i := range rand.New(rand.NewSource(1)).Perm(rows) {
		user, n := i/3, i%3
		fmt.Fprintf(w, "EMP-%07d,WS-%05d,%d,SAP,Person %07d,p%07d@x.org\n", user, (user*7+n*13)%5000, percentages[n], user, user)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkSend is a whole real run on the embedded simulator without a limit:
// journal, exchanges and reports of requests with three workspaces each.
func BenchmarkSend(b *testing.B) {
	const users = 5_000
	file := shuffledRows(b, 3*users)
	for b.Loop() {
		a := &app{stdin: nil, stdout: io.Discard, stderr: io.Discard, journalFile: func(f journal.File) journal.File { return f }}
		code := a.run([]string{"import", "--simulate", "--rate", "0", "--workers", "16", "--runs-dir", b.TempDir(), file})
		if code != pipeline.ExitDone {
			b.Fatalf("exit %d", code)
		}
	}
	b.ReportMetric(float64(users)*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkReport writes the reports of a run of 300,000 rows again.
func BenchmarkReport(b *testing.B) {
	dir := finishedRun(b, 100_000)
	for b.Loop() {
		benchRun(b, "report", dir)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/300_000, "ns/row")
}

// BenchmarkResume goes on with a run of 300,000 rows that was killed when 99 % of
// them were confirmed, and sends the rest.
func BenchmarkResume(b *testing.B) {
	dir := finishedRun(b, 100_000)
	path := filepath.Join(dir, runs.JournalFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		if err := os.WriteFile(path, whole[:len(whole)/100*99], 0o600); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		benchRun(b, "resume", "--rate", "0", "--workers", "16", dir)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/300_000, "ns/row")
}

// finishedRun sends for users with three rows each and returns the run's
// directory. Its journal is not synced, as nobody pulls the plug.
func finishedRun(b *testing.B, users int) string {
	runs := b.TempDir()
	a := &app{stdin: nil, stdout: io.Discard, stderr: io.Discard, journalFile: func(f journal.File) journal.File { return unsyncedFile{f} }}
	if code := a.run([]string{"import", "--simulate", "--rate", "0", "--workers", "16", "--runs-dir", runs, shuffledRows(b, 3*users)}); code != pipeline.ExitDone {
		b.Fatalf("exit %d", code)
	}
	return filepath.Join(runs, "last")
}

type unsyncedFile struct{ journal.File }

func (unsyncedFile) Sync() error { return nil }

func benchRun(b *testing.B, args ...string) {
	a := &app{stdin: nil, stdout: io.Discard, stderr: io.Discard, journalFile: func(f journal.File) journal.File { return f }}
	if code := a.run(args); code != pipeline.ExitDone {
		b.Fatalf("exit %d", code)
	}
	runtime.GC()
}
