package probe

import (
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
)

// Ids that COR should not know.
const (
	ghostUser      pipeline.UserID      = "corattach-probe-no-such-user"
	ghostWorkspace pipeline.WorkspaceID = "corattach-probe-no-such-workspace"
)

// question is one row of the table: what is sent, how the replies are read, and what follows from the finding. A question
// that sends nothing is answered by the replies to another one.
type question struct {
	fact, about, from string // from are the steps whose replies are the evidence, with ", " between them
	send              []step
	findings          []finding // the first that was seen counts
}

type finding struct {
	word string
	seen bool
	so   string // what follows
}

// step is one request of a question. It is made for a user who has neither workspace, apart from what the steps before it
// in the question have attached.
type step struct {
	name string // of its reply
	pipeline.Request
}

func (s *Subject) attach(name string, shares ...pipeline.Share) step {
	return step{name, pipeline.Request{Key: pipeline.Key{User: s.User, Source: s.Source}, Op: pipeline.Attach, Shares: shares}}
}

func (s *Subject) detach(name string, w pipeline.WorkspaceID) step {
	off := s.attach(name, share(w, 0))
	off.Op = pipeline.Detach
	return off
}

// share asks for a percentage: 1_6667 is 1.6667 %.
func share(w pipeline.WorkspaceID, percent pipeline.Percent) pipeline.Share {
	return pipeline.Share{Workspace: w, Percent: percent}
}

// questions is the table, read with the replies that there are.
func (t *talk) questions() []question {
	return slices.Concat(t.attachQuestions(), t.idQuestions(), t.detachQuestions())
}

func (t *talk) attachQuestions() []question {
	const exact, inexact = "import without --tolerance", "import with --tolerance: see decimals"
	a, b := t.Workspaces[0], t.Workspaces[1]
	again, over, zero := t.replies["again"], t.replies["over"], t.replies["zero"]
	adds, replaces := t.attaches()
	unseen := ""
	if t.replies["look on"].answer != nil {
		unseen = "; whatever else the user had before the probe could not be seen, and is gone"
	}
	before, after := t.replies["first"].pivot(a), again.pivot(a)
	attached := func(e pipeline.ItemError) bool { return e.Attached }
	refuses := before != nil && (again.Is(pipeline.Attached) || again.answer != nil && slices.ContainsFunc(again.answer.Errors, attached))
	keeps := before != nil && after != nil && pipeline.SameNumber(before.Percentage, after.Percentage)
	how, decimals, off := kept(before)
	text := before != nil && before.Text
	all := []question{
		{"attach", "what an attach does to workspaces that it does not name", "second, one", []step{
			t.attach("first", share(a, fourDecimals)), t.attach("again", share(a, 3_0000)), t.attach("second", share(b, 2_0000)),
			t.detach("one", b), t.detach("gone", a), t.detach("gone again", a),
		}, []finding{
			{"adds", adds, "import adds to what a user has; what is no longer in the input stays until corattach detach takes it away"},
			{"replaces", replaces, "import takes away what a request does not name: leave --chunk at 0, do not use --repair, " +
				"and give each user's rows under one source" + unseen},
		}},
		{"repeat", "what an attach does to the percentage of a workspace that is attached already", "first, again", nil, []finding{
			{"refuses", refuses && replaces, "a workspace that is attached already is refused: detach the user's pairs, and import all rows of the user again"},
			{"refuses", refuses, "import with --repair --chunk 1: a workspace that is attached already is refused"},
			{"updates", before != nil && again.asAsked(), "import changes percentages by itself, without --repair"},
			{"keeps", keeps && replaces, "a changed percentage stays as it was: detach the pair, and import all rows of the user again"},
			{"keeps", keeps, "import with --repair: without it a changed percentage stays as it was, and its row is mismatched"},
		}},
		{"listed", "whether the answer to an attach lists all of the user's workspaces or those sent", "second, one", nil, []finding{
			{"all", t.replies["second"].lists(a), "extras.csv shows what a user has beside the input"},
			{"sent", adds, "extras.csv can't show what a user has beside the input"},
		}},
		{"percentage", "what comes back of a percentage with four decimals", "first", nil, []finding{
			{"text", how == "exact" && text, exact + ": a number in a JSON string is read as one"}, {"exact", how == "exact", exact},
			{"text-rounded", how == "rounded" && text, inexact}, {"rounded", how == "rounded", inexact}, {"cut", how == "cut" && !text, inexact},
		}},
		{"decimals", "how many decimals of it are kept", "first", nil, []finding{
			{fmt.Sprint(decimals), true, "import with --tolerance " + off.String()},
		}},
		{"over-100", "whether a user's percentages may add up to more than 100", "pair, over", []step{
			t.attach("pair", share(a, 3_0000), share(b, 4_0000)), t.detach("part", a), t.detach("rest", b),
			t.attach("over", share(a, 60_0000), share(b, 60_0000)),
		}, []finding{
			{"accepted", over.asAsked(), "COR stops no such user: import with --over-allocation reject, if they are mistakes"},
			{"refused", over.refusal != nil && t.replies["pair"].asAsked(),
				"import with --over-allocation reject: it names such users before anything is sent"},
		}},
		{"zero", "whether 0 can be attached", "zero", []step{t.attach("zero", share(a, 0))}, []finding{
			{"accepted", zero.asAsked(), "rows with 0 can be imported"},
			{"refused", zero.refusal != nil, "leave rows with 0 out of the input: they are refused"},
		}},
	}
	return slices.DeleteFunc(all, func(q question) bool { // where an attach replaces, nobody can tell what is listed
		return q.fact == "listed" && replaces || q.fact == "decimals" && off == 0
	})
}

