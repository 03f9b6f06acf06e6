// Package tree is the form in which pages lie on disk: one file per rendered page, named by its digest; an index that
// says which page is which; and a pointer that names the index. No name out of a package is ever the name of a file.
package tree

import (
	"sort"
	"strings"
)

// Format is raised whenever a reader of the form before could misread the index.
const Format = 1

// Index is everything known of the pages but their text.
type Index struct {
	Format int `json:"format"`
	// Renderer stands for the program that made the HTML; another one makes all pages anew.
	Renderer     string       `json:"renderer"`
	Repositories []Repository `json:"repositories"`
	Packages     []*Package   `json:"packages"`
	// Bad are packages of which nothing could be taken, and of which nothing older is kept either.
	Bad []Bad `json:"bad,omitempty"`
	// Gone are pages that no package has any more, with the Unix time since when: their files stay for a while.
	Gone map[string]int64 `json:"gone,omitempty"`
	// Swept is the Unix time up to which files of pages that are gone were removed.
	Swept   int64    `json:"swept,omitempty"`
	Changes []Change `json:"changes,omitempty"`
}

// Repository is one list of packages at the origin, and the architecture whose pages it has.
type Repository struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
	Arch string `json:"arch"`
	// Sum is the digest of the repository's own index when it was last read.
	Sum string `json:"sum,omitempty"`
}

// Package is one package with the pages in it.
type Package struct {
	Repository int    `json:"r"`
	Name       string `json:"n"`
	Version    string `json:"v"`
	// Sum is the digest of the package file that the pages are from.
	Sum string `json:"d"`
	// Tried is the digest of a newer file that could not be read; the pages are those of the one before.
	Tried string `json:"tried,omitempty"`
	// Since is the Unix time of the run that took this version in.
	Since int64  `json:"t"`
	Pages []Page `json:"p,omitempty"`
	Bad   []Bad  `json:"bad,omitempty"`
}

// Page is one name under which a page is found. Several names can share one Blob.
type Page struct {
	Name    string `json:"n"`
	Section string `json:"s"`
	Lang    string `json:"l,omitempty"`
	// Blob is the digest of the rendered page; empty where Link names a page of another package.
	Blob  string `json:"b,omitempty"`
	Title string `json:"t,omitempty"`
	// Source is a digest of what the page was rendered from: the same source is not rendered twice.
	Source string `json:"k,omitempty"`
	// Alias is true for a name that leads to a page with another name of its own.
	Alias bool `json:"a,omitempty"`
	// Said is true for an alias that is no file of the package: the page's own NAME section has it.
	Said bool `json:"x,omitempty"`
	// Link is the key of a page in another package, as far as the package itself says.
	Link string `json:"=,omitempty"`
}

// Key is how pages of a repository name each other: language, name and section.
func (p *Page) Key() string { return Key(p.Lang, p.Name, p.Section) }

// Key joins the three parts; none of them can hold a slash.
func Key(lang, name, section string) string { return lang + "/" + name + "." + section }

// Bad is a page or package that could not be used, and why.
type Bad struct {
	Package string `json:"package,omitempty"`
	Page    string `json:"page,omitempty"`
	Why     string `json:"why"`
}

// Change is what one run did to one package.
type Change struct {
	At      int64  `json:"at"`
	Package string `json:"package"`
	Version string `json:"version,omitempty"`
	Arch    string `json:"arch"`
	Gone    bool   `json:"gone,omitempty"`
	Pages   int    `json:"pages"`
}

// Blobs are the digests of all pages that the packages have.
func (x *Index) Blobs() map[string]bool {
	found := make(map[string]bool)
	for _, pack := range x.Packages {
		for i := range pack.Pages {
			if blob := pack.Pages[i].Blob; blob != "" {
				found[blob] = true
			}
		}
	}
	return found
}

// Counts says how many packages have pages, how many names of pages there are, and how many pages and packages are bad.
func (x *Index) Counts() (packages, pages, bad int) {
	bad = len(x.Bad)
	for _, pack := range x.Packages {
		if len(pack.Pages) > 0 {
			packages++
		}
		pages += len(pack.Pages)
		bad += len(pack.Bad)
	}
	return packages, pages, bad
}

// Sort puts packages and their pages into an order that does not depend on the run.
func (x *Index) Sort() {
	sort.Slice(x.Packages, func(i, j int) bool {
		a, b := x.Packages[i], x.Packages[j]
		if a.Repository != b.Repository {
			return a.Repository < b.Repository
		}
		return a.Name < b.Name
	})
	for _, pack := range x.Packages {
		sort.SliceStable(pack.Pages, func(i, j int) bool { return pack.Pages[i].Key() < pack.Pages[j].Key() })
	}
	sort.SliceStable(x.Bad, func(i, j int) bool { return x.Bad[i].Package < x.Bad[j].Package })
}

// Resolve gives every link to another package its page, and returns those that lead nowhere, each with its package.
func (x *Index) Resolve() []Bad {
	type place struct{ pack, page int }
	known := make([]map[string]place, len(x.Repositories))
	for i := range known {
		known[i] = make(map[string]place)
	}
	waiting := []place{}
	for i, pack := range x.Packages {
		for j := range pack.Pages {
			page := &pack.Pages[j]
			at, key := place{i, j}, page.Key()
			if page.Link != "" {
				page.Blob, page.Title = "", ""
				waiting = append(waiting, at)
			}
			if old, taken := known[pack.Repository][key]; !taken || x.Packages[old.pack].Pages[old.page].Link != "" {
				known[pack.Repository][key] = at
			}
		}
	}
	bad := []Bad{}
	for _, at := range waiting {
		pack := x.Packages[at.pack]
		page, why := &pack.Pages[at.page], ""
		seen := map[place]bool{at: true}
		for link := page.Link; ; {
			next, there := known[pack.Repository][link]
			if _, rest, _ := strings.Cut(link, "/"); !there {
				next, there = known[pack.Repository]["/"+rest]
			}
			if !there {
				why = "leads to " + strings.TrimPrefix(link, "/") + ", which no package here has"
				break
			}
			if seen[next] {
				why = "a loop of links"
				break
			}
			seen[next] = true
			target := x.Packages[next.pack].Pages[next.page]
			if target.Link == "" {
				page.Blob, page.Title = target.Blob, target.Title
				break
			}
			link = target.Link
		}
		if why != "" {
			bad = append(bad, Bad{pack.Name, page.Name + "." + page.Section, why})
		}
	}
	return bad
}
