package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"corattach/pipeline"
)

// disk is a File in memory that knows what a loss of power would leave of it.
type disk struct {
	mu      sync.Mutex
	data    []byte
	durable int // bytes
	syncs   int
	closed  bool

	room     int           // bytes that fit; negative = all
	short    bool          // a write that does not fit returns no error
	took     time.Duration // by a sync
	syncFail func(n int) error
}

func endless() *disk { return &disk{room: -1} }

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.room >= 0 && len(d.data)+len(p) > d.room {
		n := d.room - len(d.data)
		d.data = append(d.data, p[:n]...)
		if d.short {
			return n, nil
		}
		return n, syscall.ENOSPC
	}
	d.data = append(d.data, p...)
	return len(p), nil
}

func (d *disk) Sync() error {
	d.mu.Lock()
	n, syncs := len(d.data), d.syncs
	d.syncs++
	d.mu.Unlock()
	time.Sleep(d.took)
	if d.syncFail != nil {
		if err := d.syncFail(syncs); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.durable = max(d.durable, n)
	return nil
}

func (d *disk) Truncate(int64) error { return errors.New("not asked for") }

func (d *disk) Close() error {
	d.closed = true
	return nil
}

// now returns what the death of the process would leave, and what a loss of power
// would leave at least.
func (d *disk) now() (written, durable []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.data), slices.Clone(d.data[:d.durable])
}

// on creates a journal on a disk.
func on(t testing.TB, d *disk) (*Journal, error) {
	path := filepath.Join(os.TempDir(), "journal-"+rand.Text())
	return Create(path, header(), func(real File) File {
		check(t, errors.Join(real.Close(), os.Remove(path)))
		return d
	})
}

// working returns a journal on a disk that may send.
func working(t testing.TB, d *disk) *Journal {
	j := must(on(t, d))(t)
	check(t, j.Plan(Plan{}))
	check(t, j.Session(Session{At: epoch}))
	return j
}

// reread writes a file and reads it as a journal.
func reread(t testing.TB, data []byte) (*Log, []pipeline.Exchange) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	check(t, os.WriteFile(path, data, 0o600))
	log := read(t, path)
	return log, exchanges(t, log)
}

// Attempts that begin while a sync is under way share the next one: none
// returns after the sync that may have missed it, and none needs a third. Ends do
// not wait for any.
func TestAttemptsShareASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const others, took = 100, time.Second
		d := endless()
		j := working(t, d)
		before := d.syncs
		d.took = took
		began := time.Now()
		var group sync.WaitGroup
		start := func(user int) {
			group.Go(func() {
				if err := begin(j, fmt.Sprint(user)); err != nil {
					t.Error(err)
				}
				if want := min(user+1, 2) * int(took); time.Since(began) != time.Duration(want) {
					t.Errorf("attempt %d has begun after %v", user, time.Since(began))
				}
			})
		}
		start(0)
		synctest.Wait()
		for i := range others {
			start(i + 1)
		}
		synctest.Wait()
		check(t, j.End(refused(1, "0")))
		if written, _ := d.now(); time.Since(began) != 0 || !bytes.Contains(written, []byte(`{"type":"end","n":1`)) {
			t.Errorf("an end waited %v for a sync, or is not written", time.Since(began))
		}
		group.Wait()
		if d.syncs-before != 2 {
			t.Errorf("%d syncs for one attempt and %d that began meanwhile", d.syncs-before, others)
		}
		_, durable := d.now()
		if _, all := reread(t, durable); len(all) != others+1 {
			t.Errorf("%d attempts would survive a loss of power", len(all))
		}
	})
}

