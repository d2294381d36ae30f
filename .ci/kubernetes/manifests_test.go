// Package kubernetes checks the manifests of samples/kubernetes against the
// types of Kubernetes. It is a module of its own, so that the program's does not
// carry them.
package kubernetes

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestManifests: every field exists and has a value of its type, and the names
// that stand for a choice are among those there are.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob("../../samples/kubernetes/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range bytes.Split(content, []byte("\n---\n")) {
			var kind struct{ APIVersion, Kind string }
			if err := yaml.Unmarshal(document, &kind); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			var job *batch.JobSpec
			switch kind.APIVersion + " " + kind.Kind {
			case "batch/v1 CronJob":
				var object batch.CronJob
				err = yaml.UnmarshalStrict(document, &object)
				job = &object.Spec.JobTemplate.Spec
				if object.Spec.ConcurrencyPolicy != batch.ForbidConcurrent {
					t.Errorf("%s: concurrencyPolicy %q", file, object.Spec.ConcurrencyPolicy)
				}
			case "batch/v1 Job":
				var object batch.Job
				err = yaml.UnmarshalStrict(document, &object)
				job = &object.Spec
			case "v1 PersistentVolumeClaim":
				var object core.PersistentVolumeClaim
				err = yaml.UnmarshalStrict(document, &object)
				if len(object.Spec.AccessModes) != 1 || object.Spec.Resources.Requests.Storage().IsZero() {
					t.Errorf("%s: %+v", file, object.Spec)
				}
			default:
				t.Errorf("%s: %+v", file, kind)
			}
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if job != nil {
				checkPod(t, file, job.Template.Spec)
				checkFailures(t, file, job)
			}
		}
	}
}

func checkPod(t *testing.T, file string, pod core.PodSpec) {
	t.Helper()
	security, container := pod.SecurityContext, pod.Containers[0].SecurityContext
	if pod.RestartPolicy != core.RestartPolicyNever || security.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
		*security.FSGroupChangePolicy != core.FSGroupChangeOnRootMismatch {
		t.Errorf("%s: %+v", file, pod)
	}
	if *container.AllowPrivilegeEscalation || len(container.Capabilities.Drop) != 1 || container.Capabilities.Drop[0] != "ALL" {
		t.Errorf("%s: %+v", file, container)
	}
	volumes := make(map[string]bool)
	for _, v := range pod.Volumes {
		volumes[v.Name] = v.PersistentVolumeClaim != nil || v.Secret != nil
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s: no volume for %s", file, m.Name)
		}
	}
	if pod.Containers[0].Resources.Limits.Memory().IsZero() {
		t.Errorf("%s: no limit of memory", file)
	}
}

// checkFailures: a pod that the cluster takes away runs again, and that is not
// counted; a pod that refused its file does not run again.
func checkFailures(t *testing.T, file string, job *batch.JobSpec) {
	t.Helper()
	const refused, unavailable, locked, terminated = 3, 8, 11, 143
	again := func(code int32, disrupted bool) bool {
		switch action(job.PodFailurePolicy, code, disrupted) {
		case batch.PodFailurePolicyActionIgnore:
			return true
		case batch.PodFailurePolicyActionFailIndex, batch.PodFailurePolicyActionFailJob:
			return false
		}
		return job.BackoffLimitPerIndex != nil && *job.BackoffLimitPerIndex > 0 || job.BackoffLimit != nil && *job.BackoffLimit > 0
	}
	if again(refused, false) {
		t.Errorf("%s: a refused file is tried again", file)
	}
	if job.TTLSecondsAfterFinished != nil { // resume-job.yaml: whoever starts it looks at it
		return
	}
	if !again(terminated, true) {
		t.Errorf("%s: a disrupted pod does not run again", file)
	}
	if job.CompletionMode == nil {
		return
	}
	if *job.CompletionMode != batch.IndexedCompletion || !again(unavailable, false) || !again(locked, false) || !again(terminated, false) {
		t.Errorf("%s: %+v", file, job)
	}
}

// action is what a policy says of a pod that ended with a code.
func action(policy *batch.PodFailurePolicy, code int32, disrupted bool) batch.PodFailurePolicyAction {
	if policy == nil {
		return batch.PodFailurePolicyActionCount
	}
	for _, rule := range policy.Rules {
		if c := rule.OnExitCodes; c != nil && slices.Contains(c.Values, code) == (c.Operator == batch.PodFailurePolicyOnExitCodesOpIn) {
			return rule.Action
		}
		if disrupted && slices.ContainsFunc(rule.OnPodConditions, func(p batch.PodFailurePolicyOnPodConditionsPattern) bool { return p.Type == core.DisruptionTarget }) {
			return rule.Action
		}
	}
	return batch.PodFailurePolicyActionCount
}
