package extract

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"fleet.internal/toolchain/fleet-man/archive"
	"fleet.internal/toolchain/fleet-man/page"
	"fleet.internal/toolchain/fleet-man/repo"
	"fleet.internal/toolchain/fleet-man/tree"
)

// maxHops is how many links in a row are followed.
const maxHops = 10

// found is a manual page of a package before it is rendered, or a link to one.
type found struct {
	place page.Place
	// to is where a link leads, as a bare path inside the package; text and source are a page's own.
	to     string
	text   []byte
	source string
}

// opened is all that was taken out of one package file.
type opened struct {
	// pages by bare path, order as in the package.
	pages map[string]*found
	order []string
	// folders are links between folders, by path.
	folders map[string]string
	bad     []tree.Bad
	size    int64
}

func (o *opened) blame(name, why string) {
	if len(o.bad) < 1000 {
		o.bad = append(o.bad, tree.Bad{Page: page.Shown(name), Why: page.Shown(why)})
	}
}

// open reads a package file. The error says how far it could not be read; with archive.ErrOther nothing of it counts.
func open(ctx context.Context, config *Config, it *repo.Package) (*opened, error) {
	made := &opened{pages: map[string]*found{}, folders: map[string]string{}}
	limits := archive.Limits{
		Bytes: config.Limits.PackageBytes, Entries: config.Limits.PackageEntries,
		Time: time.Duration(config.Limits.PackageSeconds) * time.Second,
	}
	err := archive.Walk(ctx, filepath.Join(config.Origin, it.File), it.Sum, it.Size, limits, func(entry *archive.Entry) error {
		return made.take(config, entry)
	})
	return made, err
}

// take looks at one file of the package.
func (o *opened) take(config *Config, entry *archive.Entry) error {
	if strings.Contains("/"+entry.Path+"/", "/../") {
		o.blame(entry.Path, "has .. in its path")
		return nil
	}
	name, inside := page.Clean(entry.Path)
	if !inside {
		return nil
	}
	place, is := page.Locate(name)
	if !is {
		if entry.Type == tar.TypeSymlink && (page.Inside(name) || page.Inside(name+"/x")) && len(o.folders) < 1000 {
			o.folders[name] = entry.To
		}
		return nil
	}
	if why := page.Speakable(place.Name); why != "" {
		o.blame(name, why)
		return nil
	}
	bare := page.Bare(name)
	if _, twice := o.pages[bare]; twice {
		o.blame(name, "stands twice in the package")
		return nil
	}
	if len(o.pages) >= config.Limits.PackagePages {
		return fmt.Errorf("more than %d pages", config.Limits.PackagePages)
	}
	it := &found{place: place}
	switch entry.Type {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if entry.Size > config.Limits.PageBytes {
			o.blame(name, fmt.Sprintf("larger than %d bytes", config.Limits.PageBytes))
			return nil
		}
		text, err := page.Read(entry.Body, config.Limits.PageBytes)
		if err != nil {
			o.blame(name, err.Error())
			return nil
		}
		if o.size += int64(len(text)); o.size > config.Limits.SourceBytes {
			return fmt.Errorf("its pages have more than %d bytes together", config.Limits.SourceBytes)
		}
		it.text = page.UTF8(text, place)
		if to := page.Included(it.text); to != "" {
			it.to, it.text = included(place, to), nil
		}
	case tar.TypeSymlink:
		to := entry.To
		if !strings.HasPrefix(to, "/") {
			to = path.Join("/", place.Folder, to)
			if climbs(place.Folder, entry.To) {
				o.blame(name, "a link out of the package")
				return nil
			}
		}
		it.to = page.Bare(strings.TrimPrefix(path.Clean(to), "/"))
	case tar.TypeLink:
		to, inside := page.Clean(entry.To)
		if !inside {
			o.blame(name, "a link out of the package")
			return nil
		}
		it.to = page.Bare(to)
	default:
		o.blame(name, "no file and no link")
		return nil
	}
	o.pages[bare] = it
	o.order = append(o.order, bare)
	return nil
}