// What Begin has returned would survive a loss of power at that moment, and an
// End one after the next Begin, whoever else writes at the same time. The death of
// the process takes no record whose call has returned.
func TestBegunIsDurable(t *testing.T) {
	d := endless()
	j := working(t, d)
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			user := fmt.Sprintf("U%d-", worker)
			for i := range 25 {
				number, err := j.Begin(attemptOf(user + fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
					return
				}
				_, durable := d.now()
				if !bytes.Contains(durable, fmt.Appendf(nil, `{"type":"begin","n":%d,`, number)) {
					t.Errorf("attempt %d has begun and would not survive", number)
				}
				if i > 0 && !bytes.Contains(durable, fmt.Appendf(nil, `"message":"%s%d"`, user, i-1)) {
					t.Errorf("the end of %s%d would not survive although another attempt has begun", user, i-1)
				}
				e := refused(number, user)
				e.Fault.Message = user + fmt.Sprint(i)
				if err := j.End(e); err != nil {
					t.Error(err)
				}
				if written, _ := d.now(); !bytes.Contains(written, fmt.Appendf(nil, `"message":"%s%d"`, user, i)) {
					t.Errorf("the end of %s%d would not survive the process", user, i)
				}
			}
		})
	}
	group.Wait()
	check(t, j.Close())
	_, durable := d.now()
	if _, all := reread(t, durable); len(all) != 16*25 || slices.ContainsFunc(all, func(e pipeline.Exchange) bool { return e.Fault == nil }) {
		t.Errorf("%d attempts of %d, or not all have an end", len(all), 16*25)
	}
}

// The plan and the end of a session survive a loss of power too.
func TestPlanAndFinishAreDurable(t *testing.T) {
	d := endless()
	j := must(on(t, d))(t)
	check(t, j.Decide(decisionsOf("U")))
	check(t, j.Plan(Plan{Digest: "sha256:1"}))
	_, durable := d.now()
	if log, _ := reread(t, durable); log.Plan == nil || len(allDecisions(t, log)) != 1 {
		t.Error("the plan would not survive")
	}
	check(t, j.Session(Session{At: epoch}))
	check(t, j.Finish(End{At: epoch}))
	_, durable = d.now()
	if log, _ := reread(t, durable); len(log.Sessions) != 1 || log.Sessions[0].End == nil {
		t.Error("the end would not survive")
	}
}

// script runs a fixed sequence of calls and returns the errors of each, and the
// exchanges whose calls all succeeded. Calls go on after an error, as they would
// in several goroutines.
func script(j *Journal) (errs []error, kept []pipeline.Exchange) {
	do := func(err error) bool {
		errs = append(errs, err)
		return err == nil
	}
	do(j.Decide(decisionsOf("A")))
	do(j.Plan(Plan{}))
	do(j.Session(Session{At: epoch}))
	for _, e := range []pipeline.Exchange{answered(1, "A"), refused(2, "B"), answered(3, "C")} {
		_, err := j.Begin(e.Attempt)
		if do(err) && do(j.End(e)) {
			kept = append(kept, e)
		}
	}
	do(begin(j, "D"))
	do(j.Finish(End{At: epoch}))
	return errs, kept
}

// sticks checks that nothing succeeds after the first error, which all later
// calls return.
func sticks(t *testing.T, errs []error, first error) {
	t.Helper()
	var stuck error
	for i, err := range errs {
		if stuck == nil {
			stuck = err
		}
		if stuck != nil && (!errors.Is(err, first) || err != stuck) {
			t.Errorf("call %d after an error: %v, want %v", i, err, stuck)
		}
	}
	if stuck == nil {
		t.Errorf("no call failed")
	}
}

// The disk is full after n bytes, for every n: the first error poisons the
// journal, nothing is written after it, and what succeeded is read again.
func TestDiskFullAtEveryByte(t *testing.T) {
	whole := endless()
	if errs, _ := script(must(on(t, whole))(t)); errors.Join(errs...) != nil {
		t.Fatal(errors.Join(errs...))
	}
	for room := range len(whole.data) {
		for _, short := range []bool{false, true} {
			if short && room%10 > 0 {
				continue
			}
			d := &disk{room: room, short: short}
			want := map[bool]error{false: syscall.ENOSPC, true: io.ErrShortWrite}[short]
			j, err := on(t, d)
			if err != nil {
				if !errors.Is(err, want) || !d.closed {
					t.Fatalf("%d bytes: %v, closed %v", room, err, d.closed)
				}
				continue
			}
			errs, kept := script(j)
			sticks(t, errs, want)
			if err := j.Close(); !errors.Is(err, want) || !d.closed {
				t.Errorf("%d bytes: close: %v, closed %v", room, err, d.closed)
			}
			if len(d.data) != room {
				t.Fatalf("%d bytes written where %d fit", len(d.data), room)
			}
			if room%11 > 0 && room < len(whole.data)-20 {
				continue // reading at every byte is TestTornAtEveryByte
			}
			log, all := reread(t, d.data)
			ended := slices.DeleteFunc(all, func(e pipeline.Exchange) bool { return e.Answer == nil && e.Fault == nil })
			if diff := cmp.Diff(kept, ended, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%d bytes: %s", room, diff)
			}
			if len(log.Sessions) > 0 && log.Sessions[0].End != nil {
				t.Fatalf("%d bytes: the run counts as finished", room)
			}
		}
	}
}

