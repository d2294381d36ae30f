package cor

import (
	"encoding/base64"
	"html"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever secret COR echoes, wherever, in whatever spelling over another, whole
// or cut: no piece of it that counts is kept.
func TestEverySpellingIsHidden(t *testing.T) {
	secret := rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9+/=_.-]{16,60}`),
		rapid.StringMatching(`[!-~]{16,40}`),
		rapid.StringMatching(`eyJhbGciOi[A-Za-z0-9_-]{20,60}\.[A-Za-z0-9_-]{20,40}`),
	)
	ways := ways()
	names := slices.Sorted(maps.Keys(ways))
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		credentials := Credentials{APIKey: secret.Draw(t, "key"), ClientSecret: secret.Draw(t, "client secret")}
		access, refresh := secret.Draw(t, "access token"), secret.Draw(t, "refresh token")
		echoed := rapid.SampledFrom([]string{credentials.APIKey, credentials.ClientSecret, credentials.basic(), access, refresh}).Draw(t, "echoed")
		whole := ways[rapid.SampledFrom(names).Draw(t, "inner")](t, echoed)
		whole = ways[rapid.SampledFrom(names).Draw(t, "outer")](t, whole.text).over(whole)
		text := whole.text
		if rapid.Bool().Draw(t, "cut") {
			from := rapid.IntRange(0, len(text)/2).Draw(t, "from")
			text = text[from:rapid.IntRange(len(text)/2, len(text)).Draw(t, "to")]
		}
		where := rapid.SampledFrom(sites()).Draw(t, "site")
		status, header, body := where.answer(text)
		got := shown(t, credentials, access, refresh, status, header, body)
		if strings.Contains(got, hidden) {
			seen++
		}
		for i := range len(echoed) - leastPiece + 1 {
			piece := whole.text[whole.spans[i].from:whole.spans[i+leastPiece-1].to]
			for _, text := range []string{piece, tidy(piece), html.UnescapeString(piece), echoed[i : i+leastPiece]} {
				if strings.Contains(got, text) {
					t.Fatalf("%s: %q, spelled %q, is kept in %q", where.name, echoed[i:i+leastPiece], piece, got)
				}
			}
		}
	})
	if seen == 0 {
		t.Error("nothing was hidden: the test shows nothing")
	}
}

func TestHide(t *testing.T) {
	r := newRedactor(testSecret, "shorter", "ab", "")
	for text, want := range map[string]string{
		"x" + testSecret + "y ab":                          hidden + " ab",
		"x" + testSecret[:11] + "y":                        "x" + testSecret[:11] + "y",
		"x" + testSecret[:12] + "y z":                      hidden + " z",
		"x" + testSecret[10:] + "y":                        hidden,
		strings.ToUpper(testSecret) + ", z":                hidden + ", z",
		`{"k":"` + testSecret + `"}`:                       `{"k":"` + hidden + `"}`,
		"no " + testSecret[:6] + "\u2028" + testSecret[6:]: "no " + hidden,
		testSecret + testSecret:                            hidden,
		"the shorter one":                                  "the shorter one",
		"the%2Fclient%2Bsecret%3D0002":                     hidden,
		`the\/client\u002bsecret=0002`:                     hidden,
		"the&#47;client&plus;secret&#x3d;00":               hidden,
		"t\u200bh\x00e/cl\nient+secret":                    hidden,
		"VGhpcyBpcyBubyBzZWNyZXQgYXQgYWxsLg":               "VGhpcyBpcyBubyBzZWNyZXQgYXQgYWxsLg",
		"Workspaces-example-5":                             "Workspaces-example-5",
		"100 % & \\ &c; &#x; %zz \\u12":                    "100 % & \\ &c; &#x; %zz \\u12",
	} {
		if got := r.hide(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"the shorter one, ab":         "the " + hidden + " one, ab",
		"the sh%6frter one":           "the " + hidden + " one",
		"the c2hvcnRlcg== one":        "the " + hidden + " one",
		html.EscapeString(testSecret): hidden,
	} {
		if got := r.hide(text, r.short...); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A secret with a character that parts words is hidden to its last letter, with the
// words around it.
func TestHideAcrossWords(t *testing.T) {
	r := newRedactor(`hush hush/0001,"x"`)
	for text, want := range map[string]string{
		`(hush hush/0001,"x")`:            hidden,
		`<an hush+hush%2F0001%2c%22x%22>`: hidden,
		`a\u0020hush hush/0001, y`:        hidden,
	} {
		if got := r.hide(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A hostile text costs little time.
func TestHideIsQuickEnough(t *testing.T) {
	r := newRedactor(testKey, testSecret, testToken, keyed().basic())
	nested := testSecret
	for range 6 {
		nested = base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(nested, "t", "%2574")))
	}
	for _, text := range []string{strings.Repeat("%25", 5000), strings.Repeat("&amp;", 2000), strings.Repeat(`\\`, 4000), strings.Repeat("A", 9000), nested} {
		begun := time.Now()
		r.hide(text, r.short...)
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%.20q…: %v", text, took)
		}
	}
}

func TestLine(t *testing.T) {
	r := reply{ids: phrases{"me@example.com": true}, secrets: newRedactor(testSecret)}
	for text, want := range map[string]string{
		"a\u202e\u200bb\tc\n":                  "a b c",
		strings.Repeat("x ", 146) + testSecret: strings.Repeat("x ", 146) + hidden,
		strings.Repeat("x ", 147) + testSecret: strings.Repeat("x ", 147) + "[hi…",
		"bad \xff byte":                        "bad ? byte",
		"ask Ana <ana.perez@example.com>.":     "ask Ana <" + hidden + ">.",
		"ana@x.y, me@example.com.":             hidden + ", me@example.com.",
		"@ana @ a@ x@":                         "@ana @ a@ x@",
		"Zoë+1@exämple.com":                    hidden,
	} {
		if got := r.line(text, maxMessage, phrases{}); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
