// Package pipeline owns the nouns of corattach. Each folder below it, and reader and
// report beside it, is one stage of a row's way and knows the nouns. Only package
// runs, which puts the stages together, knows all stages.
//
// # The story of a row
//
// A [Row] is one record of the input; package reader has read it and checked its
// cells. All rows of a run stand in one table in memory (package plan), and the
// rules there decide what becomes of each. A row to be sent is a [Share] of a
// [Request]: one user under one source.
//
// One sending of a request is an [Attempt]. What came of it, an [Answer] of COR's
// or a [Fault], makes it an [Exchange]: package cor does one over HTTP. Package send
// decides from all exchanges of a request what happens next: sending, retrying,
// repairing and resuming are that one decision.
//
// A [Verdict] is what the exchanges of a request say of one row: package verdict
// compares it with the [Pivot] that COR returned. Both make a [Line] of the report.
//
// The journal has every attempt before it leaves, and its answer: report and resume
// compute from it, and from the input, what the run did. The ledger is an index of
// all journals: what COR last said of every [Pair].
//
// # What is promised
//
//   - Every input row is in the report exactly once, and the statuses add up to the
//     rows read. This is checked at the end of every run.
//   - A row is matched only if COR returned its workspace, by exact external id and
//     source, with its percentage. A 2xx alone is not enough.
//   - An attempt without a readable answer is unknown, and so is a 5xx. A later
//     refusal does not change that; a later answer with the pivot does.
//   - Nothing leaves before it is durable in the journal, and resume never sends again
//     what is confirmed there. At a crash, at most one request per worker is sent twice.
//   - A row is unchanged only if the latest attempt on its pair, in whatever run,
//     was answered with its percentage, and not too long ago.
//   - An import takes nothing away from anybody. A repair is a detach and an attach:
//     after a crash between the two, resume finishes it. A detach does not touch what
//     the ledger knows, or must suspect, to be still wanted.
//   - Two exchanges of one user are never open at the same time.
//   - No more attempts leave than the rate allows, with retries and all workers
//     counted, and none while COR has asked to wait.
package pipeline
