package send

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

func TestRunMaxFailures(t *testing.T) {
	bad := func(c call) bool { return c.user != name(0) }
	for _, c := range []struct {
		guard string
		calls int
		stop  pipeline.StopKind
	}{
		{"off", 20, pipeline.RanToEnd}, {"19", 20, pipeline.RanToEnd}, {"2", 4, pipeline.Guarded}, {"0", 2, pipeline.Guarded},
		{"10%", 4, pipeline.Guarded}, {"95%", 20, pipeline.RanToEnd}, {"94%", 20, pipeline.Guarded},
	} {
		t.Run(c.guard, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(20)
				b.Workers = 1
				b.err = b.MaxFailures.UnmarshalText([]byte(c.guard))
				b.cor.answer = always(fails(pipeline.Refused, 400, 0), bad)
				b.run(t)
				b.expect(t, c.stop, c.calls)
				if c.guard == "2" {
					b.expectStop(t, "--max-failures", "users with a row that is failed, unknown, missing or mismatched: 3 of 20, more than --max-failures 2")
				}
			})
		})
	}
}

// A user counts with a mismatched row, even if another row was not sent.
func TestRunMaxFailuresLooksAtEveryRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(5)
		b.Workers, b.Retries = 1, 0
		b.MaxFailures.On = true // at 0
		second := single(name(0))
		second.Source = "OKTA"
		b.users[0].Requests = append(b.users[0].Requests, second)
		b.cor.change = func(c call, a *pipeline.Answer) { a.Pivots[0].Percentage = "59" }
		b.cor.answer = always(fails(pipeline.NotConnected, 0, 0), func(c call) bool { return c.request.Source == "OKTA" })
		b.run(t)
		b.expect(t, pipeline.Guarded, 2)
		if b.worst[name(0)] != pipeline.NotSent {
			t.Errorf("worst: %v", b.worst)
		}
	})
}

func TestRunMaxDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(100)
		b.Rate, b.MaxDuration, b.cor.latency = 1, 10*time.Second+time.Millisecond, 100*time.Millisecond
		b.run(t)
		b.expect(t, pipeline.Guarded, 11)
		b.expectStop(t, "--max-duration", "the time of --max-duration 10.001s is over")
		if b.took != 10*time.Second+100*time.Millisecond {
			t.Errorf("took %v: the open exchange was not waited for", b.took)
		}
	})
}

func TestRunCanary(t *testing.T) {
	drop := func(c call, a *pipeline.Answer) { a.Pivots = nil }
	for _, c := range []struct {
		name   string
		canary int
		change func(call, *pipeline.Answer)
		answer func(context.Context, call) *pipeline.Fault
		stop   pipeline.StopKind
		calls  int
	}{
		{"passes", 3, nil, nil, pipeline.RanToEnd, 20},
		{"more than there are", 30, nil, nil, pipeline.RanToEnd, 20},
		{"missing", 3, drop, nil, pipeline.Guarded, 3},
		{"one mismatched", 3, func(c call, a *pipeline.Answer) {
			if c.user == name(2) {
				a.Pivots[0].Percentage = "1"
			}
		}, nil, pipeline.Guarded, 3},
		{"a later user does not matter", 3, func(c call, a *pipeline.Answer) {
			if c.user == name(3) {
				a.Pivots[0].Percentage = "1"
			}
		}, nil, pipeline.RanToEnd, 20},
		{"refused", 3, nil, always(fails(pipeline.Refused, 400, 0), func(c call) bool { return c.user == name(0) }), pipeline.Guarded, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(20)
				b.Rate, b.Workers, b.Canary = 0, 8, c.canary
				b.cor.change, b.cor.answer = c.change, c.answer
				b.run(t)
				b.expect(t, c.stop, c.calls)
				if c.name == "missing" {
					b.expectStop(t, "--canary", "users with a row that is not matched: 3 of the first 3, so --canary 3 stops the run")
				}
			})
		})
	}
}

// The canary's users are settled before anybody else leaves.
func TestRunCanaryGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(20)
		b.Rate, b.Workers, b.Canary, b.cor.latency = 0, 8, 3, time.Second
		b.cor.answer = always(fails(pipeline.ServerError, 500, 0), func(c call) bool { return c.user == name(1) && c.nth < 3 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 22)
		for i, c := range b.cor.calls {
			if first := c.user <= name(2); first != (i < 5) {
				t.Errorf("call %d is of %s", i, c.user)
			}
		}
	})
}

