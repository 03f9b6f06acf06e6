package page

import (
	"bytes"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

var (
	dash   = regexp.MustCompile(`\s+(?:[-\x{2010}-\x{2015}\x{2212}]+|--)\s+`)
	spaces = regexp.MustCompile(`\s+`)
)

const (
	mostTitle = 300
	mostNames = 100
)

// About reads the first section of a page, NAME in whatever language: the names of what it describes, and the line that
// says what that is. Pages without such a section have neither.
func About(fragment []byte) (names []string, title string) {
	text := firstSection(fragment)
	at := dash.FindStringIndex(text)
	if at == nil {
		return nil, ""
	}
	for _, name := range strings.Split(text[:at[0]], ",") {
		name = strings.TrimSpace(name)
		if name != "" && !strings.Contains(name, " ") && Speakable(name) == "" && len(names) < mostNames {
			names = append(names, name)
		}
	}
	title = strings.TrimSpace(text[at[1]:])
	if len(title) > mostTitle {
		title = strings.ToValidUTF8(title[:mostTitle], "") + "…"
	}
	return names, title
}

// firstSection is the text between the first heading and the next one.
func firstSection(fragment []byte) string {
	tokens := html.NewTokenizer(bytes.NewReader(fragment))
	var text strings.Builder
	state := 0
	for text.Len() < 20_000 {
		switch tokens.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(spaces.ReplaceAllString(text.String(), " "))
		case html.TextToken:
			if state == 2 {
				text.Write(tokens.Text())
			}
		case html.StartTagToken:
			name, _ := tokens.TagName()
			switch tag := string(name); {
			case tag == "h1" && state == 0:
				state = 1
			case (tag == "h1" || tag == "h2") && state == 2:
				return strings.TrimSpace(spaces.ReplaceAllString(text.String(), " "))
			case tag == "br" || tag == "p" || tag == "div":
				text.WriteByte(' ')
			}
		case html.EndTagToken:
			if name, _ := tokens.TagName(); string(name) == "h1" && state == 1 {
				state = 2
			}
		}
	}
	return strings.TrimSpace(spaces.ReplaceAllString(text.String(), " "))
}
