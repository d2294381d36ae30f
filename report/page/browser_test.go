package page

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"corattach/pipeline"
)

// requireChromium is the variable that, set to required, turns a missing browser
// into a failure.
const requireChromium = "TEST_CHROMIUM"

// findChromium returns the browser's program, or ends the test.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv(requireChromium) == "required" {
		t.Fatal("no chromium in PATH, and " + requireChromium + " asks for one")
	}
	t.Skip("no chromium in PATH: the page is not tried in a browser")
	return ""
}

// TestBrowser shows pages in a headless browser that has no network.
func TestBrowser(t *testing.T) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findChromium(t)), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancelTab := chromedp.NewContext(ctx)
	defer cancelTab()
	must(t, chromedp.Do(ctx))
	defer func() { _ = chromedp.Cancel(ctx) }() // waits for the browser's end
	for name, test := range map[string]func(*browser){
		"loads": testLoads, "policy": testPolicy, "filter": testFilterAndSearch, "sort": testSort, "looks": testLooks,
		"without script": testWithoutScript, "prints": testPrints, "names": testNames, "quick": testQuick,
	} {
		t.Run(name, func(t *testing.T) { test(newTab(t, ctx)) })
	}
}

// browser is one tab.
type browser struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // what the browser said about the page
	loaded     []string // what the page asked for
}

func newTab(t *testing.T, ctx context.Context) *browser {
	ctx, cancelTab := chromedp.NewContext(ctx)
	ctx, cancelTime := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() {
		cancelTime()
		cancelTab()
	})
	b := &browser{T: t, ctx: ctx}
	must(t, chromedp.Listen(ctx, b.hear))
	return b
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprint("console.", e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.loaded = append(b.loaded, e.Request.URL)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	must(b, chromedp.Do(b.ctx, steps...))
}

// open writes a page to a file and shows it.
func (b *browser) open(page string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "report.html")
	must(b, os.WriteFile(path, []byte(page), 0o600))
	address := (&url.URL{Scheme: "file", Path: path}).String()
	b.do(chromedp.Navigate(address))
	return address
}

// media sets what style sheets ask for: light or dark.
func (b *browser) scheme(name string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	must(b, err)
}

// eval returns what a script has for a value.
func eval[T any](b *browser, script string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.Fatalf("%s: %v", script, err)
	}
	return value
}

// await waits until a script has the value true.
func (b *browser) await(script string) {
	b.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](script, chromedp.WithPollingTimeout(10*time.Second))); err != nil {
		b.Errorf("never true: %s: %v", script, err)
	}
}

// quiet fails the test when the browser complained, or anything was loaded but
// the page itself.
func (b *browser) quiet(address string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		b.Errorf("the browser complains: %q", b.complaints)
	}
	for _, other := range b.loaded {
		if page, _, _ := strings.Cut(other, "#"); page != address {
			b.Errorf("the page loads %s", other)
		}
	}
	if len(b.loaded) == 0 {
		b.Error("not even the page was loaded: nothing is listened to")
	}
}

// visibleRows are the anchors of the rows that can be seen, in order.
const visibleRows = `Array.from(document.querySelectorAll("#list tbody tr")).filter(r => r.checkVisibility()).map(r => r.id)`

// The page loads without a complaint, and what stands in cells runs nowhere.
func testLoads(b *browser) {
	address := b.open(write(b, mixed()))
	if title := eval[string](b, "document.title"); title != "Needs attention: staff.csv and 1 other file" {
		b.Errorf("title %q", title)
	}
	if n := eval[int](b, `document.querySelectorAll("script, img, iframe, link, object").length`); n != 1 {
		b.Errorf("%d elements that load or run, want the page's own script alone", n)
	}
	shown := eval[[]string](b, `Array.from(document.querySelectorAll("#list tbody td:nth-child(3)"), c => c.textContent)`)
	for _, cell := range hostileCells() {
		if want := cut(cellShown)(cell); !slices.Contains(shown, want) {
			b.Errorf("no user is shown as %q", want)
		}
	}
	b.quiet(address)
}

