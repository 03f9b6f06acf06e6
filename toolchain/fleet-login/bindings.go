package main

import "sync"

// bindings are who is at the other end of which connection.
type bindings struct {
	lock  sync.Mutex
	names map[int]string
}

func (b *bindings) remember(connection int, who string) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.names[connection] = who
}

func (b *bindings) forget(connection int) {
	b.lock.Lock()
	defer b.lock.Unlock()
	delete(b.names, connection)
}

func (b *bindings) known(connection int) bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.names[connection] != ""
}
