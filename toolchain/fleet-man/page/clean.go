package page

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// elements that a page may consist of. Everything else is dropped, and its text kept.
var elements = set("a abbr b blockquote br cite code dd div dl dt em figure h1 h2 h3 hr i kbd li ol p pre q s samp section" +
	" small span strong sub sup table tbody td th thead tr tt u ul var math mfenced mfrac mi mn mo mover mrow msqrt msub" +
	" msubsup msup mtable mtd mtext mtr munder munderover")

var (
	empty   = set("br hr")
	hidden  = set("script style template iframe object noscript title textarea xmp noembed noframes plaintext select svg")
	plain   = regexp.MustCompile(`^[A-Za-z0-9 _.:,@+*()~-]*$`)
	anchors = regexp.MustCompile(`^[^\s"'<>&\x00-\x20]{1,200}$`)
	span    = regexp.MustCompile(`^[0-9]{1,3}$`)
	schemes = []string{"http://", "https://", "ftp://", "mailto:"}
)

func set(words string) map[string]bool {
	made := map[string]bool{}
	for _, word := range strings.Fields(words) {
		made[word] = true
	}
	return made
}

// maxDepth of elements in each other. Browsers and readers both go wrong far above it.
const maxDepth = 200

// Sanitize writes a fragment anew with nothing in it but known elements and attributes, well closed. mandoc escapes text,
// but it makes links of whatever a page says: `.Lk javascript:…` among them.
func Sanitize(fragment []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(fragment))
	tokens := html.NewTokenizer(bytes.NewReader(fragment))
	open := []string{}
	skipping := ""
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return nil, err
			}
			for i := len(open) - 1; i >= 0; i-- {
				out.WriteString("</" + open[i] + ">")
			}
			return out.Bytes(), nil
		}
		token := tokens.Token()
		switch kind {
		case html.TextToken:
			if skipping == "" {
				out.WriteString(html.EscapeString(token.Data))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if skipping != "" {
				continue
			}
			if hidden[token.Data] && kind == html.StartTagToken {
				skipping = token.Data
				continue
			}
			if !elements[token.Data] || len(open) >= maxDepth {
				continue
			}
			out.WriteByte('<')
			out.WriteString(token.Data)
			for _, attribute := range token.Attr {
				if allowed(attribute) {
					out.WriteString(" " + attribute.Key + `="` + html.EscapeString(attribute.Val) + `"`)
				}
			}
			out.WriteByte('>')
			if !empty[token.Data] {
				if kind == html.SelfClosingTagToken {
					out.WriteString("</" + token.Data + ">")
				} else {
					open = append(open, token.Data)
				}
			}
		case html.EndTagToken:
			if skipping != "" {
				if token.Data == skipping {
					skipping = ""
				}
				continue
			}
			open = closed(&out, open, token.Data)
		}
	}
}

// closed ends an element, and those that were left open in it; an end without a beginning is dropped.
func closed(out *bytes.Buffer, open []string, name string) []string {
	for at := len(open) - 1; at >= 0; at-- {
		if open[at] == name {
			for i := len(open) - 1; i >= at; i-- {
				out.WriteString("</" + open[i] + ">")
			}
			return open[:at]
		}
	}
	return open
}

func allowed(attribute html.Attribute) bool {
	value := attribute.Val
	switch attribute.Key {
	case "class", "role":
		return plain.MatchString(value)
	case "id":
		return anchors.MatchString(value)
	case "colspan", "rowspan":
		return span.MatchString(value)
	case "href":
		if rest, ok := strings.CutPrefix(value, "#"); ok {
			return anchors.MatchString(rest)
		}
		for _, scheme := range schemes {
			if len(value) < 2000 && len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) {
				return true
			}
		}
	}
	return false
}
