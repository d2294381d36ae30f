// Package cor is one exchange with the COR Integrations API. It sends a request
// over HTTP, keeps the access token fresh, and turns whatever comes back into an
// Answer or a Fault.
//
// It never repeats a request, never follows a redirect, waits for nothing but
// its own exchange and token, and logs nothing. Whether to try again is the
// caller's decision. What it returns holds no secret.
//
// Where COR's public pages leave something open, the code that decides says
// "Choice:".
package cor
