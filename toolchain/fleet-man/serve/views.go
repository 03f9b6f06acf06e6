package serve

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fleet.internal/toolchain/fleet-man/tree"
)

//go:embed style.css
var style []byte

//go:embed views.html
var views string

var stylePath = func() string {
	sum := sha256.Sum256(style)
	return "/-/style-" + hex.EncodeToString(sum[:4]) + ".css"
}()

var layouts = template.Must(template.New("views").Funcs(template.FuncMap{
	"style": func() string { return stylePath },
	"day":   func(at int64) string { return time.Unix(at, 0).UTC().Format("2006-01-02 15:04 UTC") },
	"kind":  func(section string) string { return sectionNames[section[:1]] },
}).Parse(views))

// item is a link to a page, as lists show it.
type item struct{ URL, Name, Section, Lang, Arch, Title string }

func (s *site) item(it entry) item {
	made := item{s.url(it), it.Name, it.Section, it.Lang, "", it.Title}
	if it.arch != 0 {
		made.Arch = s.arches[it.arch]
	}
	return made
}

func (s *site) items(entries []entry) []item {
	made := make([]item, 0, len(entries))
	for _, it := range entries {
		made = append(made, s.item(it))
	}
	return made
}

// choice is one of a select's.
type choice struct {
	Value  string
	Chosen bool
}

func choices(values []string, chosen string) []choice {
	made := []choice{}
	for _, it := range values {
		made = append(made, choice{it, it == chosen})
	}
	return made
}

// view is what any of the pages shows; each uses some of it.
type view struct {
	Title, Query             string
	Asked                    wish
	Sections, Langs, Arches  []choice
	Items, Others            []item
	Total, From, To          int
	Previous, Next           string
	Body                     template.HTML
	Lang, Package, Version   string
	Arch, Section            string
	Age                      string
	At                       int64
	Packages, Pages, BadOnes int
	Counts                   []count
	Changes                  []tree.Change
	Rows                     []row
	Search                   bool
}

type count struct {
	Section string
	Pages   int
}

// row is a package on a package's page.
type row struct {
	Version, Arch string
	Items         []item
	Bad           []tree.Bad
}

func (s *site) show(name string, v view) []byte {
	v.Sections, v.Langs, v.Arches = choices(s.sections, v.Asked.section), choices(s.langs, v.Asked.lang), choices(s.arches, v.Asked.arch)
	var out bytes.Buffer
	if err := layouts.ExecuteTemplate(&out, name, v); err != nil {
		panic(err) // The templates are ours, and each is shown by a test.
	}
	return out.Bytes()
}

func (s *site) home(now time.Time) []byte {
	v := view{
		Title: "Manual pages", At: s.pointer.At, Age: s.age(now).String(), Packages: s.numberOfPackages, Pages: s.numberOfPages,
		BadOnes: s.numberOfBad, Changes: s.index.Changes[:min(len(s.index.Changes), 30)], Search: true,
	}
	for _, section := range s.sections {
		v.Counts = append(v.Counts, count{section, s.counts[section]})
	}
	return s.show("home", v)
}

// page is the page that was found, with links to what else has its name.
func (s *site) page(found []entry) ([]byte, error) {
	it := found[0]
	fragment, err := s.store.ReadBlob(it.Blob)
	if err != nil {
		return nil, err
	}
	v := view{
		Title: it.Name + "(" + it.Section + ")", Body: template.HTML(s.link(fragment, it)), Lang: strings.ReplaceAll(it.Lang, "_", "-"),
		Package: it.pack.Name, Version: it.pack.Version, Arch: s.arches[it.arch], Section: it.Section,
	}
	if at := strings.IndexByte(v.Lang, '@'); at > 0 {
		v.Lang = v.Lang[:at]
	}
	seen := map[string]bool{s.url(it): true}
	for _, other := range s.byName[it.Name] {
		if place := s.url(other); !seen[place] {
			seen[place] = true
			v.Others = append(v.Others, s.item(other))
		}
	}
	return s.show("page", v), nil
}

func (s *site) missing(path, name string) []byte {
	return s.show("missing", view{Title: "No such page", Query: name, Items: s.items(s.near(name)), Search: true})
}

// results is a page of a list, with links to the pages of it before and after.
func (s *site) results(title, query string, w wish, found []entry, number int, base url.Values, path string) []byte {
	last := max(0, (len(found)-1)/perPage)
	number = min(max(number, 0), last)
	from, to := number*perPage, min(len(found), (number+1)*perPage)
	v := view{Title: title, Query: query, Asked: w, Items: s.items(found[from:to]), Total: len(found), From: from + 1, To: to, Search: true}
	link := func(number int) string {
		values := url.Values{}
		for key, value := range base {
			values[key] = value
		}
		values.Set("page", strconv.Itoa(number))
		return path + "?" + values.Encode()
	}
	if number > 0 {
		v.Previous = link(number - 1)
	}
	if number < last {
		v.Next = link(number + 1)
	}
	return s.show("results", v)
}

// section is the list of a section.
func (s *site) section(w wish) []entry {
	found := []entry{}
	for _, it := range s.heads {
		one := it.entry
		if one.Section != w.section || (w.lang != "" && one.Lang != w.lang) || (w.lang == "" && one.Lang != "") {
			continue
		}
		if w.arch != "" && s.arches[one.arch] != w.arch {
			others := s.find(wish{one.Name, one.Section, one.Lang, w.arch})
			if len(others) == 0 {
				continue
			}
			one = others[0]
		}
		found = append(found, one)
	}
	return found
}

// pack is all that is known of a package; nothing if there is none of the name.
func (s *site) pack(name string) []byte {
	packs := s.packages[name]
	v := view{Title: "Package " + name, Package: name}
	for _, bad := range s.index.Bad {
		if bad.Package == name {
			v.Rows = append(v.Rows, row{Bad: []tree.Bad{bad}})
		}
	}
	for _, pack := range packs {
		one := row{Version: pack.Version, Arch: s.index.Repositories[pack.Repository].Arch, Bad: pack.Bad}
		for i := range pack.Pages {
			it := &pack.Pages[i]
			if it.Blob == "" {
				continue
			}
			for _, other := range s.byName[it.Name] {
				if other.Page == it {
					one.Items = append(one.Items, s.item(other))
				}
			}
		}
		v.Rows = append(v.Rows, one)
	}
	if len(v.Rows) == 0 {
		return nil
	}
	return s.show("package", v)
}