// The n-th sync fails, for every n: no later call succeeds, not even that
// of an attempt which was durable before, and none hangs.
func TestFailingSync(t *testing.T) {
	broken := errors.New("input/output error")
	for at := range 6 {
		d := endless()
		d.syncFail = func(n int) error {
			if n == at {
				return broken
			}
			return nil
		}
		j, err := on(t, d)
		if at == 0 {
			if !errors.Is(err, broken) || !d.closed {
				t.Errorf("the header's sync: %v, closed %v", err, d.closed)
			}
			continue
		}
		check(t, err)
		errs, kept := script(j)
		sticks(t, errs, broken)
		if len(kept) != max(0, min(at-2, 3)) {
			t.Errorf("sync %d failed, and %d exchanges were kept", at, len(kept))
		}
		if err := j.Close(); !errors.Is(err, broken) || !d.closed {
			t.Errorf("close: %v, closed %v", err, d.closed)
		}
	}
}

// A sync that fails fails for all that wait for it.
func TestFailingSyncOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("input/output error")
		d := endless()
		j := working(t, d)
		before := d.syncs
		d.took = time.Second
		d.syncFail = func(int) error { return broken }
		const attempts = 20
		returned := make(chan error, attempts)
		for i := range attempts {
			go func() { returned <- begin(j, fmt.Sprint(i)) }()
		}
		for range attempts {
			if err := <-returned; !errors.Is(err, broken) {
				t.Errorf("an attempt returned %v", err)
			}
		}
		if d.syncs-before != 1 {
			t.Errorf("%d syncs: after a failed one nothing is certain, and no other may be tried", d.syncs-before)
		}
		if err := j.End(refused(1, "0")); !errors.Is(err, broken) {
			t.Errorf("an end after a failed sync: %v", err)
		}
	})
}

func TestFailingFiles(t *testing.T) {
	j, path := created(t)
	check(t, j.file.Close())
	if err := j.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closing a closed file: %v", err)
	}
	log := read(t, path)
	check(t, os.Remove(path))
	if _, err := log.Continue(nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("going on in a file that is gone: %v", err)
	}
	check(t, os.WriteFile(path, []byte("torn"), 0o600))
	log.Torn = 1
	d := endless()
	if _, err := log.Continue(func(File) File { return d }); err == nil || !d.closed {
		t.Errorf("a file that can't be cut: %v, closed %v", err, d.closed)
	}
}

// BenchmarkAttempts writes attempts with their ends to a real file, from many
// goroutines: what counts is how many share a sync.
func BenchmarkAttempts(b *testing.B) {
	for _, workers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "journal.jsonl")
			j := must(Create(path, header(), nil))(b)
			check(b, j.Plan(Plan{}))
			check(b, j.Session(Session{At: epoch}))
			b.SetParallelism(workers)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					number, err := j.Begin(attemptOf("U"))
					if err == nil {
						err = j.End(answered(number, "U"))
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "attempts/s")
			check(b, j.Close())
		})
	}
}

// BenchmarkRead reads a journal of 10,000 users: the index alone, and with all
// exchanges.
func BenchmarkRead(b *testing.B) {
	j, path := created(b)
	for i := range 10_000 {
		number := must(j.Begin(attemptOf(fmt.Sprint("EMP-", i))))(b)
		check(b, j.End(answered(number, "")))
	}
	check(b, j.Close())
	for _, all := range []bool{false, true} {
		b.Run(fmt.Sprintf("exchanges=%v", all), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log := must(Read(path))(b)
				if all {
					exchanges(b, log)
				}
				check(b, log.Close())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/user")
		})
	}
}
