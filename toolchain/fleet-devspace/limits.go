package main

import (
	"net"
	"net/netip"
	"sync"
)

// Doors counts who is connected, from where and as whom, and turns away what is too much. Everything that holds memory
// before anybody has logged in is bounded here.
type Doors struct {
	limits Limits

	mu      sync.Mutex
	all     int
	waiting int
	from    map[netip.Prefix]int
	people  map[string]int
}

func newDoors(limits Limits) *Doors {
	return &Doors{limits: limits, from: map[netip.Prefix]int{}, people: map[string]int{}}
}

// place is what counts as one address: an IPv6 host has a whole /64 to come from.
func place(address net.Addr) netip.Prefix {
	found, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip := found.Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.WithZone("").Prefix(bits)
	return prefix
}

// enter lets a connection in, or says what there is too much of.
func (d *Doors) enter(from netip.Prefix) (refused string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.all >= d.limits.Connections:
		return "connections"
	case d.waiting >= d.limits.Waiting:
		return "waiting"
	case d.from[from] >= d.limits.PerAddress:
		return "per_address"
	}
	d.all++
	d.waiting++
	d.from[from]++
	return ""
}

// admit says that somebody logged in by a connection that waited.
func (d *Doors) admit(who string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.people[who] >= d.limits.PerPerson {
		return false
	}
	d.waiting--
	d.people[who]++
	return true
}

// leave takes a connection out again; `who` is empty where nobody had been admitted by it.
func (d *Doors) leave(from netip.Prefix, who string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.from[from]--; d.from[from] <= 0 {
		delete(d.from, from)
	}
	if who == "" {
		d.waiting--
	} else if d.people[who]--; d.people[who] <= 0 {
		delete(d.people, who)
	}
}

// inside is how many connections there are, how many of them wait, and of how many people the others are.
func (d *Doors) inside() (all, waiting, people int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all, d.waiting, len(d.people)
}
