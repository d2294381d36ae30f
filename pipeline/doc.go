// Package pipeline is the centre of corattach: it owns every noun, and the two
// rules that matter, how rows become requests and how a request becomes a
// verdict. The packages around it (reader, report, cor, journal, ledger) know
// it, and none of them knows another.
//
// # The story of a row
//
// A [Row] is one input record. A [Plan] sorts rows by user and rules on each:
// it is invalid, a duplicate, held because another row of its user is invalid,
// or it is going to be sent as one [Share] of a [Request]. A [Runner] sends the
// requests of each [User] one after another. One sending is an [Attempt]; with
// what came of it it is an [Exchange]; all exchanges of a request are its
// [History]. [Next] decides from the history what happens next: sending,
// retrying, repairing and resuming are that one decision. [History.Judge] reads
// the [Verdict] on a row from the same history, and a [Line] sets the two
// against each other. A [Story] is one user's part of that; a [Diff] sets the
// lines of two runs against each other, pair by pair.
//
// A new run may be planned with what earlier runs know: [Known], a user's pairs
// as the ledger has them. Under [Nightly] a request that COR has confirmed whole
// is not sent; its history is then one Exchange with Confirmed. A [Vanished]
// pair, which the input has no more, may become part of a request that detaches.
// Both are decided once, by the run's first session, and kept in its journal.
//
// Pure functions decide: planner (plan.go), [Next] (step.go), [History.Judge]
// (judge.go), pace (pace.go), what has vanished (vanished.go) and what changed
// (diff.go). They see no clock, file or socket. Thin shells act: the runner (run.go), the gate through which
// attempts leave (gate.go), the spools in which rows wait (spool.go).
//
// # Ten million rows
//
// The input is read twice, in batches: once to plan, once to set each row
// against its verdict. Either time one goroutine cuts it into records, all
// processors look into them, and one takes the results in input order
// ([InOrder]). In between rows wait on disk in parts by hash of the user, and one
// part per processor is planned at a time; what planning says of a row is one
// byte, and more only where there is more to say. One bit of it marks the first
// row of each user: so users come out in order of first appearance, though they
// were planned in any.
//
// # The order around one attempt
//
// Take a slot; wait for the token, if there is none; make the attempt durable in
// the [Journal]; line up behind those that leave before it; look again whether a
// hold has begun, and if so write the attempt off and take another slot; send;
// write down what came of it before the user's next request.
//
// # What is promised
//
//   - Every input row stands in the report exactly once, and the statuses add up
//     to the rows read. This is checked at the end of every run.
//   - A row is matched only when COR returned its workspace, by exact external
//     id and source, with exactly its percentage. A 2xx alone is nothing.
//   - Whatever left without a readable answer is unknown, and so is a 5xx. A later
//     refusal does not undo that; a later answer with the pivot does.
//   - Nothing leaves before it is durable in the journal. What the journal holds
//     as confirmed is not sent again by resume.
//   - A row is unchanged only when the latest attempt on its pair, in whatever
//     run, was answered with exactly its percentage, not longer ago than asked for.
//   - Nothing is detached that is in the input, nor for a user of whom a row is
//     damaged, held or not sent, nor while a record does not tell for sure what it is about.
//   - Two exchanges of one user are never open at the same time.
//   - No more attempts leave than the rate allows, retries and all workers
//     counted, and none while COR has asked to wait.
//
// # What is not promised
//
//   - At a crash at most one request per worker is sent twice: it had left, and
//     its answer was not written down. A repeated attach is harmless only as far
//     as COR's PUT is idempotent; COR does not say whether it updates, keeps or
//     refuses a percentage that is there already.
//   - unknown means unknown: the row may be attached or not.
//   - A repair is a detach and an attach, not one step. Between the two the
//     workspace is detached; a crash there is finished by resume, and until then
//     the row is reported as unknown or failed, now detached.
//   - COR may change what it said later. A report is about the answers to this
//     run's requests, not about what COR holds tomorrow.
package pipeline
