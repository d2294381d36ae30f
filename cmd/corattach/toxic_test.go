package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"corattach/pipeline"
)

const toxicInput = `user_id,workspace_id,percentage,source
U1,W1,60,SAP
U1,W2,40,SAP
U2,W1,100,SAP
U3,W1,100,SAP
U4,W1,50,SAP
U4,W1,50,JIRA
`

// toxic is a fault of the network between the program and COR.
type toxic struct {
	Name       string         `json:"name"`
	Kind       string         `json:"type"`
	Stream     string         `json:"stream"` // downstream: what COR answers; upstream: what it is asked
	Toxicity   float32        `json:"toxicity"`
	Attributes map[string]int `json:"attributes"`
}

// newToxicProxy puts a proxy on loopback in front of a simulator.
func newToxicProxy(t *testing.T, w *crashWorld) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "cor", "127.0.0.1:0", strings.TrimPrefix(w.url, "http://"))
	okay(t, proxy.Start())
	t.Cleanup(proxy.Stop)
	return proxy
}

func poison(t *testing.T, proxy *toxiproxy.Proxy, faults ...toxic) {
	t.Helper()
	for _, fault := range faults {
		if fault.Toxicity == 0 {
			fault.Toxicity = 1
		}
		fault.Name = fault.Kind + " " + fault.Stream
		reader, writer := io.Pipe()
		go func() { _ = writer.CloseWithError(json.NewEncoder(writer).Encode(fault)) }()
		_, err := proxy.Toxics.AddToxicJson(reader)
		okay(t, err)
	}
}

