package main

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/pkg/sftp"
)

const (
	// publicName is where people see the folder that the world reads.
	publicName   = "/public"
	deepest      = 64
	longestName  = 255
	plainFile    = os.FileMode(0o644)
	runnableFile = os.FileMode(0o755)
	folderMode   = os.FileMode(0o755)
)

var (
	errLink    = refusedFor(sftp.ErrSSHFxPermissionDenied, "links are not served and cannot be made")
	errSpecial = refusedFor(sftp.ErrSSHFxPermissionDenied, "only files and folders are served")
	errName    = refusedFor(sftp.ErrSSHFxPermissionDenied, "a name here is UTF-8 of up to 255 bytes without control characters, in up to 64 folders")
	errFixed   = refusedFor(sftp.ErrSSHFxPermissionDenied, "your home and its folder public stay where they are")
)

// spot is a place in somebody's files: below which of their two folders, and its path there.
type spot struct {
	root   *os.Root
	inner  string
	shown  string
	public bool
}

// top says whether it is one of the two folders themselves.
func (s spot) top() bool { return s.inner == "." }

func (s spot) parent() string { return path.Dir(s.inner) }
func (s spot) base() string   { return path.Base(s.inner) }

// find turns a client's path into a place. The library has made it absolute and clean; nothing is taken for granted.
func (h *Home) find(said string) (spot, error) {
	clean := path.Clean("/" + said)
	found := spot{root: h.home, inner: strings.TrimPrefix(clean, "/"), shown: clean}
	if clean == publicName || strings.HasPrefix(clean, publicName+"/") {
		found = spot{root: h.public, inner: strings.TrimPrefix(clean[len(publicName):], "/"), shown: clean, public: true}
	}
	if found.inner == "" {
		found.inner = "."
	}
	parts := strings.Split(clean[1:], "/")
	if len(parts) > deepest {
		return spot{}, errName
	}
	for _, part := range parts {
		if len(part) > longestName || !utf8.ValidString(part) || strings.ContainsFunc(part, unprintable) {
			return spot{}, errName
		}
	}
	return found, nil
}

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }

// way refuses a path that leads over anything but folders. os.Root lets no path out of its folder whatever is in it; a
// link that stays inside is refused too, for only somebody with a hand on the disk can have made it.
func (s spot) way() error {
	parts := strings.Split(s.inner, "/")
	for n := 1; n < len(parts); n++ {
		about, err := s.root.Lstat(strings.Join(parts[:n], "/"))
		if err != nil {
			return err
		}
		if about.Mode()&fs.ModeSymlink != 0 {
			return errLink
		}
		if !about.IsDir() {
			return &fs.PathError{Op: "open", Path: s.shown, Err: syscall.ENOTDIR}
		}
	}
	return nil
}

// look is what stands at a place: a file or a folder, never anything else.
func (s spot) look() (os.FileInfo, error) {
	if err := s.way(); err != nil {
		return nil, err
	}
	about, err := s.root.Lstat(s.inner)
	if err != nil {
		return nil, err
	}
	return about, served(about)
}

// served refuses what is neither file nor folder, and a file that has a second name somewhere.
func served(about os.FileInfo) error {
	switch mode := about.Mode(); {
	case mode.IsDir():
		return nil
	case mode&fs.ModeSymlink != 0:
		return errLink
	case !mode.IsRegular():
		return errSpecial
	}
	if its, is := about.Sys().(*syscall.Stat_t); is && its.Nlink > 1 {
		return errLink
	}
	return nil
}

// openTries is how often a name is opened under which another file stands each time.
const openTries = 10

// opened opens a file or folder for reading, and makes sure that it is what was looked at. A file that took the name in
// between, as an upload does, is looked at anew.
func (s spot) opened() (*os.File, os.FileInfo, error) {
	for range openTries {
		before, err := s.look()
		if err != nil {
			return nil, nil, err
		}
		// Without waiting: a pipe that got here in between must not hold us.
		file, err := s.root.OpenFile(s.inner, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
		if err != nil {
			return nil, nil, err
		}
		after, err := file.Stat()
		if err == nil && os.SameFile(before, after) {
			if err = served(after); err == nil {
				return file, after, nil
			}
		}
		file.Close()
		if err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errSpecial
}

// holder opens the folder that a place is in, as a handle for renames.
func (s spot) holder() (*os.File, error) {
	folder := spot{root: s.root, inner: s.parent(), shown: path.Dir(s.shown)}
	file, about, err := folder.opened()
	if err != nil {
		return nil, err
	}
	if !about.IsDir() {
		file.Close()
		return nil, &fs.PathError{Op: "open", Path: folder.shown, Err: syscall.ENOTDIR}
	}
	return file, nil
}

// shownInfo is what a client is told of a file: who may read it follows from its place, so modes say only whether it runs.
type shownInfo struct {
	os.FileInfo
	named string
}

func (s shownInfo) Name() string { return s.named }

func (s shownInfo) Mode() os.FileMode {
	mode := s.FileInfo.Mode()
	if mode.IsDir() {
		return fs.ModeDir | folderMode
	}
	return mode&^fs.ModePerm&^(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) | modeOf(mode)
}

// modeOf is the mode that a file has here: whether its owner may run it is all that is kept.
func modeOf(mode os.FileMode) os.FileMode {
	if mode&0o100 != 0 {
		return runnableFile
	}
	return plainFile
}
