package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
)

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
