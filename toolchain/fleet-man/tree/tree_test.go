package tree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	store := Store{t.TempDir()}
	if _, err := store.ReadPointer(); !errors.Is(err, ErrNone) {
		t.Fatalf("%v", err)
	}
	blob, err := store.WriteBlob([]byte("<p>words</p>"))
	if err != nil {
		t.Fatal(err)
	}
	index := &Index{Format: Format, Repositories: []Repository{{Path: "r"}}, Packages: []*Package{{Name: "a", Pages: []Page{{Name: "x", Section: "1", Blob: blob}}}}}
	name, err := store.WriteIndex(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.WritePointer(Pointer{Index: name, At: 7}); err != nil {
		t.Fatal(err)
	}
	pointer, err := store.ReadPointer()
	if err != nil || pointer.Index != name || pointer.At != 7 {
		t.Fatalf("%+v %v", pointer, err)
	}
	read, err := store.ReadIndex(name)
	if err != nil || read.Packages[0].Pages[0].Name != "x" || store.Missing(read) != "" {
		t.Fatalf("%+v %v", read, err)
	}
	if text, err := store.ReadBlob(blob); err != nil || string(text) != "<p>words</p>" {
		t.Fatalf("%s %v", text, err)
	}
	if err := os.Rename(filepath.Join(store.Folder, name), filepath.Join(store.Folder, "index-"+strings.Repeat("0", 64)+".json.zst")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ReadIndex("index-" + strings.Repeat("0", 64) + ".json.zst"); err == nil {
		t.Error("an index of another name than its digest is taken")
	}
	for _, bad := range []string{"../x", "index-.json.zst", ""} {
		if _, err := store.ReadIndex(bad); err == nil {
			t.Errorf("%q is taken for an index", bad)
		}
	}
}

func TestAnIndexWithWhatIsNoDigestIsRefused(t *testing.T) {
	store := Store{t.TempDir()}
	name, err := store.WriteIndex(&Index{Format: Format, Repositories: []Repository{{}}, Packages: []*Package{{Pages: []Page{{Blob: "../../etc/passwd"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.ReadIndex(name); err == nil {
		t.Error("it becomes the name of a file")
	}
}

func TestLinksBetweenPackages(t *testing.T) {
	page := func(name, blob, link string) Page { return Page{Name: name, Section: "1", Blob: blob, Link: link} }
	index := &Index{Repositories: []Repository{{}, {}}, Packages: []*Package{
		{Name: "a", Pages: []Page{page("real", "blob", ""), page("round", "", "/trip.1")}},
		{Name: "b", Pages: []Page{page("soft", "", "/real.1"), page("twice", "", "de/soft.1"), page("trip", "", "/round.1"), page("none", "", "/no.1")}},
		{Name: "c", Repository: 1, Pages: []Page{page("other", "", "/real.1")}},
	}}
	bad := index.Resolve()
	got := ""
	for _, it := range bad {
		got += fmt.Sprintf("%s %s: %s\n", it.Package, it.Page, it.Why)
	}
	want := "a round.1: a loop of links\nb trip.1: a loop of links\nb none.1: leads to no.1, which no package here has\nc other.1: leads to real.1, which no package here has\n"
	if got != want {
		t.Errorf("%s", got)
	}
	if pages := index.Packages[1].Pages; pages[0].Blob != "blob" || pages[1].Blob != "blob" || pages[2].Blob != "" {
		t.Errorf("%+v", pages)
	}
}

func TestNotTooMuchGoesAtOnceAndTheOldestFirst(t *testing.T) {
	index := &Index{Gone: map[string]int64{}}
	for i := range 4000 {
		index.Gone[fmt.Sprintf("%064d", i)] = int64(i)
	}
	due := index.Due(10_000, time.Hour, 0.05)
	if len(due) != 200 || due[0] != fmt.Sprintf("%064d", 0) {
		t.Errorf("%d", len(due))
	}
	if due := index.Due(3700, time.Hour, 1); len(due) != 101 {
		t.Errorf("%d are old enough, and it should be 101", len(due))
	}
}

func TestAnIndexStaysUntilTheOneAfterItIsOld(t *testing.T) {
	store, now := Store{t.TempDir()}, time.Now()
	names := []string{}
	for i, age := range []time.Duration{50 * time.Hour, 49 * time.Hour, time.Minute} {
		name, err := store.WriteIndex(&Index{Format: Format, Swept: int64(i)})
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		_ = os.Chtimes(filepath.Join(store.Folder, name), now, now.Add(-age))
	}
	store.Sweep(nil, &Index{}, names[2], now, 48*time.Hour)
	left := strings.Join(store.Indexes(), " ")
	if strings.Contains(left, names[0]) || !strings.Contains(left, names[1]) || !strings.Contains(left, names[2]) {
		t.Errorf("%s", left)
	}
}
