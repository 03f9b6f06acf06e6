package serve

import (
	"net/url"
	"testing"

	"fleet.internal/toolchain/fleet-man/tree"
)

func small() *site {
	page := func(name, section, lang string) tree.Page {
		return tree.Page{Name: name, Section: section, Lang: lang, Blob: "x", Title: "about " + name}
	}
	said := page("ls", "1", "")
	said.Said, said.Alias = true, true
	return newSite(tree.Store{}, &tree.Index{
		Repositories: []tree.Repository{{Arch: "x86_64"}, {Arch: "musl"}},
		Packages: []*tree.Package{
			{Name: "evil", Pages: []tree.Page{said}},
			{Name: "tools", Pages: []tree.Page{page("ls", "1", ""), page("ls", "1", "de"), page("ls", "3p", ""), page("git.conf", "5", "")}},
			{Name: "tools", Repository: 1, Pages: []tree.Page{page("ls", "1", ""), page("own", "8", "")}},
		},
	}, tree.Pointer{})
}

func TestAPageThatOnlyMentionsANameDoesNotTakeIt(t *testing.T) {
	found := small().pages(wish{name: "ls"})
	if len(found) != 5 || found[0].pack.Name != "tools" || found[0].Lang != "" {
		t.Errorf("%+v", found)
	}
}

func TestEveryAddressLeadsBackToItsPage(t *testing.T) {
	s := small()
	for _, entries := range s.byName {
		for _, it := range entries {
			w, ok := s.wishOf(s.url(it))
			found := s.pages(w)
			if !ok || len(found) == 0 || found[0].Name != it.Name || found[0].Section != it.Section || found[0].Lang != it.Lang || (!it.Said && found[0].arch != it.arch) {
				t.Errorf("%s leads to %+v", s.url(it), found)
			}
		}
	}
}

func TestSectionsFitThoseThatAreMoreOfThem(t *testing.T) {
	if found := small().pages(wish{name: "ls", section: "3"}); len(found) != 1 || found[0].Section != "3p" {
		t.Errorf("%+v", found)
	}
}

func TestQueries(t *testing.T) {
	s := small()
	for query, want := range map[string]wish{
		"ls": {name: "ls"}, "ls(3)": {name: "ls", section: "3"}, "3 ls": {name: "ls", section: "3"}, " ls (1) ": {name: "ls", section: "1"},
	} {
		if got := s.asked(query, url.Values{}); got != want {
			t.Errorf("%q: %+v", query, got)
		}
	}
	got := s.asked("ls", url.Values{"sec": {"0"}, "arch": {"default"}, "manpath": {"musl"}, "lang": {"xx"}})
	if got != (wish{name: "ls", arch: "musl"}) {
		t.Errorf("%+v", got)
	}
}

func TestSearchRanksNamesBeforeWords(t *testing.T) {
	found := small().search("ls", wish{})
	if len(found) == 0 || found[0].Name != "ls" || found[0].Lang != "" {
		t.Errorf("%+v", found)
	}
	if found := small().search("about own", wish{arch: "x86_64"}); len(found) != 0 {
		t.Errorf("%+v is of another architecture", found)
	}
}

func TestDistance(t *testing.T) {
	for _, it := range []struct {
		a, b string
		far  int
	}{{"ls", "ls", 0}, {"ls", "sl", 1}, {"printf", "prinft", 1}, {"a", "abc", 2}, {"grep", "xxxx", 3}, {"", "ab", 2}} {
		if got := distance(it.a, it.b, 2); got != it.far {
			t.Errorf("%s to %s: %d", it.a, it.b, got)
		}
	}
}

func TestGzipIsSentToThoseWhoTakeIt(t *testing.T) {
	for header, want := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "*": true, "": false, "identity": false, "gzipped": false,
	} {
		if takesGzip([]byte(header)) != want {
			t.Errorf("%q", header)
		}
	}
}

func TestTheShelfIsBounded(t *testing.T) {
	s := newShelf(10_000)
	for i := range 100 {
		s.put(string(rune('a'+i)), &answer{plain: make([]byte, 1000)})
	}
	if s.held > s.most || len(s.by) != s.order.Len() || len(s.by) > 7 || s.get([]byte("a")) != nil {
		t.Errorf("%d bytes, %d answers", s.held, len(s.by))
	}
	s.put("large", &answer{plain: make([]byte, 9000)})
	if s.get([]byte("large")) != nil {
		t.Error("one answer takes the place of all")
	}
}

func TestLinksLeadToPagesAlone(t *testing.T) {
	s := small()
	from := s.pages(wish{name: "ls"})[0]
	got := string(s.link([]byte(`<b>own</b>(8) <b>no</b>(1) <a class="Xr">ls(1)</a> <a class="Xr">no(9)</a> <i>a&lt;b</i>(1)`), from))
	want := `<a class="xr" href="/own.8"><b>own</b>(8)</a> <b>no</b>(1) <a class="xr" href="/ls.1">ls(1)</a> no(9) <i>a&lt;b</i>(1)`
	if got != want {
		t.Errorf("%s", got)
	}
}
