package cor

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

func TestBodyIsTheDocumentedExample(t *testing.T) {
	example, err := os.ReadFile("testdata/attach-request.json")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, example); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(Body(pipeline.Attach, sample()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// standardBody is Body by encoding/json.
func standardBody(op pipeline.Op, r pipeline.Request) string {
	type share struct {
		Workspace string      `json:"workspaceId"`
		Percent   json.Number `json:"percentage"`
	}
	workspaces := []any{}
	for _, s := range r.Shares {
		if op == pipeline.Detach {
			workspaces = append(workspaces, string(s.Workspace))
		} else {
			workspaces = append(workspaces, share{string(s.Workspace), json.Number(s.Percent.String())})
		}
	}
	type metadata struct {
		Source string `json:"source"`
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(struct {
		Workspaces []any    `json:"workspaces"`
		Metadata   metadata `json:"metadata"`
	}{workspaces, metadata{string(r.Source)}})
	// encoding/json escapes three characters that RFC 8785 leaves as they are.
	value := jsontext.Value(out.Bytes())
	_ = value.Format(jsontext.PreserveRawStrings(false))
	return string(value)
}

func TestBodyEqualsEncodingJSON(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"", "<&>", "\u2028\u2029", `\u2028`, "\x7f", "a\"b\\c/", "\x00\x1f\b\f\n\r\t", "\xff", "\ufffd", "😀"}))
	rapid.Check(t, func(t *rapid.T) {
		r := pipeline.Request{Key: pipeline.Key{Source: pipeline.Source(text.Draw(t, "source"))}}
		for range rapid.IntRange(0, 4).Draw(t, "shares") {
			r.Shares = append(r.Shares, pipeline.Share{
				Workspace: pipeline.WorkspaceID(text.Draw(t, "workspace")),
				Percent:   pipeline.Percent(rapid.Int64Range(0, int64(pipeline.Hundred)).Draw(t, "percent")),
			})
		}
		op := rapid.SampledFrom([]pipeline.Op{pipeline.Attach, pipeline.Detach}).Draw(t, "op")
		if diff := cmp.Diff(standardBody(op, r), string(Body(op, r))); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// Any user comes back whole from the one segment it is sent in.
func TestURLKeepsTheUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := string(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "user"))
		full := URL("https://cor.example/prefix/", pipeline.Detach, pipeline.UserID(user))
		parsed, err := url.Parse(full)
		if err != nil {
			t.Fatal(err)
		}
		if "https://cor.example"+parsed.RequestURI() != full {
			t.Fatalf("%s is sent as %s", full, parsed.RequestURI())
		}
		parts := strings.Split(parsed.EscapedPath(), "/")
		if len(parts) != 7 {
			t.Fatalf("%d segments in %s", len(parts), full)
		}
		if got, err := url.PathUnescape(parts[5]); err != nil || got != user {
			t.Fatalf("%q came back as %q, %v", user, got, err)
		}
	})
}

func TestCheckURL(t *testing.T) {
	for _, good := range []string{
		DefaultBaseURL, DefaultAuthURL, "https://cor.example:8443/a/b/", "http://127.0.0.1:8089", "http://127.9.9.9",
		"http://[::1]:80/x", "http://localhost:1", "http://LOCALHOST", "HTTPS://cor.example", "https://cor.example/a%2Fb",
	} {
		if err := CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                           "must begin with https://",
		"cor.example":                "must begin with https://",
		"ftp://cor.example":          "must begin with https://",
		"http://cor.example":         "plain http goes to loopback only",
		"http://10.0.0.1":            "plain http goes to loopback only",
		"http://localhost.evil.test": "plain http goes to loopback only",
		"http://127.0.0.1.evil.test": "plain http goes to loopback only",
		"https://":                   "must be a URL with a host",
		"https://:443":               "must be a URL with a host",
		"https:cor.example":          "must be a URL with a host",
		"https://cor.example?x=1":    "must be a URL with a host",
		"https://cor.example?":       "must be a URL with a host",
		"https://cor.example/#":      "must be a URL with a host",
		"https://cor.example/#token": "what is given must be a URL with a host",
		"https://cor.example/ü":      "must be a URL with a host",
		"https://cor.example/a b":    "must be a URL with a host",
		"https://cor.example:port":   "must be a URL with a host",
		"https://u:hush@cor.example": "must be a URL with a host",
		"https://u:hu/sh@x":          "must be a URL with a host",
		"u:hush@cor.example":         "must begin with https://",
		"https:u:hush@cor.example":   "must be a URL with a host",
		"https:///u:hush@x":          "must be a URL with a host",
		"https://cor.example?k=hush": "must be a URL with a host",
		"https://cor.example/%zz":    "must be a URL with a host",
	} {
		err := CheckURL(bad)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", bad, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hu/")) {
			t.Errorf("%q: the password shows: %v", bad, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	if c := client(t, Config{}); c.base != DefaultBaseURL || c.auth != DefaultAuthURL || c.agent != "corattach" {
		t.Errorf("got %+v", c)
	}
}

func BenchmarkBody(b *testing.B) {
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		Body(pipeline.Attach, r)
	}
}
