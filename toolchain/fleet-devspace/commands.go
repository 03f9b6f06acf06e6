package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

var (
	errOwner = refusedFor(sftp.ErrSSHFxPermissionDenied, "owners are not changed here: all in your home is yours")
	errModes = refusedFor(sftp.ErrSSHFxPermissionDenied, "no set-uid, set-gid or sticky bit")
	errWorld = refusedFor(sftp.ErrSSHFxPermissionDenied, "all in public is readable to the world: move it out of public instead")
)

// Filecmd does what changes names and properties.
func (h *Home) Filecmd(request *sftp.Request) error {
	switch request.Method {
	case "Setstat":
		return h.explain(h.setstat(request))
	case "Rename":
		return h.explain(h.rename(request.Filepath, request.Target, unix.RENAME_NOREPLACE))
	case "Remove":
		return h.explain(h.remove(request.Filepath, false))
	case "Rmdir":
		return h.explain(h.remove(request.Filepath, true))
	case "Mkdir":
		return h.explain(h.mkdir(request.Filepath))
	case "Link", "Symlink":
		return h.explain(errLink)
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename is a rename that replaces.
func (h *Home) PosixRename(request *sftp.Request) error {
	return h.explain(h.rename(request.Filepath, request.Target, 0))
}

// rename moves a file or folder, also between home and public.
func (h *Home) rename(from, to string, flags uint) error {
	old, err := h.find(from)
	if err != nil {
		return err
	}
	fresh, err := h.find(to)
	if err != nil {
		return err
	}
	if old.top() || fresh.top() {
		return errFixed
	}
	done, err := h.person.changing()
	if err != nil {
		return err
	}
	defer done()
	about, err := old.look()
	if err != nil {
		return err
	}
	replaced, err := fresh.look()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	source, err := old.holder()
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := fresh.holder()
	if err != nil {
		return err
	}
	defer target.Close()
	if replaced != nil && os.SameFile(about, replaced) {
		return nil
	}
	if err := move(source, old.base(), target, fresh.base(), flags, old.shown); err != nil {
		return err
	}
	if replaced != nil {
		h.person.give(held(replaced), 1)
	}
	_ = target.Sync()
	_ = source.Sync()
	h.session.say("rename", fmt.Sprintf(" path=%q to=%q", old.shown, fresh.shown))
	return nil
}

// held is what a name counts besides itself.
func held(about os.FileInfo) int64 {
	if about.IsDir() {
		return 0
	}
	return about.Size()
}

func (h *Home) remove(said string, folder bool) error {
	at, err := h.find(said)
	if err != nil {
		return err
	}
	if at.top() {
		return errFixed
	}
	done, err := h.person.changing()
	if err != nil {
		return err
	}
	defer done()
	about, err := at.look()
	if err != nil {
		return err
	}
	if about.IsDir() != folder {
		return refusedFor(sftp.ErrSSHFxFailure, at.shown+map[bool]string{true: " is no folder", false: " is a folder"}[folder])
	}
	if err := at.root.Remove(at.inner); err != nil {
		return err
	}
	h.person.give(held(about), 1)
	h.session.say("remove", fmt.Sprintf(" path=%q bytes=%d", at.shown, held(about)))
	return nil
}

func (h *Home) mkdir(said string) error {
	at, err := h.find(said)
	if err != nil {
		return err
	}
	if at.top() {
		return errExists
	}
	if err := at.way(); err != nil {
		return err
	}
	if err := h.person.take(0, 1); err != nil {
		return err
	}
	if err := at.root.Mkdir(at.inner, folderMode); err != nil {
		h.person.give(0, 1)
		return disk(err)
	}
	return nil
}

// setstat changes length, times, and whether a file may be run. Where the client writes a file of that name, it means
// the one that it writes: the library does not tell one from the other.
func (h *Home) setstat(request *sftp.Request) error {
	at, err := h.find(request.Filepath)
	if err != nil {
		return err
	}
	which, wanted := request.AttrFlags(), request.Attributes()
	if which.UidGid {
		return errOwner
	}
	if which.Permissions {
		if err := mayBe(at, os.FileMode(wanted.Mode&0o7777)); err != nil {
			return err
		}
	}
	times := func(root *os.Root, inner string) error {
		if !which.Acmodtime {
			return nil
		}
		return root.Chtimes(inner, time.Unix(int64(wanted.Atime), 0), time.Unix(int64(wanted.Mtime), 0))
	}
	if upload := h.writing(at.shown); upload != nil {
		if which.Size {
			if err := upload.truncate(int64(wanted.Size)); err != nil {
				return err
			}
		}
		if which.Permissions {
			upload.mu.Lock()
			upload.mode = modeOf(os.FileMode(wanted.Mode))
			upload.mu.Unlock()
		}
		return times(h.incoming, upload.name)
	}
	about, err := at.look()
	if err != nil {
		return err
	}
	if which.Size {
		if err := h.shorten(at, int64(wanted.Size)); err != nil {
			return err
		}
	}
	if which.Permissions && !about.IsDir() {
		if err := at.root.Chmod(at.inner, modeOf(os.FileMode(wanted.Mode))); err != nil {
			return err
		}
	}
	return times(at.root, at.inner)
}

func mayBe(at spot, mode os.FileMode) error {
	switch {
	case mode&0o7000 != 0:
		return errModes
	case at.public && mode&0o444 != 0o444:
		return errWorld
	}
	return nil
}

// shorten gives a file another length by a copy that takes its place, so that no reader sees it half done.
func (h *Home) shorten(at spot, size int64) error {
	upload, err := h.upload(at.shown, sftp.FileOpenFlags{Write: true})
	if err != nil {
		return err
	}
	if err := upload.truncate(size); err != nil {
		upload.fail(err)
		_ = upload.Close()
		return err
	}
	return upload.Close()
}

// blockSize is what sizes are told in.
const blockSize = 4096

// StatVFS tells a client its quota, or what the disk still takes where that is less.
func (h *Home) StatVFS(*sftp.Request) (*sftp.StatVFS, error) {
	bytes, files, err := h.person.held()
	if err != nil {
		return nil, err
	}
	freeBytes, freeFiles, err := h.store.free()
	if err != nil {
		return nil, err
	}
	leftBytes := uint64(max(min(h.person.quota.bytes()-bytes, freeBytes), 0)) / blockSize
	leftFiles := uint64(max(min(h.person.quota.Files-files, freeFiles), 0))
	return &sftp.StatVFS{
		Bsize: blockSize, Frsize: blockSize,
		Blocks: uint64(h.person.quota.bytes()) / blockSize, Bfree: leftBytes, Bavail: leftBytes,
		Files: uint64(h.person.quota.Files), Ffree: leftFiles, Favail: leftFiles,
		Namemax: longestName,
	}, nil
}