// attaches tells what an attach of the second workspace does to the first.
func (t *talk) attaches() (adds, replaces bool) {
	a, b := t.Workspaces[0], t.Workspaces[1]
	second, one := t.replies["second"], t.replies["one"]
	both := t.replies["first"].lists(a) && second.lists(b)
	adds = both && (second.lists(a) || one.lists(a))
	return adds, both && !adds && one.lacks(b) && t.remains()
}

// remains reports whether the answer to a detach lists what remains.
func (t *talk) remains() bool {
	part := t.replies["part"]
	return t.replies["pair"].asAsked() && part.lacks(t.Workspaces[0]) && part.lists(t.Workspaces[1])
}

// fourDecimals is as small as the other percentages that are asked for: the user may have others.
const fourDecimals pipeline.Percent = 1_6667

// kept tells what COR made of a percentage with four decimals: exact, rounded or cut, to how many decimals, and how far off
// such a percentage can be. It is "" for something else.
func kept(p *pipeline.Pivot) (how string, decimals int, off pipeline.Percent) {
	switch {
	case p == nil:
		return "", 0, 0
	case fourDecimals.Near(p.Percentage, 0):
		return "exact", 4, 0
	}
	for decimals, unit := range []pipeline.Percent{1_0000, 1000, 100, 10} {
		rounded, cut := (fourDecimals+unit/2)/unit*unit, fourDecimals/unit*unit
		switch {
		case rounded.Near(p.Percentage, 0):
			return "rounded", decimals, unit / 2
		case cut.Near(p.Percentage, 0):
			return "cut", decimals, unit - 1
		}
	}
	return "", 0, 0
}

