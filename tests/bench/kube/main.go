// For the bench of an agent in a cluster, in its parts:
//
//	kube fill CONFIG NAMESPACE CLUSTERS    a fleet of custom resources: 25 objects per cluster
//	kube change CONFIG NAMESPACE FIRST…    one label of each of these clusters, after a line on standard input for each; prints
//	                                       the microseconds since 1970 when the server had taken it
//	kube informer CONFIG NAMESPACE         caches the same objects with client-go's informers and does nothing with them,
//	                                       the least that a controller in Go needs; "synchronised MS" when it has them
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/clientcmd"
)

var plurals = []string{"omniconnections", "omniclusters", "omnicontrolplanes", "omniworkers", "omnimachines",
	"omnihelmreleases", "omnikubeconfigexports", "omnisecretsyncs"}

func resource(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "omni.texashpc.com", Version: "v1alpha1", Resource: plural}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kube:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("which part, with which kubeconfig, in which namespace?")
	}
	config, err := clientcmd.BuildConfigFromFlags("", args[1])
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 5000, 5000
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	switch {
	case args[0] == "fill" && len(args) == 4:
		clusters, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return fill(client, args[2], clusters)
	case args[0] == "change":
		return change(client, args[2], args[3:])
	case args[0] == "informer":
		return inform(client, args[2])
	}
	return fmt.Errorf("no part %q", args[0])
}

type object struct {
	plural string
	value  *unstructured.Unstructured
}

func make1(plural, kind, namespace, name string, spec map[string]any) object {
	return object{plural, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "omni.texashpc.com/v1alpha1", "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": namespace,
			"labels": map[string]any{"app.kubernetes.io/part-of": "fleet"}},
		"spec": spec}}}
}

// One cluster: itself, a control plane with three machines, a set of workers, and 22 machines with an install disk.
func cluster(namespace string, number int) []object {
	const machines = 22
	name := fmt.Sprintf("cluster-%04d", number)
	ref := map[string]any{"name": name}
	id := func(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", number, i) }
	ids := func(from, to int) (list []any) {
		for i := from; i < to; i++ {
			list = append(list, id(i))
		}
		return list
	}
	objects := []object{
		make1("omniclusters", "OmniCluster", namespace, name, map[string]any{
			"connectionRef": map[string]any{"name": "main"},
			"kubernetes":    map[string]any{"version": "v1.35.0"},
			"talos":         map[string]any{"version": "v1.12.4"},
			"patches": []any{map[string]any{"name": "network", "inline": map[string]any{"machine": map[string]any{
				"network": map[string]any{"nameservers": []any{"10.0.0.53", "10.0.1.53"}}}}}}}),
		make1("omnicontrolplanes", "OmniControlPlane", namespace, name, map[string]any{"clusterRef": ref, "machines": ids(0, 3)}),
		make1("omniworkers", "OmniWorkers", namespace, name, map[string]any{"clusterRef": ref, "machines": ids(3, machines)}),
	}
	for i := 0; i < machines; i++ {
		objects = append(objects, make1("omnimachines", "OmniMachine", namespace, id(i), map[string]any{
			"clusterRef": ref, "install": map[string]any{"disk": "/dev/nvme0n1"},
			"patches": []any{map[string]any{"name": "hostname", "inline": map[string]any{"machine": map[string]any{
				"network": map[string]any{"hostname": fmt.Sprintf("%s-node-%02d", name, i)}}}}}}))
	}
	return objects
}

func fill(client dynamic.Interface, namespace string, clusters int) error {
	work := make(chan object, 100)
	failures := make(chan error, 1)
	var group sync.WaitGroup
	for i := 0; i < 32; i++ {
		group.Go(func() {
			for one := range work {
				_, err := client.Resource(resource(one.plural)).Namespace(namespace).Create(context.Background(), one.value, metav1.CreateOptions{})
				if err != nil && !errors.IsAlreadyExists(err) {
					select {
					case failures <- err:
					default:
					}
				}
			}
		})
	}
	for i := 0; i < clusters; i++ {
		for _, one := range cluster(namespace, i) {
			work <- one
		}
	}
	close(work)
	group.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

func change(client dynamic.Interface, namespace string, names []string) error {
	lines := bufio.NewScanner(os.Stdin)
	for i, name := range names {
		if !lines.Scan() {
			return lines.Err()
		}
		patch := fmt.Sprintf(`{"spec":{"labels":{"bench":"v%d"}}}`, i)
		_, err := client.Resource(resource("omniclusters")).Namespace(namespace).Patch(context.Background(), name,
			types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		fmt.Println(time.Now().UnixMicro())
	}
	return nil
}

func inform(client dynamic.Interface, namespace string) error {
	begin := time.Now()
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 10*time.Hour, namespace, nil)
	for _, plural := range plurals {
		factory.ForResource(resource(plural)).Informer()
	}
	stop := make(chan struct{})
	factory.Start(stop)
	for kind, ok := range factory.WaitForCacheSync(stop) {
		if !ok {
			return fmt.Errorf("%s was not synchronised", kind.Resource)
		}
	}
	fmt.Println("synchronised", time.Since(begin).Milliseconds())
	select {}
}
