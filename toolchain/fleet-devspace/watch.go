package main

import (
	"context"
	"sync"
	"time"
)

// unheard is how many looks may fail before whoever is in is cut: an answer that does not come proves nothing, and one
// that never comes must not keep somebody in. The look-up itself believes its last answer for as long as the data say.
const unheard = 4

// watch asks again about everybody who is in, and cuts whoever may no longer come in by the key that they came with.
func (s *Server) watch(ctx context.Context) {
	every := seconds(s.config.RefreshSeconds)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.lookAgain(ctx)
		}
	}
}

// lookAgain is one look at everybody.
func (s *Server) lookAgain(ctx context.Context) {
	people := map[string][]*Session{}
	for _, session := range s.sessions() {
		people[session.who] = append(people[session.who], session)
	}
	var all sync.WaitGroup
	for who, sessions := range people {
		all.Go(func() {
			keys, err := s.lookup.keys(ctx, who, 0)
			if ctx.Err() != nil {
				return
			}
			for _, session := range sessions {
				switch {
				case err == nil && keys[session.wire]:
					session.heard = time.Now()
				case err == nil:
					session.cut("may no longer come in")
				case time.Since(session.heard) > unheard*seconds(s.config.RefreshSeconds):
					session.cut("nobody says whether they may still come in")
				}
			}
		})
	}
	all.Wait()
}
