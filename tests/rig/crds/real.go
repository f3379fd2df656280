package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// How many requests are under way at a time.
const workers = 8

// server is a real API server which has our definitions.
type server struct {
	url    string
	client *http.Client
}

func newServer(url, pki string) (*server, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(pki, "admin.crt"), filepath.Join(pki, "admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(pki, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &server{url, &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}, ForceAttemptHTTP2: true,
	}}}, nil
}

// answer is what the server made of an object: the object, or why not.
type answer struct {
	code    int
	object  map[string]interface{}
	message string
	causes  []cause
}

type cause struct{ Message, Field string }

func (a answer) ok() bool { return a.code < 300 }

func (a answer) problems() []string {
	if a.ok() {
		return nil
	}
	return []string{a.message}
}

func (s *server) send(method, path string, body []byte) (answer, error) {
	for until := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		got, err := s.sendOnce(method, path, body)
		if err != nil || got.code != http.StatusTooManyRequests || time.Now().After(until) {
			return got, err // of a kind that nobody has asked for yet the server has to read all objects first
		}
	}
}

func (s *server) sendOnce(method, path string, body []byte) (answer, error) {
	request, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{code: response.StatusCode}
	if err = utiljson.Unmarshal(text, &got.object); err != nil {
		return got, fmt.Errorf("%s %s: %s: %w", method, path, response.Status, err)
	}
	if !got.ok() {
		var status struct {
			Message string
			Details struct{ Causes []cause }
		}
		err = json.Unmarshal(text, &status)
		got.message, got.causes = status.Message, status.Details.Causes
	}
	return got, err
}

const strictly = "?fieldValidation=Strict"

func (s *server) collection(d *definition, namespace string) string {
	return "/apis/omni.texashpc.com/v1alpha1/namespaces/" + namespace + "/" + d.plural
}

// namespaceOf is where kubectl would send an object to.
func namespaceOf(document map[string]interface{}) string {
	metadata, _ := document["metadata"].(map[string]interface{})
	if namespace, _ := metadata["namespace"].(string); namespace != "" && !strings.ContainsAny(namespace, "./") {
		return namespace
	}
	return "default"
}

// try asks what would become of a new object.
func (s *server) try(d *definition, document map[string]interface{}) (answer, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return answer{}, err
	}
	return s.send(http.MethodPost, s.collection(d, namespaceOf(document))+strictly+"&dryRun=All", body)
}

// tryAll keeps the order.
func (s *server) tryAll(definitions map[string]*definition, documents []map[string]interface{}) ([]answer, error) {
	answers, problems := make([]answer, len(documents)), make([]error, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < len(documents) && problems[worker] == nil; i += workers {
				answers[i], problems[worker] = s.try(definitionOf(definitions, documents[i]), documents[i])
			}
		})
	}
	group.Wait()
	for _, problem := range problems {
		if problem != nil {
			return nil, problem
		}
	}
	return answers, nil
}

// --- the comparison -----------------------------------------------------------------------------------------------------

type comparison struct {
	*tap
	*server
	definitions map[string]*definition
	golden      string
	program     string
	rules       []*rule
	every       int // of so many mutations one is asked about
}

