package ledger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"

	"github.com/go-json-experiment/json"
)

// format is that of everything in the file. A ledger of another one is refused.
const format = 3

// bucket is where bbolt keeps all entries.
const bucket = "entries"

// registerTable has one entry, the register.
const registerTable = "register"

func pairsTable(target string) string { return "pairs\n" + target } // of states
func jobsTable(target string) string  { return "jobs\n" + target }  // of jobs

// begin begins the next transaction, and reads the register.
func (l *Ledger) begin() (err error) {
	if l.tx, err = l.db.Begin(true); err != nil {
		return err
	}
	l.register = register{format, make(map[string]*runState), make(map[string]int64), make(map[string]scope)}
	if first, _ := l.tx.Cursor().First(); first == nil {
		l.entries, err = l.tx.CreateBucket([]byte(bucket))
	} else if l.entries = l.tx.Bucket([]byte(bucket)); l.entries != nil {
		l.register, err = get[register](l, registerTable, "")
	}
	if err == nil && (l.entries == nil || l.Format != format) {
		err = &UnusableError{l.path, "it is no ledger, or one of another version of the program"}
	}
	if err == nil {
		l.entries.FillPercent = 0.9 // most keys come in order and stay
	}
	return err
}

// prefixSize is how many bytes of a stored key stand for its table.
const prefixSize = 8

// entryKey is a key of a table as it is stored.
func entryKey(table, key string) []byte {
	sum := fnv.New64a()
	sum.Write([]byte(table))
	return append(sum.Sum(make([]byte, 0, prefixSize+len(key))), key...)
}

// checksum is over a key and a value.
func checksum(key, value []byte) []byte {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	return binary.BigEndian.AppendUint32(nil, sum)
}

// value returns the JSON of an entry, which its checksum follows.
func (l *Ledger) value(key, stored []byte) ([]byte, error) {
	if at := len(stored) - crc32.Size; at >= 0 && bytes.Equal(stored[at:], checksum(key, stored[:at])) {
		return stored[:at], nil
	}
	return nil, &UnusableError{l.path, fmt.Sprintf("the value of %q is damaged", key)}
}

func decode[T any](l *Ledger, key, stored []byte) (v T, err error) {
	value, err := l.value(key, stored)
	if err == nil {
		err = json.Unmarshal(value, &v)
	}
	return v, err
}

// get returns an entry, the zero value when there is none.
func get[T any](l *Ledger, table, key string) (v T, err error) {
	at := entryKey(table, key)
	stored := l.entries.Get(at)
	if stored == nil {
		return v, nil
	}
	return decode[T](l, at, stored)
}

// each shows the entries whose keys begin with prefix to do, in the order of their
// bytes. do must not change the table.
func each[T any](l *Ledger, table, prefix string, do func(key string, v T)) error {
	begin := entryKey(table, prefix)
	c := l.entries.Cursor()
	for key, stored := c.Seek(begin); bytes.HasPrefix(key, begin); key, stored = c.Next() {
		v, err := decode[T](l, key, stored)
		if err != nil {
			return err
		}
		do(string(key[prefixSize:]), v)
	}
	return nil
}

func (l *Ledger) put(table, key string, v any) error {
	var value bytes.Buffer // a job's value is large: it is not copied
	if err := json.MarshalWrite(&value, v); err != nil {
		return err
	}
	at := entryKey(table, key)
	value.Write(checksum(at, value.Bytes()))
	return l.entries.Put(at, value.Bytes())
}
