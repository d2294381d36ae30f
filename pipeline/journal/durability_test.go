package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"corattach/pipeline"
)

// disk is a File in memory that knows what a loss of power would leave of it.
type disk struct {
	mu      sync.Mutex
	data    []byte
	durable int // bytes
	writes  int
	syncs   int
	closed  bool

	room     int           // bytes that fit; negative = all
	short    bool          // a write that does not fit returns no error
	syncing  chan struct{} // when set, a sync says here that it has begun …
	release  chan struct{} // … and goes on when it gets something from here
	syncFail func(n int) error
}

func endless() *disk { return &disk{room: -1} }

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
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
	if d.syncing != nil {
		d.syncing <- struct{}{}
		<-d.release
	}
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

func (d *disk) Close() error {
	d.closed = true
	return nil
}

// awaitSync waits until a sync has begun.
func (d *disk) awaitSync(t *testing.T) {
	t.Helper()
	select {
	case <-d.syncing:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is synced")
	}
}

func (d *disk) counts() (writes, syncs int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes, d.syncs
}

// afterPowerLoss returns what a loss of power would leave at least.
func (d *disk) afterPowerLoss() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.data[:d.durable])
}

// reread writes a file and reads it as a journal.
func reread(t *testing.T, path string, data []byte) (*Log, []pipeline.Exchange) {
	t.Helper()
	check(t, os.WriteFile(path, data, 0o600))
	return must(Read(path))(t), exchanges(t, path)
}

// Attempts that begin while a sync is under way share the next one: none
// returns after the sync that may have missed it, and none needs a third.
func TestAttemptsShareASync(t *testing.T) {
	defer goleak.VerifyNone(t)
	const others = 100
	d := endless()
	j := must(New(d, header()))(t)
	d.syncing, d.release = make(chan struct{}), make(chan struct{})
	returned := make(chan error, others+1)
	start := func(user int) { go func() { returned <- begin(j, fmt.Sprint(user)) }() }
	start(0)
	d.awaitSync(t) // the first attempt's
	for i := range others {
		start(i + 1)
	}
	for put := int64(0); put < others+2; {
		j.mu.Lock()
		put = j.put
		j.mu.Unlock()
	}
	select {
	case <-returned:
		t.Fatal("an attempt returned before its sync ended")
	default:
	}
	d.release <- struct{}{}
	check(t, <-returned)
	d.awaitSync(t) // that of all others
	select {
	case <-returned:
		t.Fatal("an attempt relied on a sync that began before it was written")
	default:
	}
	d.release <- struct{}{}
	for range others {
		check(t, <-returned)
	}
	if _, syncs := d.counts(); syncs != 3 {
		t.Errorf("%d syncs for the header, one attempt and %d that began meanwhile", syncs, others)
	}
	if _, all := reread(t, filepath.Join(t.TempDir(), "journal.jsonl"), d.afterPowerLoss()); len(all) != others+1 {
		t.Errorf("%d attempts would survive a loss of power", len(all))
	}
}

