// What repo-server does with a plugin, and nothing around it: streams a repository to Argo CD's plugin server for each of the
// applications named, all at once, and takes what it generates.
//
//	ask [-env NAME=VALUE]… SOCKET REPOSITORY APPLICATION…   prints a line per application: how many objects, or why none; and
//	                                                        behind all of them the milliseconds of the slowest half, and all
//	ask -announce SOCKET REPOSITORY APPLICATION             prints the parameters that the plugin announces
//	ask -print …                                            prints the objects, one a line
//	ask -check FILE…                                        no plugin: are these Applications and projects as Argo CD has them?
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v3/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/cmp"
	"google.golang.org/grpc/status"
	"sigs.k8s.io/yaml"
)

type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

type answer struct {
	objects []string
	err     error
	took    time.Duration
}

func generate(client apiclient.ConfigManagementPluginServiceClient, repository, application string, env []string) (result answer) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	begin := time.Now()
	defer func() { result.took = time.Since(begin) }()
	stream, err := client.GenerateManifest(ctx)
	if err == nil {
		err = cmp.SendRepoStream(ctx, filepath.Join(repository, application), repository, stream, env, nil)
	}
	if err != nil {
		return answer{err: err}
	}
	got, err := stream.CloseAndRecv()
	if err != nil {
		return answer{err: err}
	}
	return answer{objects: got.Manifests}
}

func announce(client apiclient.ConfigManagementPluginServiceClient, repository, application string, env []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	stream, err := client.GetParametersAnnouncement(ctx)
	if err != nil {
		return err
	}
	if err = cmp.SendRepoStream(ctx, filepath.Join(repository, application), repository, stream, env, nil); err != nil {
		return err
	}
	got, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got.ParameterAnnouncements)
}

// Fields that Argo CD does not have, and rules of projects that it refuses.
func check(files []string) error {
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, document := range strings.Split(string(content), "\n---\n") {
			var head struct{ Kind string }
			var application v1alpha1.Application
			var project v1alpha1.AppProject
			if err = yaml.Unmarshal([]byte(document), &head); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			switch head.Kind {
			case "Application":
				err = yaml.UnmarshalStrict([]byte(document), &application)
			case "AppProject":
				if err = yaml.UnmarshalStrict([]byte(document), &project); err == nil {
					err = project.ValidateProject()
				}
			default:
				err = fmt.Errorf("neither Application nor AppProject: %q", head.Kind)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	var env list
	announces := flag.Bool("announce", false, "")
	prints := flag.Bool("print", false, "")
	checks := flag.Bool("check", false, "")
	flag.Var(&env, "env", "")
	flag.Parse()
	if *checks {
		if err := check(flag.Args()); err != nil {
			fail(err)
		}
		return
	}
	socket, repository, applications := flag.Arg(0), flag.Arg(1), flag.Args()[2:]
	closer, client, err := apiclient.NewConfigManagementPluginClientSet(socket).NewConfigManagementPluginClient()
	if err != nil {
		fail(err)
	}
	defer closer.Close()
	if *announces {
		if err = announce(client, repository, applications[0], env); err != nil {
			fail(err)
		}
		return
	}
	answers := make([]answer, len(applications))
	var all sync.WaitGroup
	begin := time.Now()
	for i, application := range applications {
		all.Go(func() { answers[i] = generate(client, repository, application, env) })
	}
	all.Wait()
	whole, failed := time.Since(begin), 0
	times := make([]time.Duration, 0, len(answers))
	for i, got := range answers {
		times = append(times, got.took)
		if got.err != nil {
			failed = 1
			fmt.Printf("%s: %s\n", applications[i], status.Convert(got.err).Message())
		} else if *prints {
			fmt.Println(strings.Join(got.objects, "\n"))
		} else {
			fmt.Printf("%s: %d objects\n", applications[i], len(got.objects))
		}
	}
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	fmt.Fprintf(os.Stderr, "%d %d\n", times[len(times)/2].Milliseconds(), whole.Milliseconds())
	os.Exit(failed)
}
