// Package corsim stands in for COR: both of its APIs behind one http.Handler, honest about what COR documents,
// switchable in what nobody outside COR knows, with faults by script, a request log and a ledger of what it stored.
//
// It imports nothing of this module: a client whose wire structs are wrong must not find the same mistake here.
//
// # What it serves
//
//	POST /v1/oauth/token?grant_type=client_credentials   Basic key and secret, no body
//	POST /v1/oauth/refreshtoken                          form field refresh_token; every use rotates it
//	GET  /v1/me
//	PUT  /v2/integrations/users/{userId}/attach          {"workspaces":[{"workspaceId","percentage"}],"metadata":{"source"}}
//	PUT  /v2/integrations/users/{userId}/detach          {"workspaces":["…"],"metadata":{"source"}}
//
// A request is checked as strictly as the documentation allows; what it does not say is refused. {userId} is one
// percent-encoded path segment and is never cleaned: "a%2Fb" is the user "a/b", "%2E%2E" the user "..".
//
// # Order of one exchange
//
// The first matching script entry is chosen, then the transport switch; latency and the scripted delay pass; then
// come throttling, the token, the form of the request, the source, the user, the workspaces, and the write, which is
// applied whole and at once. A client that hangs up before that point leaves nothing behind. The log line and the
// ledger are written before the answer leaves, so whoever has the answer finds both.
//
// # Choices where COR is silent
//
// Those with a switch are described by Switches. The others: one external user id is one COR user over all sources, a
// workspace is known by source and external id; a refused request changes nothing; a workspace named twice in one
// request is written twice, in order; a detach of what is not attached succeeds; percentages outside 0 to 100 and
// unknown JSON keys are validation failures; throttling covers attach and detach, comes before the check of the token,
// and lets N requests pass at once and N per second on average; a used or unknown refresh token is a 401; refreshing
// leaves the older access token alive; integration_id is 16 everywhere.
package corsim
