// Package page knows what a manual page is: where it lies in a package, how its text is encoded, what HTML it becomes,
// and what it says of itself.
package page

import (
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Place is what the path of a page says of it.
type Place struct {
	// Root is the folder of manuals, such as usr/share/man; Manual the same of one language; Folder that of the page itself.
	Root, Manual, Folder string
	// Lang is the locale without its encoding, such as pt_BR; empty for what is in no language's folder.
	Lang, Encoding string
	Section, Name  string
}

// MostName is the longest name of a page, in bytes. No file system has a longer one.
const MostName = 255

var (
	roots   = regexp.MustCompile(`(?s)^(usr/(?:local/)?share/man|usr/(?:local/)?man|usr/X11R6/(?:share/)?man|usr/lib/[^/]+/man)/(.+)$`)
	section = regexp.MustCompile(`^man([0-9a-z][0-9A-Za-z]*)$`)
	locale  = regexp.MustCompile(`^([a-z]{2,3}(?:_[A-Z]{2})?(?:@[a-z]+)?)(?:\.([A-Za-z0-9_-]+))?(@[a-z]+)?$`)
	ending  = regexp.MustCompile(`\.(gz|bz2|xz|zst|lzma|Z)$`)
)

// Clean is a path inside a package as both tar and links write it; false where it leads out of the package.
func Clean(name string) (string, bool) {
	name = strings.TrimPrefix(path.Clean(strings.TrimLeft(name, "/")), "./")
	return name, name != "." && name != ".." && !strings.HasPrefix(name, "../") && !strings.ContainsRune(name, 0)
}

// Bare is a path without what packing added to it.
func Bare(name string) string { return ending.ReplaceAllString(name, "") }

// Inside says whether a clean path lies in a folder of manuals.
func Inside(name string) bool { return roots.MatchString(name) }

// Locate reads a clean path. It is false for what is no manual page, such as a folder, or a page that was rendered before.
func Locate(name string) (Place, bool) {
	found := roots.FindStringSubmatch(Bare(name))
	if found == nil {
		return Place{}, false
	}
	made := Place{Root: found[1], Manual: found[1], Folder: path.Dir(name)}
	parts := strings.Split(found[2], "/")
	if it := locale.FindStringSubmatch(parts[0]); it != nil && len(parts) > 2 {
		made.Lang, made.Encoding = it[1]+it[3], it[2]
		made.Manual += "/" + parts[0]
		parts = parts[1:]
	}
	it := section.FindStringSubmatch(parts[0])
	// man4/i386/name.4 is a page for one kind of machine.
	if it == nil || len(parts) < 2 || len(parts) > 3 {
		return Place{}, false
	}
	file := parts[len(parts)-1]
	at := strings.LastIndexByte(file, '.')
	if at <= 0 || at == len(file)-1 || !isSection(file[at+1:]) {
		return Place{}, false
	}
	made.Name, made.Section = file[:at], file[at+1:]
	return made, true
}

var sectionWord = regexp.MustCompile(`^[0-9nlo][0-9A-Za-z_+-]{0,15}$`)

func isSection(text string) bool { return sectionWord.MatchString(text) }

// Speakable says why a name cannot be shown or asked for; empty if it can.
func Speakable(name string) string {
	if len(name) > MostName {
		return "a name of more than 255 bytes"
	}
	if !utf8.ValidString(name) {
		return "a name that is not UTF-8"
	}
	for _, r := range name {
		if !unicode.IsPrint(r) || r == '/' || unicode.Is(unicode.Cf, r) {
			return "a name with characters that cannot be shown"
		}
	}
	return ""
}

// Shown is any text as it may stand in a log or a list: short, and without what a terminal would obey.
func Shown(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}
