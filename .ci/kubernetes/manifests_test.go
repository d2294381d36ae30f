// Package kubernetes checks the manifests of samples/kubernetes against the
// types of Kubernetes. It is a module of its own, so that the program's does not
// carry them.
package kubernetes

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestManifests: every field exists and has a value of its type, and the names
// that stand for a choice are among those there are.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob("../../samples/kubernetes/*.yaml")
	if err != nil || len(files) != 2 {
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
				if len(object.Spec.AccessModes) != 1 || object.Spec.AccessModes[0] != core.ReadWriteOnce || object.Spec.Resources.Requests.Storage().IsZero() {
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
		volumes[v.Name] = v.PersistentVolumeClaim != nil
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s: no claim for %s", file, m.Name)
		}
	}
	if pod.Containers[0].Resources.Limits.Memory().IsZero() {
		t.Errorf("%s: no limit of memory", file)
	}
}
