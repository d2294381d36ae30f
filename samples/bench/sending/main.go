// Command sending measures how fast requests leave: corattach with its journal
// and reports, a bare net/http client and, where it is installed, vegeta, in turn
// against one loopback server, 16 workers each.
//
//	go build ./cmd/corattach
//	go run ./samples/bench/sending
//
// With the argument pace it shows instead how close the sending is to what a slow
// server and --rate allow.
//
// It is no part of the program: nothing imports it, and nothing of it is shipped.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const workers = 16

func main() {
	program := flag.String("program", "./corattach", "the program to measure")
	count := flag.Int("requests", 20_000, "requests of three workspaces each")
	rounds := flag.Int("rounds", 5, "times that each of them runs, in turn; the medians count")
	dir := flag.String("dir", "", "directory to work in, whose disk keeps the journal; a temporary one if not given")
	flag.Parse()
	var err error
	switch flag.Arg(0) {
	case "serve":
		err = serve()
	case "bare":
		err = bare(flag.Arg(1))
	case "pace":
		err = pace(*program, *dir)
	default:
		err = compare(*program, *dir, *count, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// compare runs all of them and prints the table.
func compare(program, dir string, count, rounds int) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err = os.MkdirTemp(dir, "sending-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	url, stop, err := startServer(exec.Command(self, "serve"))
	if err != nil {
		return err
	}
	defer stop()
	if err := prepare(program, url, dir, count); err != nil {
		return err
	}
	clients := []client{
		{"bare net/http client", []string{self, "bare", "requests.jsonl"}},
		{"corattach import", importCommand(program, url, "0")},
	}
	if vegeta, err := exec.LookPath("vegeta"); err == nil {
		clients = append(clients, client{"vegeta attack", []string{vegeta, "attack", "-format", "json", "-lazy", "-targets", "targets.jsonl",
			"-rate", "0", "-workers", strconv.Itoa(workers), "-max-workers", strconv.Itoa(workers),
			"-connections", strconv.Itoa(workers), "-max-body", "0", "-output", os.DevNull}})
	}
	costs := make([][]cost, len(clients))
	for range rounds + 1 {
		for i, c := range clients {
			used, err := c.run(dir)
			if err != nil {
				return err
			}
			costs[i] = append(costs[i], used)
		}
	}
	printTable(clients, costs, count)
	return nil
}

func importCommand(program, url, rate string) []string {
	return []string{program, "import", "--base-url", url, "--auth-url", url + "/v1",
		"--rate", rate, "--workers", strconv.Itoa(workers), "--runs-dir", "runs", "rows.csv"}
}

// client is something that sends all the requests, as a whole process.
type client struct {
	name    string
	command []string
}

// cost is what one run of a client took.
type cost struct {
	wall, cpu time.Duration
}

func (c client) run(dir string) (cost, error) {
	process := exec.Command(c.command[0], c.command[1:]...)
	process.Dir = dir
	process.Env = append(os.Environ(), "COR_API_KEY=key-of-the-benchmark", "COR_CLIENT_SECRET=secret-of-the-benchmark")
	began := time.Now()
	out, err := process.CombinedOutput()
	wall := time.Since(began)
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w\n%s", c.name, err, out)
	}
	return cost{wall, process.ProcessState.UserTime() + process.ProcessState.SystemTime()}, nil
}

// printTable prints the medians; the first round, which warms up, is left out.
// Ratios are taken round by round.
func printTable(clients []client, costs [][]cost, count int) {
	fmt.Printf("%d requests of three workspaces, %d workers\n\n", count, workers)
	fmt.Printf("%-22s %12s %14s %12s %12s\n", "", "requests/s", "CPU/request", "rate ratio", "CPU ratio")
	for i, c := range clients {
		var rates, uses, rateRatios, useRatios []float64
		for j, used := range costs[i][1:] {
			bare := costs[0][j+1]
			rates = append(rates, float64(count)/used.wall.Seconds())
			uses = append(uses, float64(used.cpu.Microseconds())/float64(count))
			rateRatios = append(rateRatios, bare.wall.Seconds()/used.wall.Seconds())
			useRatios = append(useRatios, used.cpu.Seconds()/bare.cpu.Seconds())
		}
		fmt.Printf("%-22s %12.0f %11.1f µs %12.2f %12.2f\n", c.name, median(rates), median(uses), median(rateRatios), median(useRatios))
	}
	fmt.Println("\nratios: to the bare client, in the same round")
}

func median(values []float64) float64 {
	slices.SortFunc(values, cmp.Compare)
	return values[len(values)/2]
}
