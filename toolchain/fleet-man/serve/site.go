package serve

import (
	"sort"
	"strings"
	"time"

	"fleet.internal/toolchain/fleet-man/tree"
)

// entry is a page under one name, of one repository.
type entry struct {
	*tree.Page
	arch int
	pack *tree.Package
}

// site is all that answers are made from. It never changes: a new index makes a new site.
type site struct {
	store   tree.Store
	index   *tree.Index
	pointer tree.Pointer
	// arches in the order of the data: the first answers where none is asked for.
	arches   []string
	langs    []string
	sections []string
	// byName are the entries of a name, best first. folded leads from a name in lower case to its spellings.
	byName map[string][]entry
	folded map[string][]string
	// heads is one entry for each name, section and language, in order: what lists and searches show.
	heads    []head
	packages map[string][]*tree.Package
	counts   map[string]int

	numberOfPackages, numberOfPages, numberOfBad int
}

// head is what a search looks at.
type head struct {
	entry
	name, title string // in lower case
}

func newSite(store tree.Store, index *tree.Index, pointer tree.Pointer) *site {
	s := &site{
		store: store, index: index, pointer: pointer, byName: map[string][]entry{}, folded: map[string][]string{},
		packages: map[string][]*tree.Package{}, counts: map[string]int{},
	}
	index.Resolve()
	s.numberOfPackages, s.numberOfPages, s.numberOfBad = index.Counts()
	arch := map[string]int{}
	for _, it := range index.Repositories {
		if _, known := arch[it.Arch]; !known {
			arch[it.Arch] = len(s.arches)
			s.arches = append(s.arches, it.Arch)
		}
	}
	langs := map[string]bool{}
	for _, pack := range index.Packages {
		s.packages[pack.Name] = append(s.packages[pack.Name], pack)
		for i := range pack.Pages {
			it := &pack.Pages[i]
			if it.Blob == "" {
				continue
			}
			s.byName[it.Name] = append(s.byName[it.Name], entry{it, arch[index.Repositories[pack.Repository].Arch], pack})
			if it.Lang != "" {
				langs[it.Lang] = true
			}
		}
	}
	for name, entries := range s.byName {
		sort.SliceStable(entries, func(i, j int) bool { return better(entries[i], entries[j]) })
		lower := strings.ToLower(name)
		s.folded[lower] = append(s.folded[lower], name)
		for i, it := range entries {
			if i == 0 || it.Section != entries[i-1].Section || it.Lang != entries[i-1].Lang {
				s.heads = append(s.heads, head{it, lower, strings.ToLower(it.Title)})
				s.counts[it.Section]++
			}
		}
	}
	for _, spellings := range s.folded {
		sort.Strings(spellings)
	}
	sort.Slice(s.heads, func(i, j int) bool {
		a, b := s.heads[i], s.heads[j]
		if a.name != b.name {
			return a.name < b.name
		}
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return better(a.entry, b.entry)
	})
	for lang := range langs {
		s.langs = append(s.langs, lang)
	}
	sort.Strings(s.langs)
	for section := range s.counts {
		s.sections = append(s.sections, section)
	}
	sort.Strings(s.sections)
	return s
}

// better is the order in which pages of one name answer: no language before any, the lowest section, a page of that name
// before one that only mentions it, and the order of the repositories.
func better(a, b entry) bool {
	switch {
	case (a.Lang == "") != (b.Lang == ""):
		return a.Lang == ""
	case a.Section != b.Section:
		return a.Section < b.Section
	case a.Lang != b.Lang:
		return a.Lang < b.Lang
	case a.Said != b.Said:
		return !a.Said
	case a.arch != b.arch:
		return a.arch < b.arch
	}
	return a.pack.Name < b.pack.Name
}

// wish is what somebody asks for; empty parts are open.
type wish struct {
	name, section, lang, arch string
}

// find returns the entries that fit, best first. A section that is asked for fits those that are more of it: 3 fits 3p.
func (s *site) find(w wish) []entry {
	exact, loose := []entry{}, []entry{}
	for _, it := range s.byName[w.name] {
		if (w.lang != "" && it.Lang != w.lang) || (w.arch != "" && s.arches[it.arch] != w.arch) {
			continue
		}
		switch {
		case w.section == "" || it.Section == w.section:
			exact = append(exact, it)
		case strings.HasPrefix(it.Section, w.section):
			loose = append(loose, it)
		}
	}
	return append(exact, loose...)
}

// url is the one address of an entry.
func (s *site) url(it entry) string {
	var made strings.Builder
	made.WriteByte('/')
	if it.arch != 0 {
		// Pages that the first repository has too are found without saying which.
		if all := s.find(wish{it.Name, it.Section, it.Lang, ""}); len(all) == 0 || all[0].pack != it.pack || all[0].Section != it.Section {
			made.WriteString(escaped(s.arches[it.arch]) + "/")
		}
	}
	if it.Lang != "" {
		made.WriteString(escaped(it.Lang) + "/")
	}
	made.WriteString(escaped(it.Name + "." + it.Section))
	return made.String()
}

// age is how long ago the tree was last known to be true.
func (s *site) age(now time.Time) time.Duration {
	return now.Sub(time.Unix(s.pointer.At, 0)).Truncate(time.Second)
}