// A chunk that ends without 2xx leaves the request's later chunks unsent, and
// nothing else.
func TestRunChunks(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer *pipeline.Fault // to chunk 1 of SAP
		drop   bool
		want   []string
	}{
		{"all accepted", nil, false, []string{"SAP 0", "SAP 1", "SAP 2", "OKTA 0", "OKTA 1"}},
		{"accepted, a workspace missing", nil, true, []string{"SAP 0", "SAP 1", "SAP 2", "OKTA 0", "OKTA 1"}},
		{"refused", fails(pipeline.Refused, 400, 0), false, []string{"SAP 0", "SAP 1", "OKTA 0", "OKTA 1"}},
		{"no answer", fails(pipeline.NoAnswer, 0, 0), false, []string{"SAP 0", "SAP 1", "OKTA 0", "OKTA 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(2)
				b.Retries, b.Workers = 0, 1
				b.users[0].Requests = nil
				for _, s := range []pipeline.Source{"SAP", "SAP", "SAP", "OKTA", "OKTA"} {
					r := single(name(0))
					r.Source, r.Chunk = s, len(b.users[0].Requests)%3
					r.Shares[0].Workspace = pipeline.WorkspaceID(fmt.Sprint(len(b.users[0].Requests)))
					b.users[0].Requests = append(b.users[0].Requests, r)
				}
				hit := func(c call) bool { return c.user == name(0) && c.request.Source == "SAP" && c.request.Chunk == 1 }
				b.cor.answer = always(c.answer, hit)
				b.cor.change = func(call call, a *pipeline.Answer) {
					if c.drop && hit(call) {
						a.Pivots = nil
					}
				}
				b.run(t)
				b.expect(t, pipeline.RanToEnd, len(c.want)+1)
				var got []string
				for _, c := range b.cor.calls[:len(c.want)] {
					got = append(got, fmt.Sprint(c.request.Source, " ", c.request.Chunk))
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A request that an earlier session settled is not sent, its user's others are.
func TestRunResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(3)
		settled := pipeline.Exchange{Attempt: pipeline.Attempt{Key: b.users[0].Requests[0].Key, Op: pipeline.Attach, Shares: b.users[0].Requests[0].Shares}, Answer: &pipeline.Answer{
			Status: 200, Pivots: []pipeline.Pivot{{Workspace: "w1", Source: "SAP", Percentage: "60"}},
		}}
		b.users[0].Requests[0].Past = pipeline.History{settled}
		second := single(name(0))
		second.Source = "OKTA"
		b.users[0].Requests = append(b.users[0].Requests, second)
		b.users[1].Requests[0].Past = pipeline.History{settled}
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 2)
		b.expectAll(t, pipeline.Matched)
		if c := b.cor.calls[0]; c.user != name(0) || c.request.Source != "OKTA" || b.cor.calls[1].user != name(2) {
			t.Errorf("%+v", b.cor.calls)
		}
	})
}

// keeper is a COR that keeps the percentage of a workspace until it is detached,
// and for some users rounds whatever it is given.
func keeper(rounds func(pipeline.UserID) bool) func(call, *pipeline.Answer) {
	var mu sync.Mutex
	detached := map[pipeline.UserID]bool{}
	return func(c call, a *pipeline.Answer) {
		mu.Lock()
		defer mu.Unlock()
		if c.op == pipeline.Detach {
			detached[c.user] = true
			return
		}
		if !detached[c.user] || rounds(c.user) {
			a.Pivots[0].Percentage = "59"
		}
	}
}

func TestRunRepairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(10)
		b.Repair = true
		b.cor.change = keeper(func(pipeline.UserID) bool { return false })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 30)
		b.expectAll(t, pipeline.Matched)
		for _, e := range b.journal.history(name(7)) {
			if e.Op == pipeline.Detach && !slices.Equal(e.Shares, single(name(7)).Shares) {
				t.Errorf("detached %v", e.Shares)
			}
		}
		checkRate(t, b.times(), 5, 1)
	})
}

// If the first three repairs bring the same other percentage back, the run
// repairs no more.
func TestRunFutileRepairs(t *testing.T) {
	for _, c := range []struct {
		name   string
		rounds func(pipeline.UserID) bool
		calls  int
	}{
		{"COR rounds", func(pipeline.UserID) bool { return true }, 3*3 + 17},
		{"only the first two", func(u pipeline.UserID) bool { return u < name(2) }, 3 * 20},
		{"not the first", func(u pipeline.UserID) bool { return u > name(0) }, 3 * 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(20)
				b.Workers, b.Repair = 1, true
				b.cor.change = keeper(c.rounds)
				b.run(t)
				b.expect(t, pipeline.RanToEnd, c.calls)
				if want := c.calls < 60; (b.futile == 1) != want || b.futile > 1 {
					t.Errorf("said %d times that repairs are futile", b.futile)
				}
			})
		})
	}
}

// What COR answers within the tolerance needs no repair.
func TestRunRepairsNothingWithinTheTolerance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(10)
		b.Repair, b.Tolerance = true, percent(1)
		b.cor.change = keeper(func(pipeline.UserID) bool { return true })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 10)
		b.expectAll(t, pipeline.Matched)
	})
}

// "Already attached" is repaired too, and never taken for futile.
func TestRunRepairsAttached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(6)
		b.Workers, b.Repair = 1, true
		b.cor.answer = always(fails(pipeline.Attached, 400, 0), func(c call) bool { return c.nth == 1 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 18)
		b.expectAll(t, pipeline.Matched)
	})
}

func TestRunTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(1)
		b.Timeout, b.Retries, b.cor.latency = 3*time.Second, 1, time.Hour
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 2)
		b.expectAll(t, pipeline.Unknown)
		if gap := b.times()[1] - b.times()[0]; gap < 3250*time.Millisecond || gap > 3800*time.Millisecond {
			t.Errorf("the second attempt left %v after the first", gap)
		}
	})
}
