package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"iter"

	"github.com/go-json-experiment/json"
)

// bucket is where bbolt keeps all entries.
const bucket = "entries"

// The tables. The name of a target follows those of the second and third.
const (
	registerTable = "register" // of the register
	pairsTable    = "pairs\n"  // of states
	jobsTable     = "jobs\n"   // of jobs
)

// prefixSize is how many bytes of a stored key stand for its table.
const prefixSize = 8

// entryKey is a key of a table as it is stored.
func entryKey(table, key string) []byte {
	sum := fnv.New64a()
	sum.Write([]byte(table))
	return append(sum.Sum(make([]byte, 0, prefixSize+len(key))), key...)
}

// checksum is over a key and a value, which it follows.
func checksum(key, value []byte) []byte {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	return binary.BigEndian.AppendUint32(nil, sum)
}

// decode decodes an entry, whose checksum was right when the file was opened. All but
// states are JSON.
func decode[T any](stored []byte) (v T) {
	stored = stored[:len(stored)-crc32.Size]
	var err error
	if s, is := any(&v).(*state); is {
		err = s.read(stored)
	} else {
		err = json.Unmarshal(stored, &v)
	}
	if err != nil {
		panic(err)
	}
	return v
}

// get returns an entry, the zero value when there is none.
func get[T any](l *Ledger, table, key string) (v T) {
	if stored := l.entries.Get(entryKey(table, key)); stored != nil {
		v = decode[T](stored)
	}
	return v
}

// each yields the entries whose keys begin with prefix, in the order of their bytes.
// The table must not be changed meanwhile.
func each[T any](l *Ledger, table, prefix string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		begin, c := entryKey(table, prefix), l.entries.Cursor()
		for key, stored := c.Seek(begin); bytes.HasPrefix(key, begin); key, stored = c.Next() {
			if !yield(string(key[prefixSize:]), decode[T](stored)) {
				return
			}
		}
	}
}

// put changes an entry. What can't be put makes the next commit fail.
func (l *Ledger) put(table, key string, v any) {
	var value bytes.Buffer // a job's value is large: it is not copied
	var err error
	if s, is := v.(*state); is {
		err = s.write(&value)
	} else {
		err = json.MarshalWrite(&value, v)
	}
	at := entryKey(table, key)
	value.Write(checksum(at, value.Bytes()))
	if err == nil {
		err = l.entries.Put(at, value.Bytes())
	}
	l.failed = cmp.Or(l.failed, err)
}
