package serve

import (
	"bytes"
	"compress/gzip"
	"container/list"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// answer is a finished answer, in both forms in which it is sent.
type answer struct {
	status int
	kind   string
	cache  string
	// to is where the asker is sent instead.
	to          string
	plain       []byte
	packed      []byte
	tag         string
	packedTag   string
	modified    time.Time
	modifiedSet string
}

const (
	htmlKind  = "text/html; charset=utf-8"
	shortTime = "public, max-age=60, stale-while-revalidate=300"
	noTime    = "no-cache"
)

// finish makes the packed form and the tags of an answer.
func (a *answer) finish(pack bool) *answer {
	sum := sha256.Sum256(a.plain)
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	a.tag, a.packedTag = `"`+tag+`"`, `"`+tag+`-gz"`
	if pack && len(a.plain) > 300 {
		var out bytes.Buffer
		writer, _ := gzip.NewWriterLevel(&out, gzip.DefaultCompression)
		_, _ = writer.Write(a.plain)
		_ = writer.Close()
		a.packed = out.Bytes()
	}
	if !a.modified.IsZero() {
		a.modifiedSet = a.modified.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return a
}

func (a *answer) size() int64 { return int64(len(a.plain)+len(a.packed)) + 500 }

// shelf keeps finished answers, up to so many bytes; what nobody asked for longest goes first.
type shelf struct {
	mutex sync.Mutex
	most  int64
	held  int64
	order *list.List
	by    map[string]*list.Element
}

type kept struct {
	key    string
	answer *answer
}

func newShelf(most int64) *shelf {
	return &shelf{most: most, order: list.New(), by: map[string]*list.Element{}}
}

func (s *shelf) get(key []byte) *answer {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if it, there := s.by[string(key)]; there {
		s.order.MoveToFront(it)
		return it.Value.(*kept).answer
	}
	return nil
}

func (s *shelf) put(key string, it *answer) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, there := s.by[key]; there || it.size() > s.most/4 {
		return
	}
	s.by[key] = s.order.PushFront(&kept{key, it})
	s.held += it.size() + int64(len(key))
	for s.held > s.most {
		last := s.order.Back()
		old := last.Value.(*kept)
		s.order.Remove(last)
		delete(s.by, old.key)
		s.held -= old.answer.size() + int64(len(old.key))
	}
}