func (t *talk) idQuestions() []question {
	const (
		misses  = "the other workspaces of the request are attached, and the row of the unknown one is missing"
		one     = "give each pair in one spelling: two that COR takes for one overwrite each other, and a detach of one takes both away"
		nothing = "import sends sources in capitals: there is nothing to do"
	)
	a := t.Workspaces[0]
	ghost, elsewhere, lowered := t.attach("unknown user", share(a, 1_0000)), t.attach("other source", share(a, 1_0000)), t.attach("lower source", share(a, 1_0000))
	ghost.User = ghostUser
	sources := pipeline.Sources()
	elsewhere.Source = sources[slices.IndexFunc(sources, func(other pipeline.Source) bool { return other != t.Source })]
	lowered.Source = pipeline.Source(strings.ToLower(string(t.Source)))
	var recased []step // the first of the workspaces whose id has letters; nil when neither has
	for _, w := range t.Workspaces {
		id := strings.ToLower(string(w))
		if id == string(w) {
			id = strings.ToUpper(id)
		}
		if id != string(w) && recased == nil {
			recased = []step{t.attach("other case", share(pipeline.WorkspaceID(id), 1_0000))}
		}
	}

	sinks := "fix unmapped.csv, or import with --chunk 1, so that the user's workspaces in front of it arrive"
	if _, replaces := t.attaches(); replaces {
		sinks = "fix unmapped.csv and import failed.csv; do not use --chunk"
	}
	unknown, source, lower, cased := t.replies["unknown workspace"], t.replies["other source"], t.replies["lower source"], t.replies["other case"]
	took := unknown.lists(a) && !unknown.lists(ghostWorkspace)
	other := func(e pipeline.ItemError) bool { return e.Code != "CE001" } // which is that of an item in a partial success
	known := t.replies["first"].lists(a) && t.replies["second"].lists(t.Workspaces[1])
	shared, same := t.same(source) != nil, t.same(lower)
	// Any other refusal may be of the source, or of the user under it.
	own := !shared && (source.answer != nil || source.refusal != nil && source.refusal.Subject == pipeline.UnknownWorkspace)
	return []question{
		{"unknown-workspace", "what one unknown workspace does to its request", "unknown workspace", []step{
			t.attach("unknown workspace", share(a, 1_0000), share(ghostWorkspace, 2_0000)),
		}, append(refusals(unknown, "one unknown workspace sinks its request: "+sinks),
			finding{"left-out", took && len(unknown.answer.Errors) == 0, misses},
			finding{"errors", took && slices.ContainsFunc(unknown.answer.Errors, other), misses},
			finding{"partial-success", took, misses})},
		{"unknown-user", "what an unknown user does", "unknown user", []step{ghost},
			refusals(t.replies["unknown user"], "the rows of an unknown user are failed, and unmapped.csv names the user")},
		{"id-sources", "whether a workspace's id under another source is the same workspace", "first, other source", []step{elsewhere}, []finding{
			{"own", own, "give each workspace under the source that it is mapped under"}, {"shared", shared, one},
		}},
		{"id-case", "whether ids are compared without letter case", "first, other case", recased, []finding{
			{"ignored", t.same(cased) != nil, one}, {"exact", known && cased.sure(), "ids must be spelled as COR has them"},
		}},
		{"source-case", "whether sources are compared without letter case", "first, lower source", []step{lowered}, []finding{
			{"ignored", same != nil && (same.Source == t.Source || own), nothing}, // the answer may spell the source as the request does
			{"exact", lower.sure() && (same == nil || shared), nothing},
		}},
	}
}

// refusals are the findings that a reply is a refusal with 400 or 404.
func refusals(r reply, so string) []finding {
	refused := func(status int) bool { return r.refusal != nil && r.refusal.Status == status }
	return []finding{{"refused-400", refused(400), so}, {"refused-404", refused(404), so}}
}

// same returns the pivot of a reply that is one of the two workspaces by COR's own id, under whatever external id; nil when
// there is none.
func (t *talk) same(r reply) *pipeline.Pivot {
	first, second := t.replies["first"].pivot(t.Workspaces[0]), t.replies["second"].pivot(t.Workspaces[1])
	return pivotOf(r.answer, func(p pipeline.Pivot) bool {
		return first != nil && p.WorkspaceID == first.WorkspaceID || second != nil && p.WorkspaceID == second.WorkspaceID
	})
}

func (t *talk) detachQuestions() []question {
	a := t.Workspaces[0]
	_, replaces := t.attaches()
	gone, again := t.replies["gone"], t.replies["gone again"]
	detached := t.replies["first"].lists(a) && (gone.lacks(a) || gone.refusal != nil && replaces)
	return []question{
		{"detach", "what a detach answers", "pair, part", nil, []finding{
			{"remaining", t.remains(), "the answer to a detach shows what the user still has"},
		}},
		{"second-detach", "what a second detach does", "gone, gone again", nil, []finding{
			{"accepted", detached && again.lacks(a), "corattach detach can be run again with the same file"},
			{"refused", detached && again.refusal != nil, "a pair that is gone already is failed in corattach detach, which does no harm"},
		}},
	}
}
