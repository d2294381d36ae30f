// Command duckdb has DuckDB do the work of a dry run, for samples/bench/run to set
// beside it: read a CSV, check each row, group the good ones by user and source,
// join that back, and write a line per row in input order.
//
//	duckdb IN.csv OUT.csv
//
// It is a module of its own: DuckDB is no part of the program.
package main

import (
	"database/sql"
	"log"
	"os"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2"
)

const work = `
CREATE TABLE cells AS
	SELECT row_number() OVER () AS line, user_id, workspace_id, percentage, source
	FROM read_csv('IN', all_varchar = true);
CREATE TABLE checked AS
	SELECT *, try_cast(percentage AS DECIMAL(7, 4)) AS number,
		number IS NOT NULL AND number BETWEEN 0 AND 100 AND user_id <> '' AND workspace_id <> '' AND
		upper(source) IN ('JIRA', 'SALESFORCE', 'ADVERTMIND', 'QUICKBOOKS', 'ZAPIER', 'OKTA', 'MICROSOFT_DYNAMICS', 'GITHUB', 'MICROSOFT_TEAMS', 'VBS', 'SAP', 'GLOBANT') AS good
	FROM cells;
CREATE TABLE users AS SELECT user_id, bool_and(good) AS good, sum(number) AS total FROM checked GROUP BY user_id;
CREATE TABLE requests AS SELECT user_id, source, list(workspace_id) AS workspaces, list(number) AS numbers FROM checked WHERE good GROUP BY user_id, source;
CREATE TABLE pairs AS SELECT user_id, workspace_id, source, min(line) AS first, count(DISTINCT number) AS percentages FROM checked WHERE good GROUP BY ALL;
COPY (
	SELECT line, c.user_id, c.workspace_id, c.percentage, c.source,
		CASE WHEN NOT c.good OR percentages > 1 THEN 'invalid' WHEN first < line THEN 'duplicate' WHEN NOT u.good THEN 'held' ELSE 'planned' END AS status
	FROM checked c JOIN users u USING (user_id) LEFT JOIN pairs p ON p.user_id = c.user_id AND p.workspace_id = c.workspace_id AND p.source = c.source
	ORDER BY line
) TO 'OUT' (HEADER);
`

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: duckdb IN.csv OUT.csv")
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(strings.NewReplacer("IN'", os.Args[1]+"'", "OUT'", os.Args[2]+"'").Replace(work)); err != nil {
		log.Fatal(err)
	}
}