// climbs says whether a relative link has more steps up than there are folders.
func climbs(folder, to string) bool {
	depth := strings.Count(folder, "/") + 1
	for _, part := range strings.Split(to, "/") {
		switch part {
		case "..":
			if depth--; depth < 0 {
				return true
			}
		case "", ".":
		default:
			depth++
		}
	}
	return false
}

// included is the path of `.so`'s page: from the package's root, from the language's folder of manuals, or from the
// page's own folder.
func included(place page.Place, to string) string {
	to = strings.TrimPrefix(page.Bare(path.Clean("/"+to)), "/")
	if strings.HasPrefix(to, "usr/") {
		return to
	}
	if !strings.Contains(to, "/") {
		return place.Folder + "/" + to
	}
	return place.Manual + "/" + to
}

// resolve follows links inside the package. It returns the page at the end, or the key of a page that the package itself
// has not, or why there is neither.
func (o *opened) resolve(bare string) (end *found, link, why string) {
	at := o.pages[bare]
	seen := map[string]bool{bare: true}
	for hops := 0; at.to != ""; hops++ {
		if hops >= maxHops {
			return nil, "", "more than 10 links in a row"
		}
		to := o.through(at.to)
		if seen[to] {
			return nil, "", "a loop of links"
		}
		seen[to] = true
		next, there := o.pages[to]
		if place, is := page.Locate(to); !there && is {
			// A page of a language may include the one of no language.
			next, there = o.pages[place.Root+strings.TrimPrefix(to, place.Manual)]
		}
		if !there {
			place, is := page.Locate(to)
			if !is || page.Speakable(place.Name) != "" {
				return nil, "", "leads to " + to + ", which is no manual page"
			}
			return nil, tree.Key(place.Lang, place.Name, place.Section), ""
		}
		at = next
	}
	return at, "", ""
}

// through replaces folders that are links by where they lead.
func (o *opened) through(name string) string {
	for range maxHops {
		changed := false
		for folder := path.Dir(name); folder != "." && folder != "/"; folder = path.Dir(folder) {
			if to, is := o.folders[folder]; is {
				rest := strings.TrimPrefix(name, folder+"/")
				if !strings.HasPrefix(to, "/") {
					to = path.Join("/", path.Dir(folder), to)
				}
				name, changed = strings.TrimPrefix(path.Join(to, rest), "/"), true
				break
			}
		}
		if !changed {
			break
		}
	}
	return name
}

// digestOf names what a page is rendered from.
func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// known is a page that was rendered before, by the digest of its source.
type known struct {
	blob, title string
	names       []string
}

// kitchen renders pages, each source once.
type kitchen struct {
	renderer *page.Renderer
	store    tree.Store
	orders   chan request
	mutex    sync.Mutex
	done     map[string]known
}

type request struct {
	ctx    context.Context
	text   []byte
	answer chan<- cooked
}

type cooked struct {
	known
	err error
}

// errRun is a failure of the run, not of a page: a full disk, or a missing mandoc.
var errRun = errors.New("the run cannot go on")

func (k *kitchen) cook(ctx context.Context, text []byte, asNobody bool) (made cooked) {
	fragment, err := k.renderer.Render(ctx, text, asNobody)
	if err == nil {
		fragment, err = page.Sanitize(fragment)
	}
	if err == nil && page.Blank(fragment) {
		err = errors.New("has nothing to read")
	}
	if err == nil && len(fragment) > tree.MostPage {
		err = errors.New("becomes too large")
	}
	if err != nil {
		return cooked{err: err}
	}
	made.names, made.title = page.About(fragment)
	if made.blob, err = k.store.WriteBlob(fragment); err != nil {
		return cooked{err: fmt.Errorf("%w: %v", errRun, err)}
	}
	return made
}