// Nothing that the policy forbids happens, even when a script asks for it.
func testPolicy(b *browser) {
	b.open(write(b, mixed()))
	const loads = `new Promise(done => {
		document.addEventListener("securitypolicyviolation", e => done(e.effectiveDirective));
		const image = document.createElement("img"); image.src = "http://127.0.0.1:9/x.png"; document.body.append(image);
		setTimeout(() => done("allowed"), 5000);
	})`
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](loads, chromedp.EvalAwaitPromise))
	must(b, err)
	if got != "img-src" {
		b.Errorf("an image from elsewhere: %s", got)
	}
	const inline = `new Promise(done => {
		document.addEventListener("securitypolicyviolation", e => done(e.effectiveDirective));
		const script = document.createElement("script"); script.textContent = "document.title = 'run over'"; document.body.append(script);
		setTimeout(() => done("allowed"), 5000);
	})`
	got, err = chromedp.Run(b.ctx, chromedp.Evaluate[string](inline, chromedp.EvalAwaitPromise))
	must(b, err)
	if got != "script-src-elem" || eval[string](b, "document.title") == "run over" {
		b.Errorf("a script in the page: %s", got)
	}
}

func testFilterAndSearch(b *browser) {
	address := b.open(write(b, mixed()))
	all := eval[[]string](b, visibleRows)
	if len(all) != 8+len(hostileCells()) {
		b.Fatalf("%d rows at first", len(all))
	}
	b.do(chromedp.Click(chromedp.CSS(`#filter button[data-status="missing"]`)))
	if got := eval[[]string](b, visibleRows); !slices.Equal(got, []string{"L-1-4"}) {
		b.Errorf("filtered by missing: %v", got)
	}
	if got := eval[string](b, `document.querySelector("#filter [aria-pressed=true]").dataset.status`); got != "missing" {
		b.Errorf("%q is pressed", got)
	}
	if got := eval[string](b, `document.getElementById("shown").textContent`); got != fmt.Sprintf("1 of %d rows shown", len(all)) {
		b.Errorf("status line %q", got)
	}
	// A link to a row that the filter hides brings it back.
	b.do(chromedp.Click(chromedp.CSS(`#causes ~ .box a[href="#L-1-5"]`)))
	b.await(`(r => r.matches(":target") && r.getBoundingClientRect().top >= 0 && r.getBoundingClientRect().bottom <= innerHeight)(document.getElementById("L-1-5"))`)
	b.await(visibleRows + `.length === ` + fmt.Sprint(len(all)))
	// So does the same link once more.
	b.do(chromedp.Click(chromedp.CSS(`#filter button[data-status="missing"]`)), chromedp.Click(chromedp.CSS(`#causes ~ .box a[href="#L-1-5"]`)))
	b.await(visibleRows + `.length === ` + fmt.Sprint(len(all)))
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "U2  user_not"))
	if got := eval[[]string](b, visibleRows); !slices.Equal(got, []string{"L-1-5"}) {
		b.Errorf("search for a user and a code: %v", got)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), " nowhere"))
	if got := eval[[]string](b, visibleRows); len(got) != 0 {
		b.Errorf("search for nothing: %v", got)
	}
	b.quiet(address)
}

func testSort(b *browser) {
	var lines []pipeline.Line
	for i, percentage := range []string{"9,5", "100", "", "9.4", "abc"} {
		l := line(int64(10*i+9), fmt.Sprint("u", 12-i), "w", percentage, pipeline.Verdict{Status: pipeline.Invalid, Reason: "odd"})
		l.File = i / 3
		if i%2 == 1 {
			l.Status = pipeline.Missing
		}
		lines = append(lines, l)
	}
	address := b.open(write(b, run(lines, "a.csv", "b.csv")))
	column := func(name string) chromedp.Action[chromedp.Void] {
		return chromedp.Click(chromedp.Search(fmt.Sprintf(`//table[@id="list"]//th//button[text()=%q]`, name)))
	}
	for _, c := range []struct{ name, rows, sorted string }{
		{"", "L-1-9 L-1-29 L-2-49 L-1-19 L-2-39", ""}, // as written: the worst first
		{"Row", "L-1-9 L-1-19 L-1-29 L-2-39 L-2-49", "ascending"},
		{"Row", "L-2-49 L-2-39 L-1-29 L-1-19 L-1-9", "descending"},
		{"Status", "L-1-9 L-1-29 L-2-49 L-1-19 L-2-39", "ascending"},
		{"Asked", "L-2-39 L-1-9 L-1-19 L-1-29 L-2-49", "ascending"}, // numbers by size, what is none last
		{"Asked", "L-1-19 L-1-9 L-2-39 L-1-29 L-2-49", "descending"},
		{"User", "L-2-49 L-2-39 L-1-29 L-1-19 L-1-9", "ascending"}, // u8 before u12
	} {
		if c.name != "" {
			b.do(column(c.name))
		}
		if got := strings.Join(eval[[]string](b, visibleRows), " "); got != c.rows {
			b.Errorf("by %s %s: %s, want %s", c.name, c.sorted, got, c.rows)
		}
		if got := eval[string](b, `Array.from(document.querySelectorAll("#list [aria-sort]"), h => h.getAttribute("aria-sort")).join()`); got != c.sorted {
			b.Errorf("by %s: aria-sort %q, want %q", c.name, got, c.sorted)
		}
	}
	b.quiet(address)
}

