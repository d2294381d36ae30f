package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"strings"
	"time"

	"corattach/pipeline"
)

// moment is a place in the order of all attempts: the counter of the session that
// made it, and in the lower half its number in the run.
type moment int64

const counterShift = 32

func (m moment) counter() int64 { return int64(m >> counterShift) }

// state is what the ledger holds of a pair. Each of its moments only grows, so
// that the order of applying does not matter. The zero state stands for a pair that
// nothing is known of.
type state struct {
	fixed
	Percentage string
}

// fixed are the fields of a state that are stored in a fixed number of bytes.
type fixed struct {
	Tried    moment            // of the latest attempt that asked for something
	Told     moment            // of the latest answer that told whether it is attached
	Doubted  moment            // of what last cast doubt on it without having asked for it
	At       int64             // of the attempt that was told so, in Unix nanoseconds; 0 for none
	Attached bool              // by that answer; so are Matched and the percentage
	Matched  bool              // it was asked for, and returned as asked
	Identity pipeline.Identity // the last known
}

// write writes a state as it is stored: there are millions of them.
func (s *state) write(to *bytes.Buffer) error {
	err := binary.Write(to, binary.BigEndian, &s.fixed)
	to.WriteString(s.Percentage)
	return err
}

// read reads what write writes.
func (s *state) read(stored []byte) error {
	size, err := binary.Decode(stored, binary.BigEndian, &s.fixed)
	s.Percentage = string(stored[size:])
	return err
}

// at returns the time of the attempt, UTC; the zero time for none.
func (s *state) at() time.Time {
	if s.At == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.At).UTC()
}

// confirmed reports whether nothing has cast doubt on the pair since it matched.
func (s *state) confirmed() bool {
	return s.Matched && s.Told >= s.Tried && s.Told >= s.Doubted
}

func (s *state) note(o *observation, m moment, at time.Time) {
	if o.asked {
		s.Tried = max(s.Tried, m)
	}
	if !o.tells {
		return
	}
	held := !o.asked && s.holds(o)
	if o.identity.Known() && (m >= s.Told || !s.Identity.Known()) {
		s.Identity = o.identity
	}
	if m < s.Told || held {
		return
	}
	s.Told, s.At = m, at.UnixNano()
	s.Attached, s.Matched, s.Percentage = o.attached, o.matched, o.percentage
}

// holds reports whether an observation tells what is known already.
func (s *state) holds(o *observation) bool {
	same := s.Identity == o.identity || !s.Identity.Known() || !o.identity.Known()
	return same && s.Attached && o.attached && pipeline.SameNumber(s.Percentage, o.percentage)
}

// pairKey is the key of a pair. No id has the byte 0. The pairs of a user follow
// one another, by source and workspace.
func pairKey(p pipeline.Pair) string {
	return string(p.User) + "\x00" + string(p.Source) + "\x00" + string(p.Workspace)
}

func pairOf(key string) pipeline.Pair {
	user, rest, _ := strings.Cut(key, "\x00")
	source, workspace, _ := strings.Cut(rest, "\x00")
	return pipeline.Pair{User: pipeline.UserID(user), Source: pipeline.Source(source), Workspace: pipeline.WorkspaceID(workspace)}
}

// hash stands for a key where millions of them are kept in memory.
func hash(key string) uint64 {
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:])
}

// stored is a pair of a target.
type stored struct {
	key string
	state
}

func (l *Ledger) pair(target, key string) stored {
	return stored{key, get[state](l, pairsTable+target, key)}
}

// pairs yields the pairs of a target.
func (l *Ledger) pairs(target string) iter.Seq2[string, state] {
	return each[state](l, pairsTable+target, "")
}

// ofUser returns the pairs of a user, by source and workspace.
func (l *Ledger) ofUser(target string, user pipeline.UserID) (pairs []stored) {
	for key, s := range each[state](l, pairsTable+target, string(user)+"\x00") {
		pairs = append(pairs, stored{key, s})
	}
	return pairs
}

func (l *Ledger) doubt(target string, p stored, m moment) {
	if m > p.Doubted {
		p.Doubted = m
		l.put(pairsTable+target, p.key, &p.state)
	}
}
