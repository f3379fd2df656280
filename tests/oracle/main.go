// Compares omniops with the programs that it stands in for, over inputs made at random:
//
//	oracle [-n COUNT] [-seed N] [-keep DIR] OMNIOPS bytes|verdicts|resources|plans
//
// bytes: the Go operator's templates; verdicts, resources, plans: Omni's client packages. Differences that are meant to be
// are recognised one by one and counted by reason; the exit status tells whether there were others.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

const shown = 5

// task is one comparison.
type task struct {
	program, work, keep string
	rules               string
	count, first        int
	seed                uint64

	mu        sync.Mutex
	agreed    int
	accepted  int
	disagreed int
	explained map[string]int
	notes     []string
}

func (t *task) agree() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.agreed++
}

func (t *task) explain(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.explained[reason]++
}

func (t *task) disagree(isFine bool, name, input, format string, args ...any) {
	if isFine {
		t.agree()

		return
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	t.disagreed++
	if t.disagreed <= shown {
		fmt.Printf("--- %s\n%s\n", name, fmt.Sprintf(format, args...))
	}

	if t.keep != "" {
		os.MkdirAll(t.keep, 0o755)                                                                                       //nolint:errcheck
		os.WriteFile(filepath.Join(t.keep, name+".yaml"), []byte(input), 0o644)                                          //nolint:errcheck
		os.WriteFile(filepath.Join(t.keep, name+".why"), []byte(strings.TrimSpace(fmt.Sprintf(format, args...))), 0o644) //nolint:errcheck
	} else if t.disagreed <= shown && len(input) < 6000 {
		fmt.Println(input)
	}
}

func (t *task) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *task) dir(name string) string {
	dir := filepath.Join(t.work, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}

	return dir
}

func (t *task) write(path, text string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		panic(err)
	}

	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		panic(err)
	}
}

// run starts omniops; an error is any exit status but 0.
func (t *task) run(input []byte, args ...string) (output []byte, complaint string, err error) {
	var out, errors bytes.Buffer

	command := exec.Command(t.program, args...)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &out, &errors
	err = command.Run()

	return out.Bytes(), errors.String(), err
}

// each calls work for every number, two at a time.
func (t *task) each(work func(i int)) {
	var wait sync.WaitGroup

	numbers := make(chan int)

	for range 2 {
		wait.Go(func() {
			for i := range numbers {
				work(i)
			}
		})
	}

	for i := range t.count {
		numbers <- t.first + i
	}

	close(numbers)
	wait.Wait()
}

func (t *task) finish() bool {
	reasons := make([]string, 0, len(t.explained))
	total := 0

	for reason, count := range t.explained {
		reasons = append(reasons, fmt.Sprintf("  %d: %s", count, reason))
		total += count
	}

	sort.Strings(reasons)

	for _, line := range append(reasons, t.notes...) {
		fmt.Println(line)
	}

	fmt.Printf("%d agree, %d differ as they should, %d disagree (seed %d)\n", t.agreed, total, t.disagreed, t.seed)

	return t.disagreed == 0 && t.agreed > 0
}

var comparisons = map[string]func(*task){
	"bytes": compareBytes, "verdicts": compareVerdicts, "resources": compareResources, "plans": comparePlans,
}

func main() {
	t := task{explained: map[string]int{}}

	flag.IntVar(&t.count, "n", 200, "how many inputs")
	flag.IntVar(&t.first, "first", 0, "number of the first one")
	flag.Uint64Var(&t.seed, "seed", 1, "another seed, other inputs")
	flag.StringVar(&t.rules, "rules", "1.9", "release whose rules and writing our resources follow; 1.9 is that of oracle-1.9")
	flag.StringVar(&t.keep, "keep", "", "directory for the inputs of disagreements")
	flag.Parse()

	compare := comparisons[flag.Arg(1)]
	if flag.NArg() != 2 || compare == nil {
		fmt.Fprintln(os.Stderr, "usage: oracle [-n COUNT] [-seed N] [-keep DIR] OMNIOPS bytes|verdicts|resources|plans")
		os.Exit(2)
	}

	t.program = flag.Arg(0)

	work, err := os.MkdirTemp("", "oracle.")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}

	t.work = work

	compare(&t)
	os.RemoveAll(work) //nolint:errcheck

	if !t.finish() {
		os.Exit(1)
	}
}
