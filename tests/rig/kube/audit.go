package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

type auditEvent struct {
	Stage string
	Verb  string
	URI   string `json:"requestURI"`
	User  struct{ Username string }

	ObjectRef      *struct{ Resource, Subresource string }
	ResponseStatus *struct{ Code int }
}

// kind is "VERB RESOURCE[/SUBRESOURCE] USER"; of requests without a resource, the path.
func (e auditEvent) kind() string {
	what := e.URI
	if ref := e.ObjectRef; ref != nil {
		what = ref.Resource
		if ref.Subresource != "" {
			what += "/" + ref.Subresource
		}
	}
	return e.Verb + " " + what + " " + e.User.Username
}

// Who asks for the server itself, and for the rig.
var ownUsers = []string{"system:apiserver", rigName}

// counts prints "COUNT VERB RESOURCE USER" for the requests that came since the offset, or with "CODE" after that for those
// that have ended; FILTER is a regular expression about what follows the count.
func counts(arguments []string) error {
	set := flag.NewFlagSet("counts", flag.ExitOnError)
	dir := set.String("dir", "", "folder of a server")
	since := set.Int64("since", 0, "bytes of the audit log to leave out")
	codes := set.Bool("codes", false, "with the code of the answer")
	_ = set.Parse(arguments)
	stage := "RequestReceived"
	if *codes {
		stage = "ResponseComplete"
	}
	filter, err := regexp.Compile(set.Arg(0))
	if err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(*dir, "audit.log"))
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err = file.Seek(*since, io.SeekStart); err != nil {
		return err
	}
	found := map[string]int{}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF { // what is left has not been written to its end
			break
		}
		var event auditEvent
		if err := cmp.Or(err, json.Unmarshal(line, &event)); err != nil {
			return err
		}
		kind := event.kind()
		if *codes && event.ResponseStatus != nil {
			kind += fmt.Sprint(" ", event.ResponseStatus.Code)
		}
		if event.Stage == stage && !slices.Contains(ownUsers, event.User.Username) && filter.MatchString(kind) {
			found[kind]++
		}
	}
	printCounts(found)
	return nil
}

func printCounts(found map[string]int) {
	kinds := make([]string, 0, len(found))
	for kind := range found {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int { return cmp.Or(found[b]-found[a], cmp.Compare(a, b)) })
	for _, kind := range kinds {
		fmt.Println(found[kind], kind)
	}
}
