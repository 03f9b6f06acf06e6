package tree

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// MarkGone notes in next which pages of the index before no package has any more, and since when.
func (x *Index) MarkGone(before *Index, now int64) {
	x.Gone = make(map[string]int64)
	if before == nil {
		return
	}
	mine := x.Blobs()
	for blob, since := range before.Gone {
		if !mine[blob] {
			x.Gone[blob] = since
		}
	}
	for blob := range before.Blobs() {
		if _, noted := x.Gone[blob]; !noted && !mine[blob] {
			x.Gone[blob] = now
		}
	}
}

// Due are the pages that have been gone for long enough, oldest first, and not more than share of all: a mirror that saw
// much of a tree go at once would take the origin for broken, and stop.
func (x *Index) Due(now int64, keep time.Duration, share float64) []string {
	due := []string{}
	for blob, since := range x.Gone {
		if now-since >= int64(keep/time.Second) {
			due = append(due, blob)
		}
	}
	sort.Slice(due, func(i, j int) bool {
		if a, b := x.Gone[due[i]], x.Gone[due[j]]; a != b {
			return a < b
		}
		return due[i] < due[j]
	})
	most := max(50, int(share*float64(len(x.Blobs())+len(x.Gone))))
	return due[:min(len(due), most)]
}

// Sweep removes what is due, indexes that no pointer has named for keep, and what cut runs left.
func (s Store) Sweep(due []string, index *Index, named string, now time.Time, keep time.Duration) {
	for _, blob := range due {
		_ = os.Remove(s.BlobPath(blob))
	}
	s.sweepIndexes(named, now, keep)
	// A run that was cut wrote pages that no index has ever named.
	mine := index.Blobs()
	for _, path := range s.blobs() {
		blob := strings.TrimSuffix(filepath.Base(path), ".gz")
		if _, gone := index.Gone[blob]; !gone && !mine[blob] {
			removeOld(path, now, keep)
		}
	}
	for _, pattern := range []string{".draft-*", "pages/*/.draft-*"} {
		drafts, _ := filepath.Glob(filepath.Join(s.Folder, pattern))
		for _, draft := range drafts {
			removeOld(draft, now, keep)
		}
	}
}

// sweepIndexes removes an index when the one that came after it is older than keep: until then somebody may read it.
func (s Store) sweepIndexes(named string, now time.Time, keep time.Duration) {
	written := make(map[string]time.Time)
	names := s.Indexes()
	for _, name := range names {
		if info, err := os.Lstat(filepath.Join(s.Folder, name)); err == nil {
			written[name] = info.ModTime()
		}
	}
	sort.Slice(names, func(i, j int) bool { return written[names[i]].Before(written[names[j]]) })
	for i, name := range names[:max(0, len(names)-1)] {
		if name != named && now.Sub(written[names[i+1]]) >= keep {
			_ = os.Remove(filepath.Join(s.Folder, name))
		}
	}
}

func removeOld(path string, now time.Time, keep time.Duration) {
	if info, err := os.Lstat(path); err == nil && now.Sub(info.ModTime()) >= keep {
		_ = os.Remove(path)
	}
}
