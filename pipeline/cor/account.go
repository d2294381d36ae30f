package cor

import (
	"cmp"
	"strings"
)

// Account is whom a token belongs to, as far as COR says, each field on one
// line of bounded length. At least one field is set.
type Account struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// wireAccount is what is read of the answer of /v1/me. Choice: its shape is not
// public; the name is also taken from first_name and last_name, as in COR's v1
// users.
type wireAccount struct {
	ID    raw `json:"id"`
	Name  raw `json:"name"`
	First raw `json:"first_name"`
	Last  raw `json:"last_name"`
	Email raw `json:"email"`
}

// decodeAccount reads the answer of /v1/me. Choice: the fields are those of the
// object, or of its user or data.
func decodeAccount(r reply) (Account, bool) {
	var wire object[struct {
		wireAccount
		User object[wireAccount] `json:"user"`
		Data object[wireAccount] `json:"data"`
	}]
	if decode(r.body, &wire) != nil {
		return Account{}, false
	}
	shown := func(text string) string { return cut(tidy(r.secrets.hide(text)), maxText) }
	for _, a := range [...]wireAccount{wire.it.wireAccount, wire.it.User.it, wire.it.Data.it} {
		full := strings.TrimSpace(a.First.text() + " " + a.Last.text())
		account := Account{ID: shown(a.ID.text()), Name: shown(cmp.Or(a.Name.text(), full)), Email: shown(a.Email.text())}
		if account != (Account{}) {
			return account, true
		}
	}
	return Account{}, false
}