// What the network does to an exchange, and what the report says of it: a row
// that COR stored without our hearing of it is unknown, or confirmed by a retry,
// and never failed or not sent. When the network is well again, resume brings
// everything to its end, and sends nothing again that was confirmed.
func TestToxicNetwork(t *testing.T) {
	setCredentials(t) // not beside other tests: it counts milliseconds
	all := func(status string) map[string]int { return map[string]int{status: 6} }
	cases := []struct {
		name    string
		faults  []toxic
		flags   []string
		want    map[string]int // nil: whatever is true
		stored  int            // pairs that COR holds after the import; -1: any number
		retried bool           // there are more attempts than requests
	}{
		{
			name:   "answers are reset",
			faults: []toxic{{Kind: "reset_peer", Stream: "downstream", Attributes: map[string]int{"timeout": 10}}},
			flags:  []string{"--retries", "0"}, want: all("unknown"), stored: 6,
		},
		{
			name:   "answers are reset, and the run gives up",
			faults: []toxic{{Kind: "reset_peer", Stream: "downstream", Attributes: map[string]int{"timeout": 0}}},
			flags:  []string{"--retries", "1", "--max-failures", "1"}, stored: -1, retried: true,
		},
		{
			name:   "requests are reset",
			faults: []toxic{{Kind: "reset_peer", Stream: "upstream", Attributes: map[string]int{"timeout": 0}}},
			flags:  []string{"--retries", "0"}, want: all("unknown"), stored: 0,
		},
		{
			name:   "answers are cut in the middle",
			faults: []toxic{{Kind: "limit_data", Stream: "downstream", Attributes: map[string]int{"bytes": 200}}},
			flags:  []string{"--retries", "0"}, want: all("unknown"), stored: 6,
		},
		{
			name:   "every connection ends within its second answer",
			faults: []toxic{{Kind: "limit_data", Stream: "downstream", Attributes: map[string]int{"bytes": 1000}}},
			flags:  []string{"--workers", "1"}, want: all("matched"), stored: 6, retried: true,
		},
		{
			name:   "requests are cut in the middle",
			faults: []toxic{{Kind: "limit_data", Stream: "upstream", Attributes: map[string]int{"bytes": 150}}},
			flags:  []string{"--retries", "0"}, want: all("unknown"), stored: 0,
		},
		{
			name:   "connections close slowly",
			faults: []toxic{{Kind: "slow_close", Stream: "downstream", Attributes: map[string]int{"delay": 500}}},
			want:   all("matched"), stored: 6,
		},
		{
			name: "requests close slowly and answers are cut",
			faults: []toxic{
				{Kind: "slow_close", Stream: "upstream", Attributes: map[string]int{"delay": 300}},
				{Kind: "limit_data", Stream: "downstream", Attributes: map[string]int{"bytes": 100}},
			},
			flags: []string{"--retries", "0"}, want: all("unknown"), stored: 6,
		},
		{
			name:   "answers are late",
			faults: []toxic{{Kind: "latency", Stream: "downstream", Attributes: map[string]int{"latency": 100, "jitter": 50}}},
			want:   all("matched"), stored: 6,
		},
		{
			name:   "answers are too late",
			faults: []toxic{{Kind: "latency", Stream: "downstream", Attributes: map[string]int{"latency": 3000}}},
			flags:  []string{"--retries", "0", "--timeout", "600ms"}, want: all("unknown"), stored: 6,
		},
		{
			name:   "answers never come",
			faults: []toxic{{Kind: "timeout", Stream: "downstream", Attributes: map[string]int{"timeout": 100}}},
			flags:  []string{"--retries", "0"}, want: all("unknown"), stored: 6,
		},
		{
			name:   "answers come in pieces",
			faults: []toxic{{Kind: "slicer", Stream: "downstream", Attributes: map[string]int{"average_size": 40, "size_variation": 10, "delay": 100}}},
			want:   all("matched"), stored: 6,
		},
		{
			name: "some of everything",
			faults: []toxic{
				{Kind: "reset_peer", Stream: "downstream", Toxicity: 0.3, Attributes: map[string]int{"timeout": 5}},
				{Kind: "limit_data", Stream: "upstream", Toxicity: 0.3, Attributes: map[string]int{"bytes": 700}},
				{Kind: "limit_data", Stream: "downstream", Toxicity: 0.3, Attributes: map[string]int{"bytes": 700}},
				{Kind: "slow_close", Stream: "upstream", Toxicity: 0.5, Attributes: map[string]int{"delay": 50}},
			},
			flags: []string{"--retries", "2"}, stored: -1,
		},
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	inParallel(t, names, func(t *testing.T, i int) {
		c := cases[i]
		w := newCrashWorld(t, toxicInput, "")
		proxy := newToxicProxy(t, w)
		poison(t, proxy, c.faults...)
		args := append([]string{
			"import", w.file, "--base-url", "http://" + proxy.Listen, "--auth-url", w.url + "/v1", "--runs-dir", w.runs, "--rate", "0", "--workers", "3",
		}, c.flags...)
		got := runHere(args...)
		dir := w.runDir(t)
		w.settle()
		s := balancedSummary(t, dir, 6)
		if c.want != nil {
			if diff := cmp.Diff(c.want, statusCounts(t, dir)); diff != "" {
				t.Errorf("%s\n%s", diff, got.stderr)
			}
		}
		if held := len(w.Holdings()); c.stored >= 0 && held != c.stored {
			t.Errorf("COR holds %d pairs, want %d", held, c.stored)
		}
		if c.retried && s.Attempts <= s.Requests {
			t.Errorf("%d attempts of %d requests: the fault did not strike", s.Attempts, s.Requests)
		}
		if s.Rows[pipeline.Failed] > 0 {
			t.Errorf("%d rows failed, and COR refused nothing", s.Rows[pipeline.Failed])
		}
		w.truthful(t, dir)

		proxy.Toxics.ResetToxics(context.Background())
		if len(w.Holdings()) == 6 && s.Rows[pipeline.Matched] == 6 {
			return
		}
		before := evidenceOf(t, dir)
		if got := runHere("resume", dir, "--rate", "0"); got.code != pipeline.ExitDone {
			t.Errorf("resume: exit %d: %s", got.code, got.stderr)
		}
		if diff := cmp.Diff(all("matched"), statusCounts(t, dir)); diff != "" {
			t.Errorf("after resume: %s", diff)
		}
		after := evidenceOf(t, dir)
		for key, settled := range before.settled {
			if settled && after.attempts[key] != before.attempts[key] {
				t.Errorf("%v was confirmed and sent again", key)
			}
		}
		balancedSummary(t, dir, 6)
		w.truthful(t, dir)
	})
}