// faint returns the texts whose contrast with what is behind them is below AA:
// 4.5, or 3 for large ones.
const faint = `(() => {
	const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m.length > 3 ? m[3] : 1 }; };
	const light = rgb => rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return null; };
	const bad = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let seen = 0;
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement;
		if (!n.textContent.trim() || !e.checkVisibility() || e.closest("script, title")) continue;
		const style = getComputedStyle(e);
		const [a, b] = [light(parse(e.closest("svg") ? style.fill : style.color).rgb), light(behind(e))].sort((x, y) => y - x);
		const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
		const ratio = (a + 0.05) / (b + 0.05);
		seen++;
		if (ratio < (large ? 3 : 4.5)) bad.push(n.textContent.trim().slice(0, 30) + " " + ratio.toFixed(2));
	}
	if (seen < 50) bad.push("only " + seen + " texts were looked at");
	return bad;
})()`

// wide are the texts of tiles that have something wider than their box.
const wide = `Array.from(document.querySelectorAll(".tiles li")).filter(t => t.scrollWidth > t.clientWidth).map(t => t.textContent)`

// The page fits a phone and a desk, in light and in dark, and every text can be
// read.
func testLooks(b *browser) {
	page := write(b, mixed())
	backs := map[string]string{}
	for _, width := range []int64{390, 1200, 1400} {
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			b.do(chromedp.EmulateViewport(width, 900))
			b.open(page)
			if got := eval[int64](b, "document.scrollingElement.scrollWidth"); got > width || eval[int64](b, "innerWidth") != width {
				b.Errorf("at %d px the page is %d wide", width, got)
			}
			if bad := eval[[]string](b, wide); len(bad) > 0 {
				b.Errorf("at %d px these run over their tile: %q", width, bad)
			}
			if bad := eval[[]string](b, faint); len(bad) > 0 {
				b.Errorf("at %d px in %s: hard to read: %q", width, scheme, bad)
			}
			if n := eval[int](b, `Array.from(document.querySelectorAll("svg.plot")).filter(s => s.checkVisibility()).length`); n != 1 {
				b.Errorf("at %d px %d plots are shown", width, n)
			}
			backs[scheme] = eval[string](b, "getComputedStyle(document.body).backgroundColor")
		}
	}
	if backs["light"] == backs["dark"] {
		b.Errorf("light and dark are the same: %v", backs)
	}
}

// Everything essential stands there without a script, and nothing that needs
// one does.
func testWithoutScript(b *browser) {
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	must(b, err)
	b.open(write(b, mixed()))
	if got := len(eval[[]string](b, visibleRows)); got != 8+len(hostileCells()) {
		b.Errorf("%d rows are shown", got)
	}
	if n := eval[int](b, `Array.from(document.querySelectorAll("button, input")).filter(e => e.checkVisibility()).length`); n != 0 {
		b.Errorf("%d controls are shown that do nothing", n)
	}
}

