package page

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"fleet.internal/toolchain/fleet-man/archive"
)

// Window is the memory that the unpacking of one page may ask for.
const Window = 16 << 20

// Read unpacks a page, up to most bytes.
func Read(body io.Reader, most int64) ([]byte, error) {
	plain, err := archive.Unpack(&archive.Bounded{From: body, Left: most}, Window)
	if err != nil {
		return nil, fmt.Errorf("cannot be unpacked: %w", err)
	}
	defer plain.Close()
	text, err := io.ReadAll(&archive.Bounded{From: plain, Left: most})
	switch {
	case errors.Is(err, archive.ErrTooLarge):
		return nil, fmt.Errorf("larger than %d bytes", most)
	case err != nil:
		return nil, fmt.Errorf("cannot be unpacked: %w", err)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("empty")
	}
	return text, nil
}

// usual are the encodings of languages whose pages do not say theirs, and are not UTF-8.
var usual = map[string]string{
	"cs": "iso-8859-2", "hr": "iso-8859-2", "hu": "iso-8859-2", "pl": "iso-8859-2", "ro": "iso-8859-2",
	"sk": "iso-8859-2", "sl": "iso-8859-2", "el": "iso-8859-7", "tr": "iso-8859-9", "ru": "koi8-r", "bg": "windows-1251",
	"uk": "koi8-u", "ja": "euc-jp", "ko": "euc-kr", "zh_CN": "gb18030", "zh_TW": "big5", "zh": "gb18030",
	"lt": "iso-8859-13", "lv": "iso-8859-13", "et": "iso-8859-15", "be": "windows-1251", "vi": "windows-1258",
}

var coding = regexp.MustCompile(`-\*-.*coding:\s*([A-Za-z0-9_.-]+)`)

// UTF8 is a page's text in UTF-8, without the zero bytes that no program reads. What is UTF-8 already stays as it is: the
// name of a folder is believed less than the text itself.
func UTF8(text []byte, place Place) []byte {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		text = decoded(text, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
	}
	text = bytes.ReplaceAll(text, []byte{0}, nil)
	if text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")); utf8.Valid(text) {
		return text
	}
	language, _, _ := strings.Cut(place.Lang, "_")
	first := text[:min(len(text), 300)]
	said := ""
	if it := coding.FindSubmatch(first); it != nil {
		said = string(it[1])
	}
	for _, name := range []string{said, place.Encoding, usual[place.Lang], usual[language]} {
		if name = named(name); name == "" || name == "utf-8" {
			continue
		}
		if found, err := htmlindex.Get(name); err == nil {
			return decoded(text, found)
		}
	}
	// A page that is UTF-8 but for a few broken bytes is that; one without any is of the encoding that most had.
	if place.Encoding == "UTF-8" {
		return bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	latin, _ := htmlindex.Get("iso-8859-1")
	return decoded(text, latin)
}

// named is an encoding's name as the web has it: folders of manuals and editors leave out a hyphen.
func named(name string) string {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(name, "-unix"), "-dos"))
	name = regexp.MustCompile(`^iso-?8859-?`).ReplaceAllString(name, "iso-8859-")
	switch name {
	case "eucjp", "ujis":
		return "euc-jp"
	case "euckr":
		return "euc-kr"
	case "euccn", "gb2312", "cp936":
		return "gb18030"
	case "utf8":
		return "utf-8"
	case "latin-1", "latin1":
		return "iso-8859-1"
	case "cp1251":
		return "windows-1251"
	}
	return name
}

func decoded(text []byte, from encoding.Encoding) []byte {
	made, err := from.NewDecoder().Bytes(text)
	if err != nil {
		return bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	return made
}

// Included is the one page that a page consists of (`.so man3/other.3`); empty for every other page.
func Included(text []byte) string {
	if len(text) > 4096 {
		return ""
	}
	found := ""
	for _, line := range strings.Split(string(text), "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" || strings.HasPrefix(line, `.\"`) || strings.HasPrefix(line, `'\"`) {
			continue
		}
		rest, ok := strings.CutPrefix(line, ".so")
		if !ok || found != "" || rest == "" || (rest[0] != ' ' && rest[0] != '\t') {
			return ""
		}
		if found = strings.Trim(strings.TrimSpace(rest), `"`); found == "" {
			return ""
		}
	}
	return found
}
