package serve

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// sectionNames are what the sections hold, as every system's man(1) says.
var sectionNames = map[string]string{
	"1": "General commands", "2": "System calls", "3": "Library functions", "4": "Device interfaces", "5": "File formats",
	"6": "Games", "7": "Conventions and miscellany", "8": "System administration", "9": "Kernel interfaces",
	"n": "New", "l": "Local",
}

var (
	sectionFolder = regexp.MustCompile(`^man([0-9nlo][0-9A-Za-z]*)$`)
	sectionWord   = regexp.MustCompile(`^[0-9nlo][0-9A-Za-z_+-]{0,15}$`)
	called        = regexp.MustCompile(`^(.+?)\s*\(([0-9nlo][0-9A-Za-z]*)\)$`)
	counted       = regexp.MustCompile(`^([0-9][0-9a-z]*)\s+(\S+)$`)
)

func escaped(segment string) string { return url.PathEscape(segment) }

// wishOf reads an address: any of ARCH, LANG and manSECTION, in this or another order, and NAME or NAME.SECTION at last.
// Without a name it is a list of a section. It is false for what cannot be an address of a page.
func (s *site) wishOf(path string) (w wish, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return w, false
		}
		last := i == len(parts)-1
		it := sectionFolder.FindStringSubmatch(plain)
		switch {
		case !last && w.arch == "" && slices.Contains(s.arches, plain):
			w.arch = plain
		case !last && w.lang == "" && slices.Contains(s.langs, plain):
			w.lang = plain
		case it != nil && w.section == "" && (!last || strings.HasSuffix(path, "/") || len(s.byName[plain]) == 0):
			w.section = it[1]
		case last:
			w.name = plain
		default:
			return w, false
		}
	}
	return w, w.name != "" || w.section != ""
}

// pages are what a wish finds. A name may hold dots itself, and be spelt in another case than it was asked for.
func (s *site) pages(w wish) []entry {
	for _, name := range append([]string{w.name}, s.folded[strings.ToLower(w.name)]...) {
		other := w
		other.name = name
		if found := s.find(other); len(found) > 0 {
			return found
		}
	}
	at := strings.LastIndexByte(w.name, '.')
	if at <= 0 || !sectionWord.MatchString(w.name[at+1:]) {
		return nil
	}
	section := w.name[at+1:]
	if w.section != "" && !strings.HasPrefix(section, w.section) {
		return nil
	}
	for _, name := range append([]string{w.name[:at]}, s.folded[strings.ToLower(w.name[:at])]...) {
		if found := s.find(wish{name, section, w.lang, w.arch}); len(found) > 0 {
			return found
		}
	}
	return nil
}

// asked reads the form of man.cgi: a query that may be NAME, NAME.SECTION, NAME(SECTION) or "SECTION NAME".
func (s *site) asked(query string, values url.Values) wish {
	w := wish{name: strings.TrimSpace(query)}
	if it := called.FindStringSubmatch(w.name); it != nil {
		w.name, w.section = it[1], it[2]
	} else if it := counted.FindStringSubmatch(w.name); it != nil {
		w.section, w.name = it[1], it[2]
	}
	if section := values.Get("sec"); section != "" && section != "0" {
		w.section = section
	}
	// An architecture stood in either of two fields; what is none of ours, such as "default", means any.
	for _, field := range []string{"manpath", "arch"} {
		if arch := values.Get(field); slices.Contains(s.arches, arch) {
			w.arch = arch
		}
	}
	if lang := values.Get("lang"); slices.Contains(s.langs, lang) {
		w.lang = lang
	}
	return w
}
