package page

import (
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	for path, want := range map[string]string{
		"usr/share/man/man1/ls.1.gz":               "|1|ls",
		"usr/share/man/man3/func.3p.xz":            "|3p|func",
		"usr/share/man/de/man1/ls.1":               "de|1|ls",
		"usr/share/man/de.UTF-8/man8/a.b.8":        "de|8|a.b",
		"usr/share/man/pt_BR/man1/ls.1":            "pt_BR|1|ls",
		"usr/share/man/man4/i386/apm.4":            "|4|apm",
		"usr/local/share/man/man1/own.1":           "|1|own",
		"usr/X11R6/man/man1/x.1":                   "|1|x",
		"usr/share/man/mann/new.n":                 "|n|new",
		"usr/share/man/man1/.1":                    "none",
		"usr/share/man/man1/noending":              "none",
		"usr/share/man/man1/a.1/b/c/d.1":           "none",
		"usr/share/man/cat1/ls.1":                  "none",
		"usr/share/doc/man1/ls.1":                  "none",
		"etc/usr/share/man/man1/ls.1":              "none",
		"usr/share/man/man1/ls.README":             "none",
		"usr/share/man/man1/line\nbreak.1":         "|1|line\nbreak",
		"usr/share/man/sr@latin/man1/ls.1":         "sr@latin|1|ls",
		"usr/share/man/ca.ISO8859-15/man1/ls.1.gz": "ca|1|ls",
	} {
		place, is := Locate(path)
		got := "none"
		if is {
			got = place.Lang + "|" + place.Section + "|" + place.Name
		}
		if got != want {
			t.Errorf("%q: %s, and it should be %s", path, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for name, want := range map[string]string{
		"./usr/share": "usr/share", "/usr//share/": "usr/share", "a/../b": "b", "../a": "", "a/../../b": "", ".": "", "a\x00b": "",
	} {
		got, inside := Clean(name)
		if inside != (want != "") || (inside && got != want) {
			t.Errorf("%q: %q %v", name, got, inside)
		}
	}
}

func TestIncluded(t *testing.T) {
	for text, want := range map[string]string{
		".so man1/a.1\n": "man1/a.1", ".\\\" words\n.so  a.1": "a.1", ".so a.1\nmore\n": "", ".sox a": "", ".TH A 1\n": "",
		".so a.1\n.so b.1\n": "", ".so \"a b.1\"\n": "a b.1", ".so\n": "", "": "",
	} {
		if got := Included([]byte(text)); got != want {
			t.Errorf("%q: %q, and it should be %q", text, got, want)
		}
	}
}

func TestUTF8(t *testing.T) {
	for text, it := range map[string]struct{ lang, encoding, want string }{
		"gr\xfc\xdf":          {"de", "ISO8859-1", "grüß"},
		"grüß":                {"de", "ISO8859-1", "grüß"},
		"\xd2\xd5\xd3":        {"ru", "", "рус"},
		"a\x00b":              {"", "", "ab"},
		"\xef\xbb\xbfx":       {"", "", "x"},
		"\xff\xfeh\x00i\x00":  {"", "", "hi"},
		"caf\xe9":             {"fr", "NOSUCH", "café"},
		"ok\xff":              {"", "UTF-8", "ok\ufffd"},
		"\xc6\xfc\xcb\xdc":    {"ja", "eucJP", "日本"},
		"-*- coding: latin-2": {"", "", "-*- coding: latin-2"},
	} {
		if got := string(UTF8([]byte(text), Place{Lang: it.lang, Encoding: it.encoding})); got != it.want {
			t.Errorf("%q: %q, and it should be %q", text, got, it.want)
		}
	}
}

func TestSanitize(t *testing.T) {
	for text, want := range map[string]string{
		`<p class="Pp">a &lt;b&gt;</p>`:                       `<p class="Pp">a &lt;b&gt;</p>`,
		`<script>alert(1)</script>x`:                          `x`,
		`<p onclick="x" style="y" id="a">z</p>`:               `<p id="a">z</p>`,
		`<a href="javascript:alert(1)">z</a>`:                 `<a>z</a>`,
		`<a href=" JAVASCRIPT:alert(1)">z</a>`:                `<a>z</a>`,
		`<a href="https://example.org/?a=1&amp;b=2">z</a>`:    `<a href="https://example.org/?a=1&amp;b=2">z</a>`,
		`<a href="#NAME">z</a>`:                               `<a href="#NAME">z</a>`,
		`<a href="data:text/html,x">z</a>`:                    `<a>z</a>`,
		`</div></main><p>x`:                                   `<p>x</p>`,
		`<svg><script>x</script></svg>y`:                      `y`,
		`<b><i>x</b>y</i>`:                                    `<b><i>x</i></b>y`,
		`<img src=x onerror=alert(1)><form action=x>y</form>`: `y`,
		`<!-- c --><?php x ?>z`:                               `z`,
		`a<br>b`:                                              `a<br>b`,
		`<p id="a&quot; onload=&quot;x">y</p>`:                `<p>y</p>`,
	} {
		got, err := Sanitize([]byte(text))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s (%v), and it should be %s", text, got, err, want)
		}
	}
	deep, err := Sanitize([]byte(strings.Repeat("<b>", 100_000)))
	if err != nil || strings.Count(string(deep), "<b>") != maxDepth {
		t.Errorf("depth is not bounded: %d, %v", strings.Count(string(deep), "<b>"), err)
	}
}

func TestAbout(t *testing.T) {
	fragment := `<h1>NAME</h1><p><code>a</code>, <code>b</code> &#x2014; <span>does - this &amp; that</span></p><h1>X</h1><p>no - more</p>`
	names, title := About([]byte(fragment))
	if strings.Join(names, " ") != "a b" || title != "does - this & that" {
		t.Errorf("%q %q", names, title)
	}
	if names, title := About([]byte("<p>nothing - here</p>")); names != nil || title != "" {
		t.Errorf("a page without sections has no name: %q %q", names, title)
	}
}

func TestBlank(t *testing.T) {
	if !Blank([]byte("<p> </p>\n<br>")) || Blank([]byte("<p>x</p>")) || !Blank(nil) {
		t.Error("what has words is not blank, what has none is")
	}
}
