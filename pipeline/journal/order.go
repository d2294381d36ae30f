package journal

import "fmt"

// order knows which record may follow. Writing and reading share it, so that
// nothing is written that would count as damage.
type order struct {
	begun   bool           // the header stands
	planned bool           // the plan stands: the run may send
	working bool           // a session has begun and not ended
	last    int64          // the number of the last attempt
	open    map[int64]bool // attempts of this session without an end
}

// follow takes note of a record; why says why it can't stand here, "" when it
// can.
func (o *order) follow(kind recordType, number int64) (why string) {
	if (kind == headerRecord) == o.begun {
		return "the header is not the first record"
	}
	switch kind {
	case headerRecord:
		o.begun = true
	case decisionsRecord, planRecord:
		if o.planned {
			return "the plan was complete before"
		}
		o.planned = kind == planRecord
	case sessionRecord:
		o.working, o.open = true, make(map[int64]bool)
	case finishRecord:
		if !o.working {
			return "the end of a session that has not begun"
		}
		o.working = false
	case beginRecord:
		return o.begin(number)
	case endRecord:
		if !o.open[number] {
			return fmt.Sprintf("the end of attempt %d, which is not open", number)
		}
		delete(o.open, number)
	default:
		return otherForm
	}
	return ""
}

func (o *order) begin(number int64) (why string) {
	switch {
	case !o.planned:
		return "an attempt before the plan"
	case !o.working:
		return "an attempt outside of a session"
	case number != o.last+1:
		return fmt.Sprintf("attempt %d stands where %d is due", number, o.last+1)
	}
	o.last = number
	o.open[number] = true
	return ""
}
