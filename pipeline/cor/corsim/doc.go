// Package corsim stands in for COR: both of its APIs behind one http.Handler. It is honest about what COR documents and
// switchable in what nobody outside COR knows, plays faults from a script, logs requests and tells what is attached.
//
// It imports nothing of this module: a client whose wire structs are wrong must not find the same mistake here.
//
// A request is checked as strictly as the documentation allows; what it does not say is refused. A user id is one
// percent-encoded path segment and is never cleaned: "a%2Fb" is the user "a/b", "%2E%2E" the user "..".
//
// The first matching script entry is chosen; then come throttling (of attach and detach), the token, the form of the
// request, the source, the user, the workspaces, and the write, which is applied whole and at once, or not at all. The
// log is told before the answer leaves, so whoever has the answer finds the line.
//
// Choices where COR is silent that no switch makes:
//
//   - One external user id is one COR user over all sources.
//   - A workspace named twice in one request is written twice, in order.
//   - A request may name an object by another id than the one that attached it (switches id-*): it changes that object,
//     and the answer shows the object under the id and source of the request. What a request does not name is shown
//     under the id and source that attached it last.
//   - Percentages outside 0 to 100 and names that COR does not document are validation failures.
//   - A used or unknown refresh token is a 401. Refreshing leaves the older access token alive.
package corsim