// compareReal asks a real server about everything that is asked without one too, and `omniops validate` about the same; and
// finds for every rule of the definitions an object that it refuses, and one that it lets pass.
func compareReal(arguments []string) error {
	set := flag.NewFlagSet("real", flag.ExitOnError)
	url := set.String("url", "", "the API server")
	pki := set.String("pki", "", "folder with ca.crt, admin.crt, admin.key")
	program := set.String("omniops", "", "the program")
	every := set.Int("every", 6, "of so many mutations one is asked about; which ones is the same in every run")
	_ = set.Parse(arguments)
	root := set.Arg(0)
	s, err := newServer(*url, *pki)
	if err != nil {
		return err
	}
	definitions, problems := loadDefinitions(filepath.Join(root, "crds/yaml"))
	if len(problems) > 0 {
		return fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	rules, err := readRules(filepath.Join(root, "crds/yaml"))
	if err != nil {
		return err
	}
	c := &comparison{&tap{}, s, definitions, filepath.Join(root, "tests/golden/kinds"), *program, rules, *every}
	for _, step := range []func() error{c.manifests, c.updates, c.statuses, c.breaks, c.mutations, c.operator} {
		if err := step(); err != nil {
			return err
		}
	}
	c.coverage()
	fmt.Printf("1..%d\n", c.count)
	if c.failed > 0 {
		os.Exit(1)
	}
	return nil
}

// manifests: those of tests/golden/kinds, as they are written.
func (c *comparison) manifests() error {
	var different []string
	for folder, accepts := range map[string]bool{"valid": true, "invalid": false} {
		files, err := readCorpus(filepath.Join(c.golden, folder))
		if err != nil {
			return err
		}
		for _, file := range files {
			found, err := validateFile(c.program, file.path)
			if err != nil {
				return err
			}
			one, err := c.manifest(file, accepts, found)
			if err != nil {
				return err
			}
			different = append(different, one...)
		}
	}
	c.result(len(different) == 0, "the program agrees about the manifests", different...)
	return nil
}

func (c *comparison) manifest(file corpusFile, accepts bool, ours []finding) ([]string, error) {
	wanted := accepts
	if file.server != "" {
		wanted = file.server == "accepts"
	}
	if len(file.documents) != 1 {
		return nil, fmt.Errorf("%s: needs one document", file.path)
	}
	document := file.documents[0]
	got, err := c.try(definitionOf(c.definitions, document), document)
	if err != nil {
		return nil, err
	}
	c.learn(document, got)
	verdict(c.tap, file, wanted, got.problems())
	return differences(filepath.Base(file.path), got, ours), nil
}

// updates: the old object is made, and asked for the new one.
func (c *comparison) updates() error {
	files, err := readCorpus(filepath.Join(c.golden, "update"))
	if err != nil {
		return err
	}
	for _, file := range files {
		problems, err := c.update(file.documents[0], file.documents[1])
		if err != nil {
			return err
		}
		verdict(c.tap, file, !strings.HasPrefix(filepath.Base(file.path), "refuse-"), problems)
	}
	return nil
}

func (c *comparison) update(old, object map[string]interface{}) ([]string, error) {
	d := definitionOf(c.definitions, old)
	path, made, err := c.make(d, old)
	if err != nil {
		return nil, err
	}
	version := made["metadata"].(map[string]interface{})["resourceVersion"]
	object["metadata"].(map[string]interface{})["resourceVersion"] = version
	body, _ := json.Marshal(object)
	got, err := c.send(http.MethodPut, path+strictly+"&dryRun=All", body)
	if err != nil {
		return nil, err
	}
	c.learn(object, got)
	_, err = c.send(http.MethodDelete, path, nil)
	return got.problems(), err
}

// make creates an object to go on with.
func (c *comparison) make(d *definition, document map[string]interface{}) (path string, made map[string]interface{}, err error) {
	body, _ := json.Marshal(document)
	collection := c.collection(d, namespaceOf(document))
	got, err := c.send(http.MethodPost, collection+strictly, body)
	if err == nil && !got.ok() {
		err = fmt.Errorf("%s", got.message)
	}
	if err != nil {
		return "", nil, err
	}
	return collection + "/" + document["metadata"].(map[string]interface{})["name"].(string), got.object, nil
}

// mutations: thousands of objects.
func (c *comparison) mutations() error {
	files, err := readCorpus(filepath.Join(c.golden, "valid"))
	if err != nil {
		return err
	}
	var all []mutation
	for _, file := range files {
		document := file.documents[0]
		name := strings.TrimSuffix(filepath.Base(file.path), ".yaml")
		all = append(all, mutationsOf(name, document, definitionOf(c.definitions, document).structural)...)
	}
	var some []mutation
	for i := 0; i < len(all); i += c.every {
		some = append(some, all[i])
	}
	return c.compare(some, "mutated manifests")
}

func (c *comparison) compare(all []mutation, what string) error {
	documents := make([]map[string]interface{}, len(all))
	for i, one := range all {
		if err := utiljson.Unmarshal(one.document, &documents[i]); err != nil {
			return err
		}
	}
	began := time.Now()
	answers, err := c.tryAll(c.definitions, documents)
	if err != nil {
		return err
	}
	took := time.Since(began)
	ours, err := validate(c.program, documents)
	if err != nil {
		return err
	}
	var different []string
	refused := 0
	for i, got := range answers {
		c.learn(documents[i], got)
		if !got.ok() {
			refused++
		}
		different = append(different, differences(all[i].name, got, ours[i])...)
	}
	fmt.Printf("# %d %s in %d ms, %d refused by the API server, %d differences\n", len(all), what, took.Milliseconds(), refused, len(different))
	c.result(len(different) == 0 && refused > 0 && len(all) > refused, "the program agrees with the API server about "+what, different...)
	return nil
}

// operator: what its webhooks decide, our definitions decide alone.
func (c *comparison) operator() error {
	text, err := os.ReadFile(filepath.Join(c.golden, "operator.yaml"))
	if err != nil {
		return err
	}
	var cases []struct {
		Case, Verdict string
		Object, Old   map[string]interface{}
	}
	if err = yaml.UnmarshalStrict(text, &cases); err != nil {
		return err
	}
	for _, one := range cases {
		var problems []string
		if one.Old != nil {
			problems, err = c.update(one.Old, one.Object)
		} else {
			var got answer
			got, err = c.try(definitionOf(c.definitions, one.Object), one.Object)
			problems = got.problems()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", one.Case, err)
		}
		c.result((len(problems) == 0) == (one.Verdict == "accepts"), "as the operator's webhooks, "+one.Verdict+" "+one.Case, problems...)
	}
	return nil
}
