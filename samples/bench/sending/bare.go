package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// answer is what a client has to know of COR's answer.
type answer struct {
	ID         int64 `json:"id"`
	Workspaces []struct {
		ID           int64  `json:"id"`
		Name         string `json:"name"`
		Integrations struct {
			Origin string `json:"origin_external_id"`
			Source string `json:"source"`
			Status string `json:"status"`
		} `json:"json_integrations"`
		Pivot struct {
			WorkspaceID int64       `json:"workspace_id"`
			UserID      int64       `json:"user_id"`
			Percentage  json.Number `json:"percentage"`
		} `json:"pivot"`
	} `json:"workspaces"`
}

// bare sends the requests with net/http and decodes the answers, and does
// nothing else: no pacing, no journal, no checks, no reports.
func bare(file string) error {
	requests, err := readRequests(file)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true}}
	queue := make(chan request)
	failed := make(chan error, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for r := range queue {
				if err := r.send(&client); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for _, r := range requests {
		queue <- r
	}
	close(queue)
	group.Wait()
	close(failed)
	return <-failed
}

func (r request) send(client *http.Client) error {
	call, err := http.NewRequest(r.Method, r.URL, strings.NewReader(r.body()))
	if err != nil {
		return err
	}
	call.Header.Set("Authorization", "Bearer token-of-the-benchmark")
	call.Header.Set("Content-Type", "application/json")
	response, err := client.Do(call)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || len(a.Workspaces) == 0 {
		return fmt.Errorf("%s: %s", response.Status, body)
	}
	return nil
}
