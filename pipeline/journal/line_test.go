package journal

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

func drawText(t *rapid.T, label string) string {
	plain := rapid.StringMatching(`[A-Za-z0-9 _.,:%'{}\[\]-]{0,12}`)
	return rapid.OneOf(plain, plain, rapid.String(), rapid.SampledFrom(hostile)).Draw(t, label)
}

func drawAttempt(t *rapid.T) pipeline.Attempt {
	a := pipeline.Attempt{
		Key: pipeline.Key{User: pipeline.UserID(drawText(t, "user")), Source: pipeline.Source(drawText(t, "source")),
			Vanished: rapid.Bool().Draw(t, "vanished"), Chunk: rapid.IntRange(0, 3).Draw(t, "chunk")},
		Op: pipeline.Op(rapid.IntRange(0, 1).Draw(t, "op")),
		At: time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "at")).UTC(),
	}
	for range rapid.IntRange(1, 3).Draw(t, "shares") {
		share := pipeline.Share{Workspace: pipeline.WorkspaceID(drawText(t, "workspace")), Percent: pipeline.Percent(rapid.Int64Range(0, 1_000_000).Draw(t, "percent"))}
		a.Shares = append(a.Shares, share)
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "only") {
		a.Only = append(a.Only, pipeline.WorkspaceID(drawText(t, "workspace")))
	}
	return a
}

func drawAnswer(t *rapid.T) *pipeline.Answer {
	a := &pipeline.Answer{
		Status: rapid.IntRange(200, 299).Draw(t, "status"), UserID: rapid.Int64().Draw(t, "id"), Pivots: []pipeline.Pivot{},
		RequestID: drawText(t, "request id"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "pivots") {
		a.Pivots = append(a.Pivots, pipeline.Pivot{
			Workspace: pipeline.WorkspaceID(drawText(t, "workspace")), Source: pipeline.Source(drawText(t, "source")),
			Percentage: drawText(t, "percentage"), UserID: rapid.Int64().Draw(t, "user"), WorkspaceID: rapid.Int64().Draw(t, "workspace id"),
			Name: drawText(t, "name"), Integration: drawText(t, "status"), Problem: drawText(t, "problem"),
		})
	}
	for range rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "errors") {
		a.Errors = append(a.Errors, pipeline.ItemError{
			Workspace: pipeline.WorkspaceID(drawText(t, "workspace")), Code: drawText(t, "code"), Message: drawText(t, "message"),
			Attached: rapid.Bool().Draw(t, "attached"),
		})
	}
	return a
}

// toAttempt is an attempt as encoding/json writes it.
func toAttempt(a pipeline.Attempt) *attempt {
	out := &attempt{User: string(a.User), Source: string(a.Source), Vanished: a.Vanished, Chunk: a.Chunk, Op: opName(a.Op), At: a.At}
	for _, w := range a.Only {
		out.Only = append(out.Only, string(w))
	}
	for _, s := range a.Shares {
		out.Shares = append(out.Shares, share{string(s.Workspace), s.Percent})
	}
	return out
}

// What is written without encoding/json is what encoding/json would write, and
// what is read without it is what it would read.
func TestLinesAreThoseOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, answer, number := drawAttempt(t), drawAnswer(t), rapid.Int64Range(1, 1<<62).Draw(t, "n")
		var ended time.Time
		if rapid.Bool().Draw(t, "ended") {
			ended = time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "end")).UTC()
		}
		for _, c := range []struct {
			got  []byte
			want record
		}{
			{appendAttempt(appendHead(nil, typeBegin, number), &a), record{Type: typeBegin, Number: number, Attempt: toAttempt(a)}},
			{appendAnswer(appendHead(nil, typeEnd, number), answer, ended), record{Type: typeEnd, Number: number, Answer: toAnswer(answer), At: ended}},
		} {
			body, err := json.Marshal(&c.want)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(c.got, body) {
				t.Fatalf("written:\n%s\nencoding/json writes:\n%s", c.got, body)
			}
			text, err := seal(body)
			if err != nil {
				t.Fatal(err)
			}
			checkLine(t, text)
		}
	})
}

