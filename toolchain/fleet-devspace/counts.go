package main

import (
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Counts are what /metrics tells: totals by reason, never a name.
type Counts struct {
	mu     sync.Mutex
	totals map[string]int64
}

// add counts something. `series` is a metric's name with its labels.
func (c *Counts) add(series string, more int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.totals == nil {
		c.totals = map[string]int64{}
	}
	c.totals[series] += more
}

// refused counts a refusal and says it in the log.
func (c *Counts) refused(reason, from, who, words string) {
	c.add(fmt.Sprintf("devspace_refused_total{reason=%q}", reason), 1)
	log.Printf("refused person=%q from=%s reason=%s%s", who, from, reason, words)
}

func (c *Counts) lines() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text strings.Builder
	for _, series := range slices.Sorted(maps.Keys(c.totals)) {
		fmt.Fprintf(&text, "%s %d\n", series, c.totals[series])
	}
	return text.String()
}
