// Holds our YAML reader and writer against those of the references, over values made at random: sigs.k8s.io/yaml reads
// as Kubernetes clients do, go.yaml.in/yaml/v4 reads and writes as Omni and the operator do.
//
//	yaml PROGRAM MODE SEED COUNT
//
// PROGRAM is what values.c becomes and MODE one of its modes. What differs is printed, and the exit status is 1. Where
// we differ on purpose is said at the place that allows it, and only that is allowed.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"strconv"
)

// answers runs the program over all records at once.
func answers(program, mode string, inputs [][]byte) ([]string, error) {
	var in bytes.Buffer
	for _, input := range inputs {
		fmt.Fprintf(&in, "%s %d\n", mode, len(input))
		in.Write(input)
	}
	command := exec.Command(program)
	command.Stdin = &in
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, err
	}
	reader := bufio.NewReader(bytes.NewReader(out))
	var all []string
	for range inputs {
		var size int
		if _, err := fmt.Fscanf(reader, "%d\n", &size); err != nil {
			return nil, err
		}
		answer := make([]byte, size)
		if _, err := io.ReadFull(reader, answer); err != nil {
			return nil, err
		}
		all = append(all, string(answer))
	}
	return all, nil
}

// oracle makes inputs and judges answers; it returns what is wrong, or "".
type oracle struct {
	make  func(*rand.Rand) []byte
	judge func(input []byte, answer string) string
}

func run() error {
	seed, err := strconv.ParseInt(os.Args[3], 10, 64)
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(os.Args[4])
	if err != nil {
		return err
	}
	mode := os.Args[2]
	chosen := map[string]oracle{
		"k": {makeScalars, judgeKubernetes},
		"o": {makeScalars, judgeOmni},
		"e": {makeValue, judgeWriter},
	}[mode]
	random := rand.New(rand.NewSource(seed))
	inputs := make([][]byte, count)
	for i := range inputs {
		inputs[i] = chosen.make(random)
	}
	results, err := answers(os.Args[1], mode, inputs)
	if err != nil {
		return err
	}
	wrong := 0
	for i, input := range inputs {
		if problem := chosen.judge(input, results[i]); problem != "" {
			if wrong++; wrong <= 10 {
				fmt.Printf("input:\n%s\n%s\n", input, problem)
			}
		}
	}
	fmt.Printf("%d compared, %d different, %d different on purpose\n", count, wrong, onPurpose)
	if wrong > 0 {
		return fmt.Errorf("%d differences", wrong)
	}
	return nil
}

var onPurpose int

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: yaml PROGRAM k|o|e SEED COUNT")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
