package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// place gives the file its name, once all of it is on the disk.
func (u *Upload) place() error {
	if err := u.file.Chmod(u.mode); err != nil {
		return err
	}
	if err := u.file.Sync(); err != nil {
		return disk(err)
	}
	person := u.home.person
	done, err := person.changing()
	if err != nil {
		return err
	}
	defer done()
	holder, err := u.at.holder()
	if err != nil {
		return err
	}
	defer holder.Close()
	from, err := u.home.incoming.Open(".")
	if err != nil {
		return err
	}
	defer from.Close()
	replaced, err := u.at.look()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var flags uint
	if u.excl {
		flags = unix.RENAME_NOREPLACE
	}
	if err := move(from, u.name, holder, u.at.base(), flags, u.at.shown); err != nil {
		return err
	}
	if replaced != nil {
		person.give(replaced.Size(), 1)
	}
	// The name is in place; a disk that loses it now has lost the folder.
	_ = holder.Sync()
	return nil
}

// move gives a name another one, by handles of both folders, so that no name is followed. `shown` is what the client
// calls it.
func move(from *os.File, name string, to *os.File, as string, flags uint, shown string) error {
	err := unix.Renameat2(int(from.Fd()), name, int(to.Fd()), as, flags)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EEXIST):
		return errExists
	}
	return disk(&fs.PathError{Op: "rename", Path: shown, Err: err})
}

// discard removes the file and gives its room back.
func (u *Upload) discard() {
	u.file.Close()
	if err := u.home.incoming.Remove(u.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// It keeps its room until somebody tidies up.
		u.home.session.say("left", fmt.Sprintf(" error=%q", err))
	} else {
		u.home.person.give(u.size, 1)
	}
	u.home.handles.Add(-1)
	u.home.store.done(u.name)
}

// writing is the latest upload of this channel that is open under a name.
func (h *Home) writing(shown string) *Upload {
	h.mu.Lock()
	defer h.mu.Unlock()
	open := h.uploads[shown]
	if len(open) == 0 {
		return nil
	}
	return open[len(open)-1]
}

func (h *Home) forget(u *Upload) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := slices.DeleteFunc(h.uploads[u.at.shown], func(other *Upload) bool { return other == u })
	if len(left) == 0 {
		delete(h.uploads, u.at.shown)
	} else {
		h.uploads[u.at.shown] = left
	}
}

// disk puts what a full disk says into words.
func disk(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errDiskFull
	}
	return err
}
