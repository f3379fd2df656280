package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

// chance is where all that is random comes from. What is derived by the same numbers from the same seed is the same.
type chance struct {
	mu  sync.Mutex
	rnd *rand.Rand
}

func derive(seed uint64, kind uint64, number int) *chance {
	return &chance{rnd: rand.New(rand.NewPCG(seed, kind<<32|uint64(number)))}
}

// What is derived from a seed.
const (
	chanceOfWorld uint64 = iota
	chanceOfRound
	chanceOfLink
)

// below gives 0 … n-1.
func (c *chance) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.IntN(n)
}

// one in n times.
func (c *chance) in(n int) bool { return c.below(n) == 0 }

func (c *chance) upTo(longest time.Duration) time.Duration {
	return time.Duration(c.below(int(longest)) + 1)
}

func pick[T any](c *chance, from []T) T { return from[c.below(len(from))] }
