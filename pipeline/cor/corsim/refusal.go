package corsim

import (
	"fmt"
	"net/http"
	"strings"
)

// refusal is an error answer before it takes one of COR's forms.
type refusal struct {
	status              int
	name, code, message string
	problems            []problem
}

type bodyA struct {
	Status  int    `json:"status"`
	Name    string `json:"name"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type bodyB struct {
	Name    string `json:"name"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type bodyC struct {
	Status  string `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type bodyE struct {
	Error   int    `json:"error"`
	Message string `json:"message"`
}

// inForm is the refusal as COR's body A, B, C, D or E.
func (r refusal) inForm(form string) any {
	switch form {
	case "B":
		return bodyB{r.name, r.code, r.message}
	case "C":
		return bodyC{"ERROR", r.code, r.message}
	case "D":
		if r.problems == nil {
			return []problem{{Field: r.name, Validation: r.code, Message: r.message}}
		}
		return r.problems
	case "E":
		return bodyE{r.status, r.code + ": " + r.message}
	}
	return bodyA{r.status, r.name, r.code, r.message}
}

func (r refusal) answer(s *settings) answer {
	form := s.errorForm
	if r.problems != nil && s.validation == "417" {
		form = "D"
	}
	return jsonAnswer(r.status, r.inForm(form))
}

// plainRefusal is body E with the status's own words, as COR answers 401.
func plainRefusal(status int) answer {
	return jsonAnswer(status, bodyE{status, http.StatusText(status)})
}

func invalid(s *settings, problems []problem) *refusal {
	status := http.StatusBadRequest
	switch s.validation {
	case "417":
		status = http.StatusExpectationFailed
	case "422":
		status = http.StatusUnprocessableEntity
	}
	messages := make([]string, len(problems))
	for i, p := range problems {
		messages[i] = p.Message
	}
	return &refusal{status, "ValidationError", "ValidationError", strings.Join(messages, "; "), problems}
}

func badRequest(format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, "ValidationError", "ValidationError", fmt.Sprintf(format, args...), nil}
}

func invalidSource(source string) *refusal {
	return &refusal{http.StatusBadRequest, "InvalidSourceError", "InvalidSourceError", fmt.Sprintf("source %q is not one of COR's", source), nil}
}

func unknownUser(s *settings, user string) *refusal {
	if s.unknownUser == "404" {
		return &refusal{http.StatusNotFound, "UserNotFoundError", "UserNotFoundError", fmt.Sprintf("user %q not found", user), nil}
	}
	return &refusal{http.StatusBadRequest, "CORCustomError", "ZC001", fmt.Sprintf("external id not associated: user %q", user), nil}
}

func unknownWorkspace(s *settings, workspace string) *refusal {
	if s.unknownWorkspace == "404" {
		return &refusal{http.StatusNotFound, "WorkspaceNotFoundError", "WorkspaceNotFoundError", fmt.Sprintf("workspace %q not found", workspace), nil}
	}
	return &refusal{http.StatusBadRequest, "CORCustomError", "ZC001", fmt.Sprintf("external id not associated: workspace %q", workspace), nil}
}

func alreadyAttached(workspace string) *refusal {
	return &refusal{http.StatusBadRequest, "AlreadyAttachedError", "ZC004", fmt.Sprintf("association exists: workspace %q", workspace), nil}
}

func overAllocated(sum string) *refusal {
	return badRequest("the user's percentages would add up to %s, over 100", sum)
}

func noSuchEndpoint(method, path string) *refusal {
	return &refusal{http.StatusNotFound, "NotFoundError", "NotFoundError", fmt.Sprintf("no such endpoint: %s %s", method, path), nil}
}

func wrongMethod(method, allowed string) *refusal {
	return &refusal{http.StatusMethodNotAllowed, "MethodNotAllowedError", "MethodNotAllowedError",
		fmt.Sprintf("method %s is not allowed here, %s is", method, allowed), nil}
}
