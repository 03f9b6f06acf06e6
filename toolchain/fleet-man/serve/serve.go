package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"fleet.internal/toolchain/fleet-man/tree"
)

// state is a site and the answers that were made from it.
type state struct {
	site  *site
	shelf *shelf
}

// server answers from whatever state is the newest.
type server struct {
	store tree.Store
	cache int64
	state atomic.Pointer[state]
	asked atomic.Int64
	made  atomic.Int64
	now   func() time.Time
}

const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// handle answers one request. Finished answers of pages go out without anything being made anew.
func (s *server) handle(ctx *fasthttp.RequestCtx) {
	s.asked.Add(1)
	if !ctx.IsGet() && !ctx.IsHead() {
		ctx.Response.Header.Set("Allow", "GET, HEAD")
		s.send(ctx, plain(fasthttp.StatusMethodNotAllowed, "only GET and HEAD\n"))
		return
	}
	now := s.state.Load()
	if now == nil {
		s.empty(ctx)
		return
	}
	uri := ctx.Request.Header.RequestURI()
	if bytes.IndexByte(uri, '?') < 0 {
		if it := now.shelf.get(uri); it != nil {
			s.send(ctx, it)
			return
		}
	}
	s.made.Add(1)
	made, keep := s.make(now.site, ctx)
	if keep {
		now.shelf.put(string(uri), made)
	}
	s.send(ctx, made)
}

// empty answers while no pages are known. Where none ever came, which is a new mirror or a new fleet, that is no fault of
// this program: it is well, and has nothing to say. Where some came and it cannot take them up, it is not.
func (s *server) empty(ctx *fasthttp.RequestCtx) {
	_, err := s.store.ReadPointer()
	switch path := string(ctx.Path()); {
	case path == "/-/healthy" && errors.Is(err, tree.ErrNone):
		s.send(ctx, plain(fasthttp.StatusOK, "well, and no pages came yet\n"))
	case path == "/metrics":
		it := &answer{status: fasthttp.StatusOK, kind: metricsKind, cache: noTime, plain: s.metrics(&site{})}
		s.send(ctx, it.finish(false))
	default:
		ctx.Response.Header.Set("Retry-After", "10")
		s.send(ctx, plain(fasthttp.StatusServiceUnavailable, "there are no pages here yet\n"))
	}
}

// make makes an answer, and says whether it may be kept.
func (s *server) make(site *site, ctx *fasthttp.RequestCtx) (made *answer, keep bool) {
	path, query, asks := strings.Cut(string(ctx.Request.Header.RequestURI()), "?")
	if !strings.HasPrefix(path, "/") || len(path) > 2000 {
		return plain(fasthttp.StatusBadRequest, "no such address\n"), false
	}
	// What cannot be read in a query counts as not said.
	values, _ := url.ParseQuery(query)
	switch {
	case strings.HasPrefix(path, "/-/"):
		return s.inner(site, path)
	case path == "/metrics":
		made := &answer{status: fasthttp.StatusOK, kind: metricsKind, cache: noTime, plain: s.metrics(site)}
		return made.finish(false), false
	case path == "/favicon.ico":
		return plain(fasthttp.StatusNotFound, ""), false
	case path == "/robots.txt":
		return plain(fasthttp.StatusOK, "User-agent: *\nDisallow: /search\nDisallow: /*?\n"), false
	case path == "/" || path == "/search":
		if text := strings.TrimSpace(strings.ToValidUTF8(values.Get("query"), "?")); text != "" {
			return s.query(site, text, values), false
		}
		return page(fasthttp.StatusOK, site.home(s.now()), noTime), false
	}
	if rest, ok := strings.CutPrefix(path, "/package/"); ok && rest != "" {
		if name, err := url.PathUnescape(rest); err == nil {
			if body := site.pack(name); body != nil {
				return page(fasthttp.StatusOK, body, shortTime), true
			}
		}
		return page(fasthttp.StatusNotFound, site.missing(path, shownName(rest)), noTime), false
	}
	w, ok := site.wishOf(path)
	if !ok {
		return page(fasthttp.StatusNotFound, site.missing(path, shownName(path)), noTime), false
	}
	if w.name == "" {
		if !strings.HasSuffix(path, "/") {
			return &answer{status: fasthttp.StatusMovedPermanently, to: path + "/"}, false
		}
		number, _ := strconv.Atoi(values.Get("page"))
		found := site.section(w)
		if len(found) == 0 {
			return page(fasthttp.StatusNotFound, site.missing(path, shownName(path)), noTime), false
		}
		return page(fasthttp.StatusOK, site.results("Section "+w.section, "", w, found, number, nil, path), shortTime), !asks
	}
	found := site.pages(w)
	if len(found) == 0 {
		return page(fasthttp.StatusNotFound, site.missing(path, shownName(w.name)), noTime), false
	}
	return site.answer(found, asks)
}

// answer is a page, or why it cannot be shown.
func (s *site) answer(found []entry, asks bool) (*answer, bool) {
	body, err := s.page(found)
	if err != nil {
		fmt.Fprintf(os.Stderr, "fleet-man: %v\n", err)
		return plain(fasthttp.StatusServiceUnavailable, "this page is not on this mirror\n"), false
	}
	made := &answer{status: fasthttp.StatusOK, kind: htmlKind, cache: shortTime, plain: body, modified: time.Unix(found[0].pack.Since, 0)}
	return made.finish(true), !asks
}

