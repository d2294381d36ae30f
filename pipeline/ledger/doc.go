// Package ledger keeps what COR last said of every pair that was ever sent from
// a runs directory, over all runs: per target and user, and per job the rows and
// users of its reference, the last run that gave every sendable row a verdict.
//
// It is an index, not evidence: everything in it comes from the journals of the
// runs. It notes how far it has read each of them, together with what it has
// read there, so that it catches up after any crash; reading a piece twice
// changes nothing. Where it is lost it is made again from the journals there
// are, and knows no more than they do.
//
// The order in which pieces are applied is that in which they were written: a
// runs directory has one real run at a time, and each catches up before it
// sends. Clocks decide the age of a confirmation; an answer older than one that
// is known confirms nothing. Only a ledger that is made again goes by the clock
// for the order of whole sessions.
package ledger