// What Begin has returned would survive a loss of power at that moment, and an
// End one after the next Begin, whoever else writes at the same time.
func TestBegunIsDurable(t *testing.T) {
	defer goleak.VerifyNone(t)
	d := endless()
	j := must(New(d, header()))(t)
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
				left := d.afterPowerLoss()
				if !bytes.Contains(left, fmt.Appendf(nil, `{"type":"begin","n":%d,`, number)) {
					t.Errorf("attempt %d has begun and would not survive", number)
				}
				if i > 0 && !bytes.Contains(left, fmt.Appendf(nil, `"message":"%s%d"`, user, i-1)) {
					t.Errorf("the end of %s%d would not survive although another attempt has begun", user, i-1)
				}
				e := refused(user)
				e.Fault.Message = user + fmt.Sprint(i)
				if err := j.End(number, e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	check(t, j.Close())
	if _, all := reread(t, filepath.Join(t.TempDir(), "journal.jsonl"), d.afterPowerLoss()); len(all) != 16*25 {
		t.Errorf("%d attempts of %d", len(all), 16*25)
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
	do(j.Begun(Session{At: epoch}))
	for _, e := range []pipeline.Exchange{answered("A"), refused("B"), answered("C")} {
		number, err := j.Begin(e.Attempt)
		if do(err) && do(j.End(number, e)) {
			kept = append(kept, e)
		}
	}
	number, err := j.Begin(attemptOf("D"))
	if do(err) {
		do(j.Withdraw(number))
	}
	do(j.Finished(End{At: epoch}))
	do(j.Sync())
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
	if errs, _ := script(must(New(whole, header()))(t)); errors.Join(errs...) != nil {
		t.Fatal(errors.Join(errs...))
	}
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	for room := range len(whole.data) {
		for _, short := range []bool{false, true} {
			if short && room%10 > 0 {
				continue
			}
			d := &disk{room: room, short: short}
			want := map[bool]error{false: syscall.ENOSPC, true: io.ErrShortWrite}[short]
			j, err := New(d, header())
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
			if room%5 > 0 && room < len(whole.data)-20 {
				continue // reading at every byte is TestTornAtEveryByte
			}
			log, all := reread(t, path, d.data)
			ended := slices.DeleteFunc(all, func(e pipeline.Exchange) bool { return e.Answer == nil && e.Fault == nil })
			if diff := cmp.Diff(kept, ended, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%d bytes: %s", room, diff)
			}
			if log.End != nil {
				t.Fatalf("%d bytes: the run counts as finished", room)
			}
		}
	}
}

// The n-th sync fails, for every n: no later call succeeds, not even that of an
// attempt which was durable before.
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
		j, err := New(d, header())
		if at == 0 {
			if !errors.Is(err, broken) || !d.closed {
				t.Errorf("the header's sync: %v, closed %v", err, d.closed)
			}
			continue
		}
		check(t, err)
		errs, kept := script(j)
		sticks(t, errs, broken)
		if len(kept) != min(at-1, 3) {
			t.Errorf("sync %d failed, and %d exchanges were kept", at, len(kept))
		}
		if err := j.Close(); !errors.Is(err, broken) || !d.closed {
			t.Errorf("close: %v, closed %v", err, d.closed)
		}
	}
}

// A sync that fails fails for all that wait for it.
func TestFailingSyncOfMany(t *testing.T) {
	defer goleak.VerifyNone(t)
	broken := errors.New("input/output error")
	d := endless()
	d.syncFail = func(n int) error {
		if n > 0 {
			return broken
		}
		return nil
	}
	j := must(New(d, header()))(t)
	d.syncing, d.release = make(chan struct{}), make(chan struct{})
	const attempts = 20
	returned := make(chan error, attempts)
	for i := range attempts {
		go func() { returned <- begin(j, fmt.Sprint(i)) }()
	}
	d.awaitSync(t)
	d.release <- struct{}{}
	for range attempts {
		if err := <-returned; !errors.Is(err, broken) {
			t.Errorf("an attempt returned %v", err)
		}
	}
	if _, syncs := d.counts(); syncs != 2 {
		t.Errorf("%d syncs: after a failed one nothing is certain, and no other may be tried", syncs)
	}
	if err := j.End(1, refused("0")); !errors.Is(err, broken) {
		t.Errorf("an end after a failed sync: %v", err)
	}
}

func TestFailingClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	file := must(Create(path))(t)
	j := must(New(file, header()))(t)
	check(t, file.Close())
	if err := j.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closing a closed file: %v", err)
	}
	log := must(Read(path))(t)
	check(t, os.Remove(path))
	if _, err := log.Open(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening a file that is gone: %v", err)
	}
}

// BenchmarkAttempts writes attempts with their ends to a real file, from many
// goroutines: what counts is how many share a sync.
func BenchmarkAttempts(b *testing.B) {
	for _, workers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			file, err := Create(filepath.Join(b.TempDir(), "journal.jsonl"))
			if err != nil {
				b.Fatal(err)
			}
			j, err := New(file, header())
			if err != nil {
				b.Fatal(err)
			}
			a, e := attemptOf("U"), answered("U")
			b.SetParallelism(workers)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					number, err := j.Begin(a)
					if err == nil {
						err = j.End(number, e)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "attempts/s")
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkExchanges reads the journal of 10,000 attempts.
func BenchmarkExchanges(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal.jsonl")
	file, err := Create(path)
	if err != nil {
		b.Fatal(err)
	}
	j, err := New(unsynced{file}, header())
	if err != nil {
		b.Fatal(err)
	}
	for range 10_000 {
		number, err := j.Begin(attemptOf("U"))
		if err == nil {
			err = j.End(number, answered("U"))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		log, err := Read(path)
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range log.Exchanges() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}
