package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/journal"
)

// pieces are what generated lines are made of: good rows of few users, repeated
// and contradicting ones, bad cells, broken records and lines that are no rows.
func pieces() []string {
	return []string{
		"U%d,W%d,5,SAP,n\n", "U%d,W%d,5,SAP,n\n", "U%d,W%d,5,SAP,n\n", "\"U%d\",\"W%d\",\"5\",sap,\"a \"\"note\"\"\"\n",
		"U%d,W%d,6,OKTA,n\r\n", "U%d,W%d,7,OKTA,\"two\nlines\"\n", "U%d,W%d,x,SAP,n\n", "U%d,W%d\n", ",W%d%d,5,SAP,n\n", "\"U%d,W%d,5,SAP,n\n", "%d\"%d\n", "\n",
	}
}

// TestAccounting holds the reports of whole dry runs, of many batches and on all
// processors, to what is promised: every record stands there once, in input
// order, and the users add up to the rows, in order of first appearance.
func TestAccounting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.IntRange(0, 4000).Draw(t, "lines")
		users := rapid.SampledFrom([]int{1, 20, 1000, 1 << 30}).Draw(t, "users")
		kinds := rapid.SliceOfN(rapid.SampledFrom(pieces()), 1, 6).Draw(t, "kinds")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var text bytes.Buffer
		text.WriteString("user_id,workspace_id,percentage,source,_note\n")
		for range lines {
			fmt.Fprintf(&text, kinds[random.IntN(len(kinds))], random.IntN(users), random.IntN(50))
		}
		file, runs := filepath.Join(dir, "in.csv"), filepath.Join(dir, "runs")
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(runs)
		var out strings.Builder
		a := &app{stdin: nil, stdout: &out, stderr: io.Discard, journalFile: func(f journal.File) journal.File { return f }}
		code := a.run([]string{"import", "--dry-run", "--no-requests", "--allow-empty", "--max-invalid", "100%", "--runs-dir", runs, file})
		if code != pipeline.ExitDone && code != pipeline.ExitRows || !strings.Contains(out.String(), "\nrows ") || strings.Contains(out.String(), "balanced") {
			t.Fatalf("exit %d\n%s", code, out.String())
		}
		checkAccounts(t, readReport(t, runs, "reconciliation.csv"), readReport(t, runs, "users.csv"))
	})
}

func readReport(t *rapid.T, runs, name string) [][]string {
	found, err := filepath.Glob(filepath.Join(runs, "*", name))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return records[1:]
}

// checkAccounts sets the rows of reconciliation.csv against those of users.csv.
func checkAccounts(t *rapid.T, lines, users [][]string) {
	var order []string
	rows := map[string]int{}
	last := 1
	for _, line := range lines {
		number, err := strconv.Atoi(line[1])
		if err != nil || number <= last {
			t.Fatalf("line %s after %d", line[1], last)
		}
		last = number
		user := line[2]
		if strings.Contains(line[12], "fields where the header has") {
			user, _, _ = strings.Cut(user, ",")
		}
		if user == "" || strings.HasPrefix(line[12], "broken record") {
			continue
		}
		if rows[user]++; rows[user] == 1 {
			order = append(order, user)
		}
	}
	var told []string
	for _, user := range users {
		told = append(told, user[0])
		if user[1] != strconv.Itoa(rows[user[0]]) {
			t.Fatalf("user %s has %s rows, want %d", user[0], user[1], rows[user[0]])
		}
	}
	if !slices.Equal(order, told) {
		t.Fatalf("users in another order: %v, want %v", told, order)
	}
}
