package extract

import (
	"context"
	"errors"
	"runtime"
	"strings"

	"fleet.internal/toolchain/fleet-man/page"
	"fleet.internal/toolchain/fleet-man/tree"
)

// serve renders what is ordered until there are no more orders. Its thread is its own, since children end with it.
func (k *kitchen) serve() {
	runtime.LockOSThread()
	asNobody := page.Settle()
	for it := range k.orders {
		it.answer <- k.cook(it.ctx, it.text, asNobody)
	}
}

// render makes HTML of all pages of a package that are not links, those whose source was rendered before left out.
func (k *kitchen) render(ctx context.Context, o *opened) error {
	type waiting struct {
		source string
		answer chan cooked
	}
	asked := []waiting{}
	mine := map[string]bool{}
	for _, bare := range o.order {
		it := o.pages[bare]
		if it.to != "" {
			continue
		}
		it.source = digestOf(it.text)
		k.mutex.Lock()
		_, done := k.done[it.source]
		k.mutex.Unlock()
		if done || mine[it.source] {
			continue
		}
		mine[it.source] = true
		answer := make(chan cooked, 1)
		select {
		case k.orders <- request{ctx, it.text, answer}:
			asked = append(asked, waiting{it.source, answer})
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	failed := map[string]string{}
	for _, it := range asked {
		made := <-it.answer
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(made.err, errRun):
			return made.err
		case made.err != nil:
			failed[it.source] = made.err.Error()
		default:
			k.mutex.Lock()
			k.done[it.source] = made.known
			k.mutex.Unlock()
		}
	}
	for _, bare := range o.order {
		it := o.pages[bare]
		if why, is := failed[it.source]; is && it.to == "" {
			o.blame(bare, why)
			it.source = ""
		}
	}
	return nil
}

// pages are the names under which a package's pages are found: that of each file, and those that a page says it has.
func (k *kitchen) pages(o *opened) []tree.Page {
	made := []tree.Page{}
	taken := map[string]bool{}
	add := func(it tree.Page) {
		if key := it.Key(); !taken[key] {
			taken[key] = true
			made = append(made, it)
		}
	}
	extra := []tree.Page{}
	for _, bare := range o.order {
		it := o.pages[bare]
		one := tree.Page{Name: it.place.Name, Section: it.place.Section, Lang: it.place.Lang}
		end, link, why := o.resolve(bare)
		switch {
		case why != "":
			o.blame(bare, why)
		case link != "":
			one.Link, one.Alias = link, true
			add(one)
		case end.source != "":
			k.mutex.Lock()
			done := k.done[end.source]
			k.mutex.Unlock()
			one.Blob, one.Title, one.Source, one.Alias = done.blob, done.title, end.source, end != it
			add(one)
			for _, name := range done.names {
				if end == it && !strings.EqualFold(name, one.Name) && page.Speakable(name) == "" {
					other := one
					other.Name, other.Alias, other.Said = name, true, true
					extra = append(extra, other)
				}
			}
		case end != it:
			o.blame(bare, "leads to a page that is bad")
		}
	}
	// Names in a page's text come after names of files: a page cannot take another's place by saying so.
	for _, it := range extra {
		add(it)
	}
	return made
}
