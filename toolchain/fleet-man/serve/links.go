package serve

import (
	"bytes"
	"html"
	"regexp"
)

var (
	// The two ways in which pages name others: `.Xr` of mdoc, and a name in bold or italics before its section in brackets.
	xref  = regexp.MustCompile(`<a class="Xr">([^<>\s]{1,200})\(([0-9nlo][0-9A-Za-z]{0,15})\)</a>`)
	bold  = regexp.MustCompile(`<(b|i|strong|em|code(?: class="Nm")?)>([^<>\s()]{1,200})</(b|i|strong|em|code)>\(([0-9nlo][0-9A-Za-z]{0,15})\)`)
	whole = regexp.MustCompile(`<(b|i)>([^<>\s()]{1,200})\(([0-9nlo][0-9A-Za-z]{0,15})\)</(b|i)>`)
)

// link makes links of what a page says of others, where there is such a page: of the same language and architecture, else
// of any.
func (s *site) link(fragment []byte, from entry) []byte {
	to := func(name, section []byte) []byte {
		plain := html.UnescapeString(string(name))
		for _, w := range []wish{
			{plain, string(section), from.Lang, s.arches[from.arch]}, {plain, string(section), "", s.arches[from.arch]},
			{plain, string(section), "", ""},
		} {
			if found := s.find(w); len(found) > 0 {
				return []byte(`<a class="xr" href="` + html.EscapeString(s.url(found[0])) + `">`)
			}
		}
		return nil
	}
	wrap := func(text, name, section []byte) []byte {
		if start := to(name, section); start != nil {
			return bytes.Join([][]byte{start, text, []byte("</a>")}, nil)
		}
		return text
	}
	fragment = xref.ReplaceAllFunc(fragment, func(text []byte) []byte {
		it := xref.FindSubmatch(text)
		return wrap(text[len(`<a class="Xr">`):len(text)-len("</a>")], it[1], it[2])
	})
	fragment = bold.ReplaceAllFunc(fragment, func(text []byte) []byte {
		it := bold.FindSubmatch(text)
		return wrap(text, it[2], it[4])
	})
	return whole.ReplaceAllFunc(fragment, func(text []byte) []byte {
		it := whole.FindSubmatch(text)
		return wrap(text, it[2], it[3])
	})
}
