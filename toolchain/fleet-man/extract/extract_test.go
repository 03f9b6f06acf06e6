package extract

import (
	"archive/tar"
	"strings"
	"testing"

	"fleet.internal/toolchain/fleet-man/archive"
	"fleet.internal/toolchain/fleet-man/page"
)

func opening(t *testing.T, entries ...archive.Entry) *opened {
	t.Helper()
	config := defaults
	made := &opened{pages: map[string]*found{}, folders: map[string]string{}}
	for i := range entries {
		entries[i].Size = 10
		if entries[i].Body == nil {
			entries[i].Body = strings.NewReader(".TH X 1\nwords")
		}
		if err := made.take(&config, &entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

func TestLinksAreFollowedInsideThePackage(t *testing.T) {
	man := "./usr/share/man/"
	made := opening(t,
		archive.Entry{Path: man + "man1/real.1.gz", Type: tar.TypeReg, Body: strings.NewReader(".TH X 1\nwords")},
		archive.Entry{Path: man + "man1/soft.1", Type: tar.TypeSymlink, To: "real.1"},
		archive.Entry{Path: man + "man1/round.1", Type: tar.TypeSymlink, To: "trip.1"},
		archive.Entry{Path: man + "man1/trip.1", Type: tar.TypeSymlink, To: "round.1"},
		archive.Entry{Path: man + "man1/away.1", Type: tar.TypeSymlink, To: "other.1.xz"},
		archive.Entry{Path: man + "man1/file.1", Type: tar.TypeSymlink, To: "/etc/passwd"},
		archive.Entry{Path: man + "de/man1/so.1", Type: tar.TypeReg, Body: strings.NewReader(".so man1/real.1")},
	)
	for name, want := range map[string]string{
		"man1/soft.1": "page", "man1/round.1": "a loop of links", "man1/away.1": "/other.1",
		"man1/file.1": "leads to etc/passwd, which is no manual page", "de/man1/so.1": "page",
	} {
		end, link, why := made.resolve("usr/share/man/" + name)
		got := link + why
		if end != nil {
			got = "page"
		}
		if got != want {
			t.Errorf("%s: %s, and it should be %s", name, got, want)
		}
	}
}

func TestLinksThatClimbOutAreBad(t *testing.T) {
	for to, want := range map[string]bool{"../a": false, "../../../../a": false, "../../../../../a": true, "x/../../../../../../b": true, "/etc": false} {
		if climbs("usr/share/man/man1", to) != want {
			t.Errorf("%s", to)
		}
	}
}

func TestANameTwiceIsTheFirst(t *testing.T) {
	made := opening(t,
		archive.Entry{Path: "usr/share/man/man1/a.1", Type: tar.TypeReg},
		archive.Entry{Path: "/usr/share/man/man1/a.1.gz", Type: tar.TypeReg},
	)
	if len(made.pages) != 1 || len(made.bad) != 1 {
		t.Errorf("%v", made.bad)
	}
}

func TestDefaultsAreGood(t *testing.T) {
	config := defaults
	config.Origin, config.Tree, config.Workers = "/o", "/o/man", 1
	config.Repositories = []Repository{{"a", "xbps", "x86_64"}}
	if found := config.problems(); len(found) > 0 {
		t.Errorf("%v", found)
	}
	if page.MostName != 255 {
		t.Error("names of files have 255 bytes at most")
	}
}
