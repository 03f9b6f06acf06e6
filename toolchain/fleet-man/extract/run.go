package extract

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fleet.internal/toolchain/fleet-man/archive"
	"fleet.internal/toolchain/fleet-man/page"
	"fleet.internal/toolchain/fleet-man/repo"
	"fleet.internal/toolchain/fleet-man/tree"
)

// Check is the command that only reads the configuration.
func Check(_ context.Context, words []string) error {
	if len(words) != 1 {
		return errors.New("usage: fleet-man check CONFIG")
	}
	_, err := Load(words[0])
	return err
}

// Main is the command: one run.
func Main(ctx context.Context, words []string) error {
	if len(words) != 1 {
		return errors.New("usage: fleet-man extract CONFIG")
	}
	config, err := Load(words[0])
	if err != nil {
		return err
	}
	// What whoever started this run left open is not for the programs that read packagers' pages.
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("files that were left open cannot be kept from children: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(config.Limits.RunSeconds)*time.Second,
		fmt.Errorf("longer than limits.run_seconds (%d)", config.Limits.RunSeconds))
	defer cancel()
	if err := Run(ctx, config, time.Now()); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("cut: %w", cause)
		}
		return fmt.Errorf("%w\n  the pages that readers have stay as they are", err)
	}
	return nil
}

// run is what one run knows.
type run struct {
	config *Config
	store  tree.Store
	before *tree.Index
	next   *tree.Index
	now    int64
	// kept is a package of the index before, by its place.
	kept    map[string]*tree.Package
	kitchen *kitchen
	// trusted: what the index before says of packages that did not change holds.
	trusted bool
}

