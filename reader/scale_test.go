package reader

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
)

// repeated is a header and then one piece over and over, made while it is read.
type repeated struct {
	head, piece string
	left        int64 // bytes still to come
	at          int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.head != "" {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && int64(n) < r.left {
		m := copy(p[n:], r.piece[r.at:])
		r.at = (r.at + m) % len(r.piece)
		n += m
	}
	r.left -= int64(n)
	return n, nil
}

func stream(piece string, size int64) File {
	return File{Name: "stream.csv", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&repeated{head: noted, piece: piece, left: size}), nil
	}}
}

// drain reads a file without keeping anything and returns how many rows were
// good and bad, and the most memory that was in use now and then.
func drain(t testing.TB, file File) (good, bad int, peak uint64) {
	t.Helper()
	var m runtime.MemStats
	_, err := Read(t.Context(), []File{file}, options(), func(row *pipeline.Row) error {
		if row.Problem == "" {
			good++
		} else {
			bad++
		}
		if (good+bad)%32_768 == 0 {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&m)
	return good, bad, max(peak, m.HeapInuse)
}

func TestMemoryIsConstant(t *testing.T) {
	const most = 64 << 20
	long := strings.Repeat("x", 1<<16)
	for name, c := range map[string]struct {
		piece     string
		size      int64
		good, bad int
	}{
		"long rows":          {"U,W,5,SAP," + long[:60_000] + "\n", 2000 * 60_011, 2000, 0},
		"one line":           {long, 100 << 20, 0, 1},
		"one quoted line":    {"\"" + long, 100 << 20, 0, 1},
		"broken long lines":  {"U,W,5,SAP,\"" + long + "\n", 1000 * (1<<16 + 12), 0, 1000},
		"plain rows":         {"USER-1,WORKSPACE-1,50.5,SAP,a note of twenty-five bytes\n", 100_000 * 56, 100_000, 0},
		"rows never closed":  {"U,W,5,SAP,\"a note that goes on\n", 100_000 * 31, 0, 100_000},
		"many empty lines":   {"\n", 32 << 20, 0, 0},
		"many short invalid": {"\"\n", 100_000 * 2, 0, 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			good, bad, peak := drain(t, stream(c.piece, c.size))
			if good != c.good || bad != c.bad {
				t.Errorf("%d good and %d bad, want %d and %d", good, bad, c.good, c.bad)
			}
			if peak > before.HeapInuse+most {
				t.Errorf("%d MB in use, %d MB before", peak>>20, before.HeapInuse>>20)
			}
		})
	}
}

// TestWorkIsLinear reads what would cost 64 KiB of scanning a line if a broken
// record made the lines behind it be read again and again.
func TestWorkIsLinear(t *testing.T) {
	const size = 512 << 10
	timed := func(piece string) time.Duration {
		file := File{Name: "stream.csv", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(&repeated{head: noted, piece: piece, left: size}), nil
		}}
		start := time.Now()
		drain(t, file)
		return time.Since(start)
	}
	plain := timed("x\n")
	for name, piece := range map[string]string{
		"open on every line":            "U,W,5,SAP,\"note\n",
		"open in a column":              "\"U,W,5,SAP\n",
		"open, then lines of no record": "U,W,5,SAP,\"note\n" + strings.Repeat("x\n", 20_000),
		"open, then even lines":         "U,W,5,SAP,\"n\n" + strings.Repeat("x,\"\"\n", 9_000),
		"open, then records":            "U,W,5,SAP,\"n\n" + strings.Repeat("U,W,5,SAP,\n", 5_000),
		"escaped quotes":                strings.Repeat("\"\"", 5_000) + "\n",
		"three quotes a line":           "\"\"\"\n",
		"closes after 60,000 bytes":     "U,W,5,SAP,\"n\n" + strings.Repeat("x\n", 30_000) + "\",x\n",
		"long lines of quotes":          "\"" + strings.Repeat("\"\"", 40_000) + "\n",
		"open before a long line":       "U,W,5,SAP,\"n\n" + strings.Repeat("x", 1<<20) + "\n",
	} {
		took := timed(piece)
		for range 2 { // the machine may have been busy
			if took > 8*plain {
				took = min(took, timed(piece))
			}
		}
		if took > 8*plain {
			t.Errorf("%s: %v, and %v without a quote", name, took, plain)
		}
	}
}