// checkLine reads a line in both ways and checks that both say the same.
func checkLine(t *rapid.T, text []byte) {
	l := &line{text: text}
	if reason := checksum(text); reason != "" || !l.readHead() {
		t.Fatalf("%s: %s", reason, text)
	}
	r, err := l.record()
	if err != nil {
		t.Fatal(err)
	}
	if r.Number != l.number || r.Type != l.kind {
		t.Fatalf("%s %d is read as %s %d", r.Type, r.Number, l.kind, l.number)
	}
	if a, ok := l.form().attempt(); ok {
		if diff := cmp.Diff(r.Attempt.attempt(), a); diff != "" {
			t.Fatal(diff)
		}
	}
	if a, ended, ok := l.form().answer(); ok {
		if diff := cmp.Diff(r.Answer.answer(), a); diff != "" || !ended.Equal(r.At) {
			t.Fatalf("ended %v: %s", ended, diff)
		}
	}
}

// A begin that could not be read back is never written: it ends the journal.
func TestBeginOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := must(New(must(Create(path))(t), Header{RunID: "r"}))(t)
	a := attemptOf("U")
	a.Shares = nil
	if _, err := j.Begin(a); err == nil {
		t.Error("an attempt that asks for nothing is begun")
	}
	if _, err := j.Begin(attemptOf("U")); err == nil {
		t.Error("the journal goes on")
	}
	_ = j.Close()
	for _, err := range must(Read(path))(t).Exchanges() {
		if err != nil {
			t.Error(err)
		}
	}
}

// Records as a run has them by the thousand are read without encoding/json.
func TestUsualRecordsAreReadAtOnce(t *testing.T) {
	begin := must(seal(appendAttempt(appendHead(nil, typeBegin, 7), &pipeline.Attempt{
		Key: pipeline.Key{User: "Ünïcödé", Source: "SAP", Chunk: 2}, At: epoch,
		Shares: []pipeline.Share{{Workspace: "W1", Percent: 333_333}, {Workspace: "W2"}},
	})))(t)
	end := must(seal(appendAnswer(appendHead(nil, typeEnd, 7), answered("U").Answer, epoch)))(t)
	if _, ok := lineOf(t, begin).form().attempt(); !ok {
		t.Errorf("not read: %s", begin)
	}
	if _, _, ok := lineOf(t, end).form().answer(); !ok {
		t.Errorf("not read: %s", end)
	}
}

// Records that later versions of the program may write, or that stand in
// another form, are read all the same.
func TestOtherFormsAreRead(t *testing.T) {
	begin := attemptOf("U")
	end := answered("U")
	for body, want := range map[string]any{
		`{"type":"begin","n":1,"attempt":{"user":"U","source":"SAP","op":"attach","shares":[{"workspace":"W","percentage":60}],"at":"2026-11-23T03:15:00.123456789Z","new":[1]}}`:   begin,
		`{"type":"begin","n":1,"new":1,"attempt":{"user":"U","source":"SAP","op":"attach","shares":[{"workspace":"W","percentage":60}],"at":"2026-11-23T03:15:00.123456789Z"}}`:     begin,
		`{"type":"begin","n":1, "attempt": {"op":"attach","shares":[{"workspace":"\u0057","percentage":60}],"user":"U","source":"SAP","at":"2026-11-23T04:15:00.123456789+01:00"}}`: begin,
		`{"type":"end","n":1,"answer":{"user_id":7,"status":200,"pivots":[{"workspace":"W","source":"SAP","percentage":"60","user_id":7,"workspace_id":11,"new":{}}]}}`:             *end.Answer,
	} {
		l := lineOf(t, must(seal([]byte(body)))(t))
		var got any
		if strings.HasPrefix(body, `{"type":"begin"`) {
			got = must(l.attempt())(t)
		} else {
			var e pipeline.Exchange
			check(t, l.outcome(&e))
			got = *e.Answer
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	for _, body := range []string{
		`{"type":"begin","n":1}`,
		`{"type":"begin","n":1,"attempt":{"user":"U","op":"other"}}`,
		`{"type":"end","n":1,"answer":{"status":200,"user_id":7,"pivots":[{"workspace":"W"`,
		`{"type":"end","n":1,"fault":{"kind":"none of ours"}}`,
	} {
		l := lineOf(t, must(seal([]byte(body+"}")))(t))
		if _, err := l.attempt(); err == nil {
			t.Errorf("an attempt is read from %s", body)
		}
		if l.outcome(new(pipeline.Exchange)) == nil {
			t.Errorf("an outcome is read from %s", body)
		}
	}
}