// query answers the forms: the page itself, or a list of what fits.
func (s *server) query(site *site, text string, values url.Values) *answer {
	text = text[:min(len(text), mostQuery)]
	w := site.asked(text, values)
	if values.Get("apropos") != "1" {
		if found := site.pages(w); len(found) > 0 {
			return &answer{status: fasthttp.StatusFound, to: site.url(found[0]), cache: noTime}
		}
	}
	number, _ := strconv.Atoi(values.Get("page"))
	w.name = text
	if called.MatchString(text) || counted.MatchString(text) {
		w.name = site.asked(text, values).name
	} else if w.section != "" && (values.Get("sec") == "" || values.Get("sec") == "0") {
		w.section = ""
	}
	found := site.search(w.name, w)
	if len(found) == 0 {
		return page(fasthttp.StatusNotFound, site.missing("", text), noTime)
	}
	values.Del("page")
	values.Set("apropos", "1")
	return page(fasthttp.StatusOK, site.results("Search: "+text, text, w, found, number, values, "/"), shortTime)
}

// inner answers what programs ask.
func (s *server) inner(site *site, path string) (*answer, bool) {
	switch path {
	case stylePath:
		made := &answer{status: fasthttp.StatusOK, kind: "text/css; charset=utf-8", cache: "public, max-age=31536000, immutable", plain: style}
		return made.finish(true), true
	case "/-/healthy":
		return plain(fasthttp.StatusOK, "ok\n"), false
	case "/-/fresh":
		text, _ := json.Marshal(map[string]any{
			"at": site.pointer.At, "age_seconds": int64(site.age(s.now()).Seconds()), "packages": site.numberOfPackages,
			"pages": site.numberOfPages, "bad": site.numberOfBad, "index": site.pointer.Index,
		})
		return (&answer{status: fasthttp.StatusOK, kind: "application/json", cache: noTime, plain: append(text, '\n')}).finish(false), false
	}
	return plain(fasthttp.StatusNotFound, "nothing here\n"), false
}

func plain(status int, text string) *answer {
	return (&answer{status: status, kind: "text/plain; charset=utf-8", cache: noTime, plain: []byte(text)}).finish(false)
}

func page(status int, body []byte, cache string) *answer {
	return (&answer{status: status, kind: htmlKind, cache: cache, plain: body}).finish(true)
}

// shownName is part of an address as a page may show it.
func shownName(path string) string {
	text, err := url.PathUnescape(strings.Trim(path, "/"))
	if err != nil {
		text = strings.Trim(path, "/")
	}
	return strings.ToValidUTF8(text[:min(len(text), mostQuery)], "?")
}

// send writes an answer in the form that the asker takes, or says that the asker has it.
func (s *server) send(ctx *fasthttp.RequestCtx, it *answer) {
	header := &ctx.Response.Header
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	if it.cache != "" {
		header.Set("Cache-Control", it.cache)
	}
	if it.to != "" {
		header.Set("Location", it.to)
		ctx.SetStatusCode(it.status)
		return
	}
	body, tag := it.plain, it.tag
	if it.packed != nil {
		header.Set("Vary", "Accept-Encoding")
		if takesGzip(ctx.Request.Header.Peek("Accept-Encoding")) {
			body, tag = it.packed, it.packedTag
			header.SetContentEncoding("gzip")
		}
	}
	if it.status == fasthttp.StatusOK {
		header.Set("ETag", tag)
		if it.modifiedSet != "" {
			header.Set("Last-Modified", it.modifiedSet)
		}
		if it.known(ctx) {
			header.Del("Content-Encoding")
			ctx.SetStatusCode(fasthttp.StatusNotModified)
			return
		}
	}
	ctx.SetStatusCode(it.status)
	header.SetContentType(it.kind)
	ctx.Response.SetBodyRaw(body)
}

// known says whether the asker has this answer already. Either form's tag stands for the same text.
func (a *answer) known(ctx *fasthttp.RequestCtx) bool {
	if tags := ctx.Request.Header.Peek("If-None-Match"); len(tags) > 0 {
		for _, one := range bytes.Split(tags, []byte(",")) {
			one = bytes.TrimPrefix(bytes.TrimSpace(one), []byte("W/"))
			if string(one) == a.tag || string(one) == a.packedTag || string(one) == "*" {
				return true
			}
		}
		return false
	}
	since := ctx.Request.Header.Peek("If-Modified-Since")
	if len(since) == 0 || a.modified.IsZero() {
		return false
	}
	at, err := fasthttp.ParseHTTPDate(since)
	return err == nil && !a.modified.Truncate(time.Second).After(at)
}

// takesGzip reads Accept-Encoding as far as it matters here.
func takesGzip(header []byte) bool {
	for _, one := range bytes.Split(header, []byte(",")) {
		name, rest, _ := bytes.Cut(one, []byte(";"))
		if name = bytes.TrimSpace(name); !bytes.EqualFold(name, []byte("gzip")) && string(name) != "*" {
			continue
		}
		quality, found := bytes.CutPrefix(bytes.TrimSpace(rest), []byte("q="))
		if !found {
			return true
		}
		value, err := strconv.ParseFloat(string(bytes.TrimSpace(quality)), 64)
		return err == nil && value > 0
	}
	return false
}

var errIncomplete = errors.New("not all of its pages are here yet")