// Run makes the tree as new as the repositories. On an error the tree that counts is the one before.
func Run(ctx context.Context, config *Config, now time.Time) error {
	if err := os.MkdirAll(config.Tree, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(config.Tree, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("another run is at work in %s: wait for it", config.Tree)
	}
	it := &run{config: config, store: tree.Store{Folder: config.Tree}, now: now.Unix()}
	named, err := it.load()
	if err != nil {
		return err
	}
	if err := it.read(ctx); err != nil {
		return err
	}
	return it.publish(named, now)
}

// load takes up the index before. One that cannot be read counts as none: then all packages are read again.
func (r *run) load() (string, error) {
	renderer := &page.Renderer{
		Program: r.config.Mandoc, CPU: time.Duration(r.config.Limits.PageSeconds) * time.Second,
		Memory: r.config.Limits.PageMemory, Output: r.config.Limits.HTMLBytes,
	}
	stamp, err := renderer.Stamp()
	if err != nil {
		return "", err
	}
	pointer, err := r.store.ReadPointer()
	if err == nil {
		r.before, err = r.store.ReadIndex(pointer.Index)
	}
	if err != nil && !errors.Is(err, tree.ErrNone) {
		say("the tree before cannot be read, all packages are read again: %v", err)
	}
	r.next = &tree.Index{Format: tree.Format, Renderer: stamp}
	r.kept = map[string]*tree.Package{}
	r.kitchen = &kitchen{renderer: renderer, store: r.store, done: map[string]known{}}
	if r.before == nil {
		return "", nil
	}
	r.next.Changes, r.next.Swept = r.before.Changes, r.before.Swept
	for _, pack := range r.before.Packages {
		where := r.before.Repositories[pack.Repository]
		r.kept[key(where.Path, where.Arch, pack.Name)] = pack
	}
	if missing := r.store.Missing(r.before); missing != "" {
		say("page %s is not on the disk, all packages are read again", missing)
	} else if r.trusted = r.before.Renderer == stamp; r.trusted {
		r.remember()
	} else {
		say("another mandoc than before, all pages are rendered again")
	}
	return pointer.Index, nil
}

// remember takes up which sources are rendered already.
func (r *run) remember() {
	for _, pack := range r.before.Packages {
		names := map[string][]string{}
		for i := range pack.Pages {
			if it := &pack.Pages[i]; it.Source != "" && it.Said {
				names[it.Source] = append(names[it.Source], it.Name)
			}
		}
		for i := range pack.Pages {
			if it := &pack.Pages[i]; it.Source != "" {
				r.kitchen.done[it.Source] = known{it.Blob, it.Title, names[it.Source]}
			}
		}
	}
}

func key(path, arch, name string) string { return path + "\x00" + arch + "\x00" + name }

// task is one package file, and the packages that are that file: repositories of several architectures share some.
type task struct {
	it    repo.Package
	packs []*tree.Package
	old   []*tree.Package
}

// read takes the pages out of what changed.
func (r *run) read(ctx context.Context) error {
	tasks := map[string]*task{}
	order := []string{}
	for number, where := range r.config.Repositories {
		sum, _, err := repo.Sum(r.config.Origin, where.Kind, where.Path, where.Arch)
		if err != nil {
			return fmt.Errorf("repository %s: %w; mend the origin, or take it out of `repositories`", where.Path, err)
		}
		r.next.Repositories = append(r.next.Repositories, tree.Repository{Path: where.Path, Kind: where.Kind, Arch: where.Arch, Sum: sum})
		listing, err := repo.Kinds[where.Kind](r.config.Origin, where.Path, where.Arch)
		if err != nil {
			return fmt.Errorf("repository %s: %w; mend the origin, or take it out of `repositories`", where.Path, err)
		}
		for name, why := range listing.Refused {
			r.next.Bad = append(r.next.Bad, tree.Bad{Package: page.Shown(name), Why: why})
		}
		for _, it := range listing.Packages {
			old := r.kept[key(where.Path, where.Arch, it.Name)]
			if old != nil && r.trusted && (old.Sum == it.Sum || old.Tried == it.Sum) {
				same := *old
				same.Repository = number
				r.next.Packages = append(r.next.Packages, &same)
				continue
			}
			pack := &tree.Package{Repository: number, Name: it.Name, Version: it.Version, Sum: it.Sum, Since: r.now}
			if old != nil && old.Sum == it.Sum {
				pack.Since = old.Since
			}
			if tasks[it.Sum] == nil {
				tasks[it.Sum] = &task{it: it}
				order = append(order, it.Sum)
			}
			tasks[it.Sum].packs = append(tasks[it.Sum].packs, pack)
			tasks[it.Sum].old = append(tasks[it.Sum].old, old)
		}
	}
	return r.work(ctx, tasks, order)
}

// work reads packages and renders their pages, several at once. The first failure of the run itself ends it.
func (r *run) work(ctx context.Context, tasks map[string]*task, order []string) error {
	if len(order) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	folder, err := os.MkdirTemp("", "fleet-man-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	r.kitchen.renderer.Folder = folder
	r.kitchen.orders = make(chan request)
	var cooks, readers sync.WaitGroup
	for range r.config.Workers {
		cooks.Go(r.kitchen.serve)
	}
	// The largest first, so that none of them is left alone at the end.
	sort.Slice(order, func(i, j int) bool { return tasks[order[i]].it.Size > tasks[order[j]].it.Size })
	queue := make(chan *task)
	var mutex sync.Mutex
	for range r.config.Workers {
		readers.Go(func() {
			for it := range queue {
				if ctx.Err() != nil {
					continue
				}
				if err := r.one(ctx, it, &mutex); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, sum := range order {
		queue <- tasks[sum]
	}
	close(queue)
	readers.Wait()
	close(r.kitchen.orders)
	cooks.Wait()
	return context.Cause(ctx)
}

// one reads a package file and notes what came of it with each package that it is.
func (r *run) one(ctx context.Context, it *task, mutex *sync.Mutex) error {
	made, problem := open(ctx, r.config, &it.it)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var pages []tree.Page
	if !errors.Is(problem, archive.ErrOther) {
		if err := r.kitchen.render(ctx, made); err != nil {
			return err
		}
		pages = r.kitchen.pages(made)
	}
	mutex.Lock()
	defer mutex.Unlock()
	for i, pack := range it.packs {
		old := it.old[i]
		switch {
		case problem == nil:
			pack.Pages, pack.Bad = pages, made.bad
		case old != nil:
			// A package that cannot be read keeps the pages of the version before. One that is half copied is tried again.
			same := *old
			same.Repository, same.Tried = pack.Repository, ""
			if !errors.Is(problem, archive.ErrOther) {
				same.Tried = pack.Sum
			}
			same.Bad = append(append([]tree.Bad{}, without(old.Bad)...), tree.Bad{Page: packageItself, Why: page.Shown(problem.Error()) + "; " + old.Version + " stays"})
			pack = &same
		case errors.Is(problem, archive.ErrOther):
			r.next.Bad = append(r.next.Bad, tree.Bad{Package: pack.Name, Why: page.Shown(problem.Error())})
			continue
		default:
			pack.Pages = pages
			pack.Bad = append(made.bad, tree.Bad{Page: packageItself, Why: page.Shown(problem.Error())})
		}
		r.next.Packages = append(r.next.Packages, pack)
	}
	return nil
}

// packageItself stands in place of a page where the whole package is meant.
const packageItself = ""

// without leaves out what was said of a package as a whole.
func without(bad []tree.Bad) []tree.Bad {
	left := []tree.Bad{}
	for _, it := range bad {
		if it.Page != packageItself {
			left = append(left, it)
		}
	}
	return left
}
