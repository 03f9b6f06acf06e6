package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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

func TestAFileTakesItsNameWhenTheClientClosesIt(t *testing.T) {
	it := started(t, nil)
	client, files := it.person("eli")
	fatal(t, it.put(files, "a", []byte("first")))
	file, err := files.Create("a")
	fatal(t, err)
	_, err = file.Write([]byte("second, and longer"))
	fatal(t, err)
	if it.on("home/eli/a") != "first" || it.incoming("eli") != 1 || len(listing(t, files, ".")) != 2 {
		t.Fatal("seen before it was closed")
	}
	if about, err := file.Stat(); err != nil || about.Size() != 18 {
		t.Fatal("a client does not see what it writes", err)
	}
	then := time.Unix(1_000_000_000, 0)
	fatal(t, files.Chtimes("a", then, then))
	fatal(t, file.Close())
	if it.on("home/eli/a") != "second, and longer" || it.incoming("eli") != 0 {
		t.Fatal("not in place")
	}
	if about, err := files.Stat("a"); err != nil || !about.ModTime().Equal(then) {
		t.Error("the time was lost", err)
	}
	// Going on where a file ends, and in the middle of it: by a copy.
	file, err = files.OpenFile("a", os.O_WRONLY)
	fatal(t, err)
	_, err = file.WriteAt([]byte("SECOND"), 0)
	fatal(t, err)
	if it.on("home/eli/a") != "second, and longer" {
		t.Fatal("written in place")
	}
	fatal(t, file.Close())
	if it.on("home/eli/a") != "SECOND, and longer" {
		t.Fatal(it.on("home/eli/a"))
	}
	fatal(t, files.Truncate("a", 6))
	if it.on("home/eli/a") != "SECOND" {
		t.Fatal(it.on("home/eli/a"))
	}
	if file, err := files.OpenFile("a", os.O_WRONLY|os.O_CREATE|os.O_EXCL); err == nil {
		file.Close()
		t.Error("created although it is there")
	}
	it.counted("eli")
	file, err = files.Create("a")
	fatal(t, err)
	_, err = file.Write(bytes.Repeat([]byte("z"), 1<<20))
	fatal(t, err)
	client.Close()
	it.eventually("nothing is left of it", func() bool { return it.incoming("eli") == 0 })
	if it.on("home/eli/a") != "SECOND" {
		t.Fatal("a cut upload changed the file")
	}
	it.eventually("its room is given back", func() bool { bytes, files := it.used("eli"); return bytes == 6 && files == 1 })
}

func TestAQuotaEndsAnUploadAndKeepsWhatWasThere(t *testing.T) {
	it := started(t, nil)
	_, files := it.person("eli")
	fatal(t, it.put(files, "a", bytes.Repeat([]byte("a"), 1<<20)))
	err := it.put(files, "a", bytes.Repeat([]byte("b"), 4<<20))
	if err == nil || !strings.Contains(err.Error(), "quota exceeded") {
		t.Fatal(err)
	}
	if text := it.on("home/eli/a"); len(text) != 1<<20 || text[0] != 'a' {
		t.Fatal("the file that was there is another")
	}
	it.counted("eli")
	for _, end := range []int64{1 << 40, 1<<62 + 1} {
		file, err := files.Create("sparse")
		fatal(t, err)
		if _, err := file.WriteAt([]byte("x"), end); err == nil {
			t.Error("a hole is not counted")
		}
		if file.Close() == nil || it.on("home/eli/sparse") != "-" {
			t.Error("what failed was put in place")
		}
	}
	if err := files.Truncate("a", 1<<40); err == nil {
		t.Error("a length is not counted")
	}
	var last error
	for number := 0; number < 60 && last == nil; number++ {
		last = it.put(files, fmt.Sprintf("f%d", number), []byte("x"))
	}
	if last == nil || files.Mkdir("d") == nil {
		t.Error("files are not counted")
	}
	it.counted("eli")
	about, err := files.StatVFS("/")
	fatal(t, err)
	if about.TotalSpace() != 4<<20 || about.FreeSpace() > 3<<20 || about.Favail != 0 {
		t.Errorf("%+v", about)
	}
	fatal(t, files.Remove("f0"))
	fatal(t, it.put(files, "again", []byte("x")))
	it.counted("eli")
}

func TestManyUploadsOfOneNameAreEachWholeAndTheLastOneStays(t *testing.T) {
	it := started(t, func(c *Config) { c.Quota.Quota, c.Limits.PerPerson = Quota{Megabytes: 64, Files: 200}, 20 })
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	var all sync.WaitGroup
	for number := range 8 {
		_, files := it.files("eli", key)
		all.Go(func() {
			for round := range 5 {
				text := bytes.Repeat([]byte{byte('a' + number)}, 200_000+1000*number)
				if err := it.put(files, "one", text); err != nil {
					t.Errorf("%d, %d: %v", number, round, err)
				}
				if err := it.put(files, fmt.Sprintf("own%d-%d", number, round), text); err != nil {
					t.Error(err)
				}
				found, err := read(files, "one")
				if err != nil || !whole(found) {
					t.Errorf("a reader finds a mixture of %d bytes (%v)", len(found), err)
				}
			}
		})
	}
	all.Wait()
	if !whole(it.on("home/eli/one")) || it.incoming("eli") != 0 {
		t.Error("a mixture stays")
	}
	it.counted("eli")
}

func whole(text string) bool {
	return text != "" && text == strings.Repeat(text[:1], len(text)) && len(text) == 200_000+1000*int(text[0]-'a')
}

func TestOpenFilesAreLimited(t *testing.T) {
	it := started(t, func(c *Config) { c.Limits.OpenFiles = 3 })
	_, files := it.person("eli")
	var open []*sftp.File
	for number := range 3 {
		file, err := files.Create(fmt.Sprint(number))
		fatal(t, err)
		open = append(open, file)
	}
	if _, err := files.Create("more"); err == nil {
		t.Error("a fourth is open")
	}
	fatal(t, open[0].Close())
	fatal(t, it.put(files, "more", []byte("x")))
	it.counted("eli")
}
