package corsim

import (
	"slices"
	"time"
)

// book is what COR holds: users, workspaces and who is attached to what. Its owner guards it.
type book struct {
	users     map[string]*user
	spaces    map[mapping]*space
	nextUser  int
	nextSpace int
}

// space is a workspace with its COR-internal id; it never changes once made.
type space struct {
	id      int
	mapping mapping
	created int64
}

type user struct {
	id    int
	pairs []pair
}

// pair is a workspace a user is attached to, with the text of the stored percentage.
type pair struct {
	space      *space
	percentage string
}

// view is what one answer shows of a user, free of the book.
type view struct {
	userID  int
	pairs   []pair
	unknown []string
}

func newBook(s *settings) book {
	return book{
		users: make(map[string]*user), spaces: make(map[mapping]*space),
		nextUser: s.firstUser, nextSpace: s.firstSpace,
	}
}

func (b *book) user(external string) *user {
	u := b.users[external]
	if u == nil {
		u = &user{id: b.nextUser}
		b.nextUser++
		b.users[external] = u
	}
	return u
}

func (b *book) space(m mapping, now time.Time) *space {
	w := b.spaces[m]
	if w == nil {
		w = &space{id: b.nextSpace, mapping: m, created: now.Unix()}
		b.nextSpace++
		b.spaces[m] = w
	}
	return w
}

// holds answers with the percentage a user has of a workspace.
func (b *book) holds(external string, m mapping) (string, bool) {
	u, w := b.users[external], b.spaces[m]
	if u == nil || w == nil {
		return "", false
	}
	if i := u.index(w); i >= 0 {
		return u.pairs[i].percentage, true
	}
	return "", false
}

func (u *user) index(w *space) int {
	return slices.IndexFunc(u.pairs, func(p pair) bool { return p.space == w })
}

func (u *user) put(w *space, percentage string) {
	if i := u.index(w); i >= 0 {
		u.pairs[i].percentage = percentage
		return
	}
	u.pairs = append(u.pairs, pair{w, percentage})
}

func (u *user) drop(w *space) bool {
	i := u.index(w)
	if i >= 0 {
		u.pairs = slices.Delete(u.pairs, i, i+1)
	}
	return i >= 0
}

// look is the view of everything a user holds.
func (b *book) look(external string) view {
	u := b.user(external)
	return view{userID: u.id, pairs: slices.Clone(u.pairs)}
}
