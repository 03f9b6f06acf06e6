package extract

import (
	"fmt"
	"os"
	"sort"
	"time"

	"fleet.internal/toolchain/fleet-man/tree"
)

// mostChanges is how many changes of packages the index remembers, and mostSaid how many bad pages a run names in the log.
const (
	mostChanges = 200
	mostSaid    = 10_000
)

// publish puts the new tree in place, if it is no worse than the one before.
func (r *run) publish(named string, now time.Time) error {
	next := r.next
	next.Sort()
	dangling := next.Resolve()
	next.Bad = append(next.Bad, dangling...)
	sort.SliceStable(next.Bad, func(i, j int) bool {
		if next.Bad[i].Package != next.Bad[j].Package {
			return next.Bad[i].Package < next.Bad[j].Package
		}
		return next.Bad[i].Page < next.Bad[j].Page
	})
	r.report()
	if err := r.worse(); err != nil {
		return err
	}
	next.MarkGone(r.before, r.now)
	r.changes()
	due := []string{}
	if r.now-next.Swept >= 3600 {
		if due = next.Due(r.now, r.config.keep(), r.config.SweepPercent/100); len(due) > 0 {
			next.Swept = r.now
		}
		for _, blob := range due {
			delete(next.Gone, blob)
		}
	}
	name, err := r.store.WriteIndex(next)
	if err != nil {
		return err
	}
	if missing := r.store.Missing(next); missing != "" {
		return fmt.Errorf("page %s is in the index and not on the disk: run again", missing)
	}
	pointer := tree.Pointer{Index: name, At: r.now, Job: r.config.Fresh.Job, Group: r.config.Fresh.Group}
	if err := r.store.WritePointer(pointer); err != nil {
		return err
	}
	r.store.Sweep(due, next, name, now, r.config.keep())
	if err := r.store.WriteFresh(pointer); err != nil {
		return err
	}
	packages, pages, bad := next.Counts()
	what := "new tree"
	if name == named {
		what = "nothing changed"
	}
	say("%s: %d packages with pages, %d pages, %d bad", what, packages, pages, bad)
	return nil
}

// worse says why the tree before must stay.
func (r *run) worse() error {
	if r.before == nil {
		return nil
	}
	_, had, _ := r.before.Counts()
	_, have, _ := r.next.Counts()
	left := map[string]bool{}
	for _, pack := range r.next.Packages {
		where := r.next.Repositories[pack.Repository]
		for i := range pack.Pages {
			left[where.Arch+pack.Pages[i].Key()] = true
		}
	}
	lost := 0
	for _, pack := range r.before.Packages {
		where := r.before.Repositories[pack.Repository]
		for i := range pack.Pages {
			if !left[where.Arch+pack.Pages[i].Key()] {
				lost++
			}
		}
	}
	if had >= r.config.MostGoneFrom && lost*100 > had*r.config.MostGonePercent {
		return fmt.Errorf("%d of %d pages would be gone (%d are there now), more than most_gone_percent (%d): is the origin whole? "+
			"If so much was meant to go, raise it for one run", lost, had, have, r.config.MostGonePercent)
	}
	return nil
}

// changes notes which packages came, changed and went.
func (r *run) changes() {
	if r.before == nil {
		return
	}
	here := map[string]bool{}
	made := []tree.Change{}
	for _, pack := range r.next.Packages {
		where := r.next.Repositories[pack.Repository]
		place := key(where.Path, where.Arch, pack.Name)
		here[place] = true
		old := r.kept[place]
		if (old == nil && len(pack.Pages) > 0) || (old != nil && old.Sum != pack.Sum && len(pack.Pages)+len(old.Pages) > 0) {
			made = append(made, tree.Change{At: r.now, Package: pack.Name, Version: pack.Version, Arch: where.Arch, Pages: len(pack.Pages)})
		}
	}
	for _, pack := range r.before.Packages {
		where := r.before.Repositories[pack.Repository]
		if !here[key(where.Path, where.Arch, pack.Name)] && len(pack.Pages) > 0 {
			made = append(made, tree.Change{At: r.now, Package: pack.Name, Version: pack.Version, Arch: where.Arch, Gone: true, Pages: len(pack.Pages)})
		}
	}
	all := append(made, r.next.Changes...)
	r.next.Changes = all[:min(len(all), mostChanges)]
}

// report names each bad page and package, so that whoever keeps the package can mend it.
func (r *run) report() {
	said := 0
	line := func(pack, name, why string) {
		if said++; said <= mostSaid {
			if name != "" {
				name = " " + name
			}
			say("bad: %s%s: %s", pack, name, why)
		}
	}
	for _, pack := range r.next.Packages {
		for _, it := range pack.Bad {
			line(pack.Name, it.Page, it.Why)
		}
	}
	for _, it := range r.next.Bad {
		line(it.Package, it.Page, it.Why)
	}
	if said > mostSaid {
		say("bad: %d more", said-mostSaid)
	}
}

func say(format string, words ...any) {
	fmt.Fprintf(os.Stderr, "fleet-man: "+format+"\n", words...)
}
