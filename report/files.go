package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"corattach/pipeline"
)

const (
	// ReconciliationHeader is the first line of reconciliation.csv.
	ReconciliationHeader = "file,line,user_id,workspace_id,source,percentage," +
		"pivot_percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status," +
		"status,reason,http_status,error_code,attempts,sent_at"

	failedHeader = "user_id,workspace_id,percentage,source,_status,_reason,_file,_line,_raw"

	// timeLayout is RFC 3339 in UTC, to the millisecond.
	timeLayout = "2006-01-02T15:04:05.000Z"

	byteOrderMark = "\ufeff" // tells a spreadsheet that a file is UTF-8
	rawShown      = 255      // bytes of a record without cells, in reconciliation.csv
	rawKept       = 32 << 10 // bytes of a raw line, in failed.csv
)

// writeReconciliation writes reconciliation.csv, and sums up what stands in it. A
// record that has no cells shows the beginning of its raw line as user_id.
func writeReconciliation(w io.Writer, r *Run) (*Summary, error) {
	s, t := NewSheet(w, ReconciliationHeader), newTally(r)
	for l := range r.Lines {
		t.add(l)
		cells, pivot, sent := l.Cells, cmp.Or(l.Pivot, &pipeline.Pivot{}), ""
		if l.Raw != "" && cells == (pipeline.Cells{}) {
			cells.User = pipeline.Cut(pipeline.ValidUTF8(l.Raw), rawShown)
		}
		if !l.SentAt.IsZero() {
			sent = l.SentAt.UTC().Format(timeLayout)
		}
		s.Row(r.Inputs[l.File].File, number(l.Line), cells.User, cells.Workspace, cells.Source, cells.Percentage,
			pivot.Percentage, some(pivot.UserID), some(pivot.WorkspaceID), pivot.Name, pivot.Integration,
			string(l.Status), l.Reason, some(l.HTTPStatus), l.ErrorCode, number(l.Attempts), sent)
	}
	return t.summarize(), s.End()
}

func number[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// some writes an integer, and 0 as a blank cell.
func some[N int | int64](n N) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// writeFailed writes failed.csv: the rows that are to be sent again, behind a byte
// order mark if any cell is not ASCII.
func writeFailed(w io.Writer, r *Run) error {
	header := failedHeader
	for l := range r.Attention {
		if strings.ContainsFunc(failedRecord(l, r), func(c rune) bool { return c >= utf8.RuneSelf }) {
			header = byteOrderMark + header
			break
		}
	}
	out := NewSheet(w, header).out // its first error stays
	for l := range r.Attention {
		_, _ = out.WriteString(failedRecord(l, r))
	}
	return out.Flush()
}

// failedRecord is a row of failed.csv. The four cells of the input stand there byte for
// byte: read again, they must give the verdict they gave, while a bad id with its bytes
// written as \xNN would be another, good id. A record with a raw line has that in _raw
// and, where it is known, its user in user_id: read again it is invalid and holds its user.
func failedRecord(l *pipeline.Line, r *Run) string {
	cells := l.Cells
	if l.Raw != "" {
		cells = pipeline.Cells{User: string(l.User)}
	}
	record := []string{
		cells.User, cells.Workspace, cells.Percentage, cells.Source, string(l.Status), pipeline.ValidUTF8(l.Reason),
		r.Inputs[l.File].File, number(l.Line), pipeline.Cut(pipeline.ValidUTF8(l.Raw), rawKept),
	}
	for i := range record {
		record[i] = quote(record[i])
	}
	return strings.Join(record, ",") + "\n"
}

// writeUnmapped writes unmapped.csv: users first, then workspaces, then what may be
// either. A row of the input counts for an id whatever became of the row.
func writeUnmapped(w io.Writer, r *Run) error {
	cellsOf := func(l *pipeline.Line, kind pipeline.Subject) [3]string {
		if kind == pipeline.UnknownWorkspace {
			return [3]string{string(kind), string(l.Workspace), string(l.Source)}
		}
		return [3]string{string(kind), string(l.User), string(l.Source)}
	}
	type rows struct {
		count int64
		first pipeline.Place
	}
	unknown := map[[3]string]*rows{}
	order := map[pipeline.Subject][][3]string{}
	for l := range r.Attention {
		cells := cellsOf(l, l.Subject)
		if l.Subject != "" && (l.Subject != pipeline.UnknownWorkspace || l.Named) && unknown[cells] == nil {
			unknown[cells] = &rows{}
			order[l.Subject] = append(order[l.Subject], cells)
		}
	}
	s := NewSheet(w, "kind,id,source,rows,first_line")
	if len(unknown) == 0 {
		return s.End()
	}
	kinds := []pipeline.Subject{pipeline.UnknownUser, pipeline.UnknownWorkspace, pipeline.UnknownEither}
	for l := range r.Lines {
		for _, kind := range kinds {
			if found := unknown[cellsOf(l, kind)]; found != nil {
				if found.count == 0 {
					found.first = l.Place
				}
				found.count++
			}
		}
	}
	for _, kind := range kinds {
		for _, cells := range order[kind] {
			s.Row(cells[0], cells[1], cells[2], number(unknown[cells].count), r.PlaceText(unknown[cells].first))
		}
	}
	return s.End()
}

// writeExtras writes extras.csv: what COR returned that no row of the user lists,
// and what disappeared unasked, which has no percentage any more.
func writeExtras(w io.Writer, r *Run) error {
	s := NewSheet(w, "user_id,workspace_id,source,percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status")
	for u := range r.Users {
		for _, p := range slices.Concat(u.Extras, u.Lost) {
			s.Row(string(u.User), string(p.Workspace), string(p.Source), p.Percentage, some(p.UserID), some(p.WorkspaceID), p.Name, p.Integration)
		}
	}
	return s.End()
}

func writeUsers(w io.Writer, r *Run) error {
	s := NewSheet(w, "user_id,rows,requested_total,returned_total,over_allocated,requests,worst_status")
	for u := range r.Users {
		s.Row(string(u.User), number(u.Rows), u.Requested.String(), u.Returned, strconv.FormatBool(u.OverAllocated), number(u.Requests), string(u.Worst))
	}
	return s.End()
}

func writeVanished(w io.Writer, r *Run) error {
	s := NewSheet(w, "user_id,workspace_id,source,percentage,confirmed_at")
	for _, v := range r.Vanished {
		s.Row(string(v.User), string(v.Workspace), string(v.Source), v.Percentage, v.ConfirmedAt.UTC().Format(timeLayout))
	}
	return s.End()
}

// writeRequests writes requests.jsonl: each request as it would be sent.
func writeRequests(w io.Writer, r *Run) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for request := range r.Requests {
		var line struct {
			Method string          `json:"method"`
			URL    string          `json:"url"`
			Body   json.RawMessage `json:"body"`
		}
		line.Method, line.URL, line.Body = r.Render(&request)
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON writes v as one JSON document with a final newline, on one line if indent is
// blank. Characters that could steer a terminal are written as \uNNNN, which JSON reads
// back as what they were. An error is w's or that of the encoding.
func WriteJSON(w io.Writer, v any, indent string) error {
	var document bytes.Buffer
	e := json.NewEncoder(&document)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	var visible []byte
	for _, r := range document.String() {
		if r == '\n' || unicode.IsPrint(r) {
			visible = utf8.AppendRune(visible, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			visible = fmt.Appendf(visible, `\u%04x`, unit)
		}
	}
	_, err := w.Write(visible)
	return err
}
