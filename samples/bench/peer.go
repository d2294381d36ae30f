//go:build ignore

// Peer makes the files that samples/bench/run measures with, reads them in the
// plainest ways, and measures commands:
//
//	peer make ROWS           rows of users with three workspaces each, in random order, the same every time
//	peer csv FILE            reads with encoding/csv and does nothing else
//	peer gocsv FILE          reads with gocsv's Unmarshaller and does nothing else
//	peer time RUNS COMMAND…  runs a command so many times; prints the seconds of the fastest run, its CPU seconds and its peak memory in MB
package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gocarina/gocsv"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: peer make|csv|gocsv|time …")
	}
	var err error
	switch os.Args[1] {
	case "make":
		err = generate(os.Args[2])
	case "csv":
		err = read(os.Args[2], plain)
	case "gocsv":
		err = read(os.Args[2], mapped)
	case "time":
		err = measure(os.Args[2], os.Args[3:])
	default:
		err = fmt.Errorf("unknown %q", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func generate(rows string) error {
	n, err := strconv.Atoi(rows)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	fmt.Fprintln(w, "user_id,workspace_id,percentage,source,_name,_mail")
	percentages := []int{50, 30, 20}
	var line []byte
	for _, i := range rand.New(rand.NewSource(1)).Perm(n) {
		user, k := i/3, i%3
		line = fmt.Appendf(line[:0], "EMP-%07d,WS-%05d,%d,SAP,Person %07d,p%07d@x.org\n", user, (user*7+k*13)%5000, percentages[k], user, user)
		w.Write(line)
	}
	return w.Flush()
}

func read(path string, with func(*csv.Reader) (int, error)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := csv.NewReader(bufio.NewReaderSize(file, 256<<10))
	r.ReuseRecord = true
	rows, err := with(r)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	fmt.Println(rows, "rows")
	return err
}

func plain(r *csv.Reader) (rows int, err error) {
	if _, err = r.Read(); err != nil {
		return 0, err
	}
	for ; ; rows++ {
		if _, err = r.Read(); err != nil {
			return rows, err
		}
	}
}

func mapped(r *csv.Reader) (rows int, err error) {
	u, err := gocsv.NewUnmarshaller(r, &struct {
		User       string `csv:"user_id"`
		Workspace  string `csv:"workspace_id"`
		Percentage string `csv:"percentage"`
		Source     string `csv:"source"`
	}{})
	if err != nil {
		return 0, err
	}
	for ; ; rows++ {
		if _, err = u.Read(); err != nil {
			return rows, err
		}
	}
}

func measure(runs string, command []string) error {
	n, err := strconv.Atoi(runs)
	if err != nil || n < 1 || len(command) == 0 {
		return errors.New("usage: peer time RUNS COMMAND…")
	}
	var best time.Duration
	var of *os.ProcessState
	for range n {
		c := exec.Command(command[0], command[1:]...)
		var said bytes.Buffer
		c.Stderr = &said
		start := time.Now()
		if err := c.Run(); err != nil {
			return fmt.Errorf("%v: %w\n%s", command, err, said.Bytes())
		}
		if took := time.Since(start); of == nil || took < best {
			best, of = took, c.ProcessState
		}
	}
	fmt.Printf("%.3f %.3f %d\n", best.Seconds(), (of.UserTime() + of.SystemTime()).Seconds(), peak(of))
	return nil
}

// peak is the most memory a process had, in MB; 0 where the system does not tell.
// What SysUsage is differs from system to system, so it is read as text.
func peak(of *os.ProcessState) int64 {
	_, rest, found := strings.Cut(fmt.Sprintf("%+v", of.SysUsage()), "Maxrss:")
	if !found {
		return 0
	}
	var size int64
	fmt.Sscanf(rest, "%d", &size)
	if runtime.GOOS == "darwin" { // bytes there, kilobytes elsewhere
		size >>= 10
	}
	return size >> 10
}
