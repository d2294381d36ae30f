package corsim

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	askToken   = "/v1/oauth/token?grant_type=client_credentials"
	refused401 = `401 {"error":401,"message":"Unauthorized"}`
)

// tokenRequest carries key:secret as COR documents it.
func tokenRequest() sent {
	return sent{method: "POST", path: askToken}.with("Authorization", "Basic a2V5OnM6ZSUvKw==").with("Content-Type", "")
}

func refreshRequest(token string) sent {
	return sent{method: "POST", path: "/v1/oauth/refreshtoken", body: "refresh_token=" + token}.
		with("Content-Type", "application/x-www-form-urlencoded").with("Authorization", "")
}

func me(token string) sent {
	return sent{method: "GET", path: "/v1/me"}.with("Authorization", "Bearer "+token)
}

const itIsMe = `200 {"id":1,"name":"corsim","email":"corsim@example.com"}`

func issued(n string) string {
	return `200 {"access_token":"corsim-access-` + n + `","token_type":"Bearer","expires_in":3600,"refresh_token":"corsim-refresh-` + n + `"}`
}

func TestTokenFlow(t *testing.T) {
	const noGrant = `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"the query has no grant_type=client_credentials"}`
	const noField = `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"the form field refresh_token is missing"}`
	elsewhere := sent{method: "POST", path: "/v1/oauth/token", body: "grant_type=client_credentials"}.
		with("Authorization", "Basic a2V5OnM6ZSUvKw==").with("Content-Type", "application/x-www-form-urlencoded")
	both := tokenRequest()
	both.body = "grant_type=client_credentials"
	for _, c := range []struct {
		name, set string
		steps     []step
	}{
		{"as documented", "secret=any", []step{{tokenRequest(), issued("1")}, {me("corsim-access-1"), itIsMe}, {attach("U1", oneSAP).with("Authorization", "Bearer corsim-access-1"), oneDone}}},
		{"the right pair", "secret=s:e%/+", []step{{tokenRequest(), issued("1")}}},
		{"the wrong pair", "secret=other", []step{{tokenRequest(), refused401}}},
		{"no pair", "secret=any", []step{{tokenRequest().with("Authorization", ""), refused401}}},
		{"blank secret", "secret=any", []step{{tokenRequest().with("Authorization", "Basic a2V5Og=="), refused401}}},
		{"the grant in the body", "secret=any", []step{{elsewhere, noGrant}}},
		{"the grant in both", "secret=any", []step{{both, `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"a request for a token has no body"}`}}},
		{"a GET", "secret=any", []step{{sent{method: "GET", path: askToken}, `404 {"status":404,"name":"NotFoundError","code":"NotFoundError","message":"no such endpoint: GET /v1/oauth/token"}`}}},
		{"rotation", "secret=any", []step{
			{tokenRequest(), issued("1")},
			{refreshRequest("corsim-refresh-1"), issued("2")},
			{refreshRequest("corsim-refresh-1"), refused401},
			{refreshRequest("corsim-refresh-2"), issued("3")},
			{me("corsim-access-1"), itIsMe},
		}},
		{"refreshing with nothing", "secret=any", []step{{refreshRequest(""), noField}, {refreshRequest("x").with("Content-Type", "application/json"), noField}}},
		{"no refresh token", "tokens=no-refresh", []step{{tokenRequest(), `200 {"access_token":"corsim-access-1","token_type":"Bearer","expires_in":3600}`}}},
		{"tokens serve for long", "tokens=3600", []step{{tokenRequest(), issued("1")}, {me("corsim-access-1"), itIsMe}, {me("corsim-access-1"), itIsMe}}},
		{"tokens serve once", "tokens=once", []step{{tokenRequest(), issued("1")}, {me("corsim-access-1"), itIsMe}, {me("corsim-access-1"), refused401}, {me("static"), itIsMe}, {me("static"), itIsMe}}},
		{"any static token", "secret=any", []step{{me("theirs"), itIsMe}, {me(""), refused401}}},
		{"one static token", "secret=theirs", []step{{me("theirs"), itIsMe}, {me("mine"), refused401}}},
		{"a token of another simulator", "secret=any", []step{{me("corsim-access-9"), refused401}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, simulate(t, Config{}, c.set), c.steps)
		})
	}
}

func TestTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, Config{}, "tokens=60")
		run(t, s, []step{{tokenRequest(), strings.Replace(issued("1"), "3600", "60", 1)}})
		time.Sleep(60*time.Second - 1)
		run(t, s, []step{{me("corsim-access-1"), itIsMe}})
		time.Sleep(time.Nanosecond)
		run(t, s, []step{
			{me("corsim-access-1"), refused401},
			{refreshRequest("corsim-refresh-1"), strings.Replace(issued("2"), "3600", "60", 1)},
			{me("corsim-access-1"), refused401},
			{me("corsim-access-2"), itIsMe},
		})
	})
}

func TestScriptedTokenFaults(t *testing.T) {
	s := simulate(t, Config{Script: script(t, `{"faults": [
		{"endpoint": "token", "attempts": [1], "status": 503, "retry_after": 2},
		{"endpoint": "refresh", "attempts": [1], "cut": "after"},
		{"endpoint": "me", "attempts": [2], "revoke_token": true}
	]}`)})
	run(t, s, []step{
		{tokenRequest(), `503 Retry-After: 2 {"error":503,"message":"Service Unavailable"}`},
		{tokenRequest(), issued("1")},
		{refreshRequest("corsim-refresh-1"), "cut"},
		{refreshRequest("corsim-refresh-1"), refused401},
		{me("corsim-access-1"), itIsMe},
		{me("corsim-access-1"), refused401},
		{attach("U1", oneSAP).with("Authorization", "Bearer corsim-access-1"), refused401},
		{me("static"), itIsMe},
	})
}
