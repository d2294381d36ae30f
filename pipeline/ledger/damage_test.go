package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"corattach/pipeline"
)

// filled makes a ledger with something in every table, and returns its path.
func filled(t testing.TB, users int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := Open(path)
	check(t, err)
	var names []string
	for i := range users {
		names = append(names, fmt.Sprintf("U%04d/W1", i), fmt.Sprintf("U%04d/W2", i))
	}
	send(t, l, run(1, "staff"), names...)
	base := imported(names[:len(names)/2]...)
	base.Baseline, base.Troubled = true, troubled("U0001", "a row failed")
	check(t, conclude(l, run(1, "staff"), base))
	check(t, apply(l, run(2, "staff"), 1, exchanges(by("U0000", answered(attach(1, "W1=60"), "W1=60@5", "W2=60@6")))))
	check(t, l.Doubt(1))
	check(t, l.Close())
	return path
}

// decisions is all that a ledger decides about some users.
func decisions(path string) (string, error) {
	l, err := Read(path)
	if err != nil {
		return "", err
	}
	defer l.Close()
	all := fmt.Sprint(l.Runs, l.Floor)
	none := func(pipeline.Pair) bool { return false }
	for _, user := range []pipeline.UserID{"U0000", "U0001", "U0002", "U0040"} {
		for _, p := range l.Pairs(here, user) {
			all += fmt.Sprint(p, l.Protection(here, p.Pair, none), l.SameIdentity(here, p.Identity))
		}
	}
	return all + fmt.Sprint(l.Vanished(here, "staff", none), l.Attached(here), l.Drop(here, "staff", imported("U0001/W1"))), nil
}

// No flipped bit of a value changes what is decided: the file is refused, by its name,
// or the bit means nothing.
func TestFlippedBits(t *testing.T) {
	path := filled(t, 300)
	want, err := decisions(path)
	check(t, err)
	content, err := os.ReadFile(path)
	check(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for _, value := range entriesOf(t, path) {
		at := bytes.LastIndex(content, value)
		bit := 8*at + random.IntN(8*len(value))
		flipped := slices.Clone(content)
		flipped[bit/8] ^= 1 << (bit % 8)
		check(t, os.WriteFile(path, flipped, 0o600))
		got, err := decisions(path)
		switch {
		case err == nil && got != want:
			t.Errorf("bit %d changes what is decided", bit)
		case err != nil && !strings.Contains(err.Error(), path):
			t.Errorf("bit %d: %v", bit, err)
		case err != nil:
			refused++
		}
	}
	if refused < 300 {
		t.Errorf("only %d flipped bits were found", refused)
	}
}

// What is changed in any entry is found.
func TestDamagedEntries(t *testing.T) {
	path := filled(t, 2)
	for name, change := range map[string]func(entries map[string][]byte, key string){
		"a value": func(entries map[string][]byte, key string) { entries[key][len(entries[key])/2] ^= 4 },
		"a key": func(entries map[string][]byte, key string) {
			other := []byte(key)
			other[len(other)-1] ^= 1
			entries[string(other)] = entries[key]
			delete(entries, key)
		},
	} {
		for key := range entriesOf(t, path) {
			all := entriesOf(t, path)
			change(all, key)
			damaged := filepath.Join(t.TempDir(), "ledger")
			write(t, damaged, bucket, all)
			if _, err := decisions(damaged); !isUnusable(err) {
				t.Errorf("%s: %q: %v", name, key, err)
			}
		}
	}
}

// entriesOf returns what a file stores.
func entriesOf(t *testing.T, path string) map[string][]byte {
	db, err := bbolt.Open(path, 0o600, nil)
	check(t, err)
	defer db.Close()
	all := make(map[string][]byte)
	check(t, db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucket)).ForEach(func(key, value []byte) error {
			all[string(key)] = slices.Clone(value)
			return nil
		})
	}))
	return all
}

func write(t *testing.T, path, bucket string, all map[string][]byte) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	check(t, err)
	check(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucket))
		for key, value := range all {
			err = errors.Join(err, b.Put([]byte(key), value))
		}
		return err
	}))
	check(t, db.Close())
}

func TestNoLedger(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"a text":    func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("no ledger\n", 9000)), 0o600) },
		"cut":       func(path string) error { return os.Truncate(path, 20_000) },
		"cut short": func(path string) error { return os.Truncate(path, 9000) },
		"a stub":    func(path string) error { return os.Truncate(path, 4096) },
		"its pages": scribble,
		"another store": func(path string) error {
			check(t, os.Remove(path))
			write(t, path, "things", map[string][]byte{"key": []byte("value")})
			return nil
		},
		"a later format": func(path string) error {
			l, err := Open(path)
			check(t, err)
			_ = l.update(func() error { l.Format++; return nil }) // it can not be read again
			return l.Close()
		},
		"the first format": func(path string) error {
			check(t, os.Remove(path))
			write(t, path, "meta", map[string][]byte{"format": {1}})
			return nil
		},
	} {
		path := filled(t, 1000)
		check(t, damage(path))
		for _, open := range []func(string) (*Ledger, error){Open, Read} {
			l, err := open(path)
			if !isUnusable(err) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, %v", name, l, err)
			}
		}
	}
}

// scribble overwrites all pages after the first four.
func scribble(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := 4 * os.Getpagesize(); i < len(content); i++ {
		content[i] = byte(i * 7)
	}
	return os.WriteFile(path, content, 0o600)
}

func isUnusable(err error) bool {
	return err != nil && strings.Contains(err.Error(), " can't be used: ")
}