// On paper there is nothing to press, and no part of a table is cut off.
func testPrints(b *browser) {
	address := b.open(write(b, mixed()))
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
	must(b, err)
	if !strings.HasPrefix(string(pdf), "%PDF-") || len(pdf) < 20_000 {
		b.Errorf("a PDF of %d bytes", len(pdf))
	}
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	must(b, err)
	b.do(chromedp.EmulateViewport(703, 1000)) // A4 between its margins
	if n := eval[int](b, `Array.from(document.querySelectorAll("button, input, nav")).filter(e => e.checkVisibility()).length`); n != 0 {
		b.Errorf("%d controls are printed", n)
	}
	if cut := eval[[]string](b, `Array.from(document.querySelectorAll(".box")).filter(x => getComputedStyle(x).overflowX !== "visible" || x.clientHeight < x.scrollHeight).map(x => x.getAttribute("aria-labelledby"))`); len(cut) > 0 {
		b.Errorf("cut off: %v", cut)
	}
	if got := eval[int64](b, "document.scrollingElement.scrollWidth"); got > 703 {
		b.Errorf("the page is %d wide on a sheet of 703", got)
	}
	if wide := eval[[]string](b, `Array.from(document.querySelectorAll(".status")).filter(s => s.getBoundingClientRect().right > s.closest("td, th, li").getBoundingClientRect().right).map(s => s.textContent)`); len(wide) > 0 {
		b.Errorf("in the way of the next column: %q", wide)
	}
	b.do(chromedp.EmulateViewport(1400, 1000))
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	must(b, err)
	b.do(chromedp.Click(chromedp.CSS(`#filter button[data-status="missing"]`)))
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	must(b, err)
	if !eval[bool](b, `document.getElementById("shown").checkVisibility()`) {
		b.Error("nothing on paper says that rows were filtered out")
	}
	if got := eval[string](b, "getComputedStyle(document.body).backgroundColor"); got != "rgb(255, 255, 255)" {
		b.Errorf("printed on %s", got)
	}
	b.quiet(address)
}

// Names that assistive technology needs.
func testNames(b *browser) {
	b.open(write(b, mixed()))
	for name, script := range map[string]string{
		"headers without a scope":  `document.querySelectorAll("th:not([scope])").length`,
		"buttons without a type":   `document.querySelectorAll("button:not([type=button])").length`,
		"fields without a label":   `Array.from(document.querySelectorAll("input")).filter(i => i.labels.length === 0).length`,
		"boxes without a name":     `Array.from(document.querySelectorAll(".box")).filter(x => !document.getElementById(x.getAttribute("aria-labelledby"))).length`,
		"statuses without a word":  `Array.from(document.querySelectorAll(".status")).filter(s => !/[a-z]{4}/.test(s.textContent)).length`,
		"pictures that are spoken": `document.querySelectorAll("svg:not([aria-hidden])").length`,
	} {
		if n := eval[int](b, script); n != 0 {
			b.Errorf("%d %s", n, name)
		}
	}
	b.do(chromedp.KeyEvent("\t"))
	if got := eval[string](b, `document.activeElement.tagName + " " + getComputedStyle(document.activeElement).outlineStyle`); got != "A solid" {
		b.Errorf("the focus is on, and shown as, %s", got)
	}
}

// A page of a hundred thousand failed rows answers at once: two searches, a
// filter and a sort take about as long as it takes this machine to lay out the
// whole table once.
func testQuick(b *browser) {
	name := func(i int) string { return fmt.Sprintf("user-%07d@example.com", i) }
	address := b.open(write(b, failing(100_000, name, pipeline.Failed, pipeline.Unknown, pipeline.Missing)))
	ratio := eval[float64](b, `(() => {
		const table = document.getElementById("list");
		let begin = performance.now();
		const copy = table.cloneNode(true);
		table.after(copy);
		document.body.offsetHeight;
		copy.remove();
		document.body.offsetHeight;
		const layout = performance.now() - begin, search = document.getElementById("search");
		begin = performance.now();
		for (const text of ["user-0000012", ""]) {
			search.value = text;
			search.dispatchEvent(new Event("input"));
			document.body.offsetHeight;
		}
		for (const button of document.querySelectorAll("#filter button:nth-child(2), #list th:last-child button")) { button.click(); document.body.offsetHeight; }
		return (performance.now() - begin) / layout;
	})()`)
	b.Logf("as long as %.1f layouts", ratio)
	if ratio > 10 {
		b.Errorf("it took as long as %.1f layouts", ratio)
	}
	b.quiet(address)
}
