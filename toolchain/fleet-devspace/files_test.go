package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pkg/sftp"
)

func TestNothingOutsideAHomeIsReadOrWritten(t *testing.T) {
	it := started(t, nil)
	_, eli := it.person("eli")
	_, gus := it.person("gus")
	fatal(t, it.put(gus, "secret", []byte("of gus")))
	outside := filepath.Join(it.folder, "outside")
	fatal(t, os.WriteFile(outside, []byte("of the machine"), 0o644))
	// What only somebody with a hand on the disk can make, in every form that leads out or around.
	home := filepath.Join(it.data, "home", "eli")
	for _, link := range []struct{ target, name string }{
		{"/etc", "absolute"}, {"../gus", "neighbour"}, {"../../..", "up"}, {outside, "file"}, {"real", "inside"}, {"loop", "loop"},
	} {
		fatal(t, os.Symlink(link.target, filepath.Join(home, link.name)))
	}
	fatal(t, os.Mkdir(filepath.Join(home, "real"), 0o755))
	fatal(t, os.WriteFile(filepath.Join(home, "real", "x"), []byte("x"), 0o644))
	fatal(t, os.Link(filepath.Join(it.data, "home", "gus", "secret"), filepath.Join(home, "hard")))
	fatal(t, syscall.Mkfifo(filepath.Join(home, "pipe"), 0o644))
	for _, said := range []string{
		"../gus/secret", "/../gus/secret", "/home/gus/secret", "absolute/passwd", "neighbour/secret", "up/outside", "file", "inside/x",
		"loop", "hard", "pipe", "public/../../gus/secret", "real/../../gus/secret", "./././../gus/secret", "..", "/public/../../../etc/passwd",
		"\x00", "a\x00b", "new\nline", "bad\xff", strings.Repeat("n", 256), strings.Repeat("d/", 80) + "x",
	} {
		if text, err := read(eli, said); err == nil {
			t.Errorf("%q is read: %q", said, text)
		}
		if said == ".." {
			continue
		}
		if err := it.put(eli, said, []byte("broken in")); err == nil && !inside(it, said) {
			t.Errorf("%q is written", said)
		}
		if err := eli.PosixRename("real/x", said); err == nil {
			fatal(t, eli.PosixRename(said, "real/x"))
			if !inside(it, said) {
				t.Errorf("something is renamed to %q", said)
			}
		}
	}
	for _, name := range []string{"absolute", "neighbour", "hard", "pipe", "loop"} {
		if err := eli.Chmod(name, 0o644); err == nil {
			t.Errorf("chmod %s", name)
		}
		if err := eli.Remove(name); err == nil {
			t.Errorf("remove %s", name)
		}
		if err := eli.Truncate(name, 0); err == nil {
			t.Errorf("truncate %s", name)
		}
	}
	if err := eli.Symlink("/etc/passwd", "link"); err == nil {
		t.Error("a symbolic link is made")
	}
	if err := eli.Link("real/x", "second"); err == nil {
		t.Error("a hard link is made")
	}
	if found, err := eli.ReadLink("absolute"); err == nil {
		t.Errorf("a link is read: %s", found)
	}
	if it.on("home/gus/secret") != "of gus" || it.on("../outside") != "of the machine" {
		t.Error("something outside was changed")
	}
	names := listing(t, eli, ".")
	if slices.ContainsFunc(names, func(n string) bool {
		return slices.Contains([]string{"absolute", "neighbour", "hard", "pipe", "loop", "up"}, n)
	}) {
		t.Errorf("links are listed: %v", names)
	}
}

// inside says whether a path that was taken lies in the home after all, as `../x` does: the home is the root of all paths.
func inside(it *rig, said string) bool {
	return it.on("home/gus/secret") == "of gus" && it.on("../outside") == "of the machine" && it.on("../gus/secret") == "-" && said != "file"
}

func read(files *sftp.Client, name string) (string, error) {
	file, err := files.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	return string(text), err
}

func listing(t *testing.T, files *sftp.Client, name string) []string {
	t.Helper()
	entries, err := files.ReadDir(name)
	fatal(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestHomeIsPrivateAndPublicIsAFolderOfIt(t *testing.T) {
	it := started(t, nil)
	_, files := it.person("eli")
	fatal(t, it.put(files, "mine", []byte("private")))
	fatal(t, it.put(files, "public/theirs", []byte("for all")))
	fatal(t, files.Mkdir("box"))
	fatal(t, it.put(files, "box/in", []byte("boxed")))
	if it.on("home/eli/mine") != "private" || it.on("public/eli/theirs") != "for all" {
		t.Fatal("in other places")
	}
	if names := listing(t, files, "/"); !slices.Equal(names, []string{"box", "mine", "public"}) {
		t.Fatal(names)
	}
	for _, move := range [][2]string{{"mine", "public/mine"}, {"public/theirs", "theirs"}, {"box", "public/box"}} {
		fatal(t, files.PosixRename(move[0], move[1]))
	}
	if it.on("public/eli/mine") != "private" || it.on("home/eli/theirs") != "for all" || it.on("public/eli/box/in") != "boxed" {
		t.Fatal("not moved")
	}
	fatal(t, files.Rename("public/mine", "mine"))
	if err := files.Rename("mine", "theirs"); err == nil || it.on("home/eli/theirs") != "for all" {
		t.Error("a plain rename replaces")
	}
	for _, err := range []error{
		files.PosixRename("public", "other"), files.RemoveDirectory("public"), files.PosixRename("box", "public"), files.RemoveDirectory("/"),
		files.Chmod("public/box/in", 0o600), files.Chmod("mine", 0o4755), files.Chown("mine", 0, 0), files.Mkdir("public"), files.Remove("public"),
	} {
		if err == nil {
			t.Error("something that is fixed was changed")
		}
	}
	fatal(t, files.Chmod("mine", 0o700))
	about, err := os.Stat(filepath.Join(it.data, "home/eli/mine"))
	fatal(t, err)
	if about.Mode() != 0o755 {
		t.Error(about.Mode())
	}
	for folder, mode := range map[string]fs.FileMode{"home/eli": 0o700, "public/eli": 0o755, "incoming": 0o700, "home": 0o700} {
		about, err := os.Stat(filepath.Join(it.data, folder))
		fatal(t, err)
		if about.Mode().Perm() != mode {
			t.Errorf("%s: %v", folder, about.Mode())
		}
	}
	it.counted("eli")
}
