package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWhatAKilledProcessHadTakenComesBack(t *testing.T) {
	it := started(t, func(c *Config) { c.KeepaliveSeconds = 60 })
	address := it.free()
	killed := it.process(address, nil)
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	it.allow("gus", key.PublicKey())
	_, here := it.files("eli", key)
	fatal(t, it.put(here, "kept", []byte("kept")))
	mine, err := here.Create("mine")
	fatal(t, err)
	_, err = mine.Write(make([]byte, 1000))
	fatal(t, err)
	for _, who := range []string{"eli", "gus"} {
		_, there := it.elsewhere(address).files(who, key)
		file, err := there.Create("never")
		fatal(t, err)
		_, err = file.Write(make([]byte, 3<<20))
		fatal(t, err)
	}
	if it.put(here, "more", make([]byte, 2<<20)) == nil {
		t.Error("what the other process takes is not counted here")
	}
	// A process that begins leaves both uploads alone.
	_ = it.beside()
	if it.incoming("eli") != 2 || it.incoming("gus") != 1 {
		t.Error("a live upload was removed")
	}
	fatal(t, killed.Process.Kill())
	it.eventually("the room is back", func() bool {
		held, _ := it.used("eli")
		return held == 1004 && it.incoming("eli") == 1 && it.incoming("gus") == 0
	})
	it.counted("eli")
	it.counted("gus")
	fatal(t, it.put(here, "more", make([]byte, 2<<20)))
	fatal(t, mine.Close())
	if it.on("home/eli/kept") != "kept" || len(it.on("home/eli/mine")) != 1000 || it.on("home/gus/never") != "-" {
		t.Error("a file is lost, or one is there that was never closed")
	}
	it.counted("eli")
}

func TestProcessesThatAreKilledAgainAndAgainLeaveNoRoomTakenAndLoseNoFile(t *testing.T) {
	it := started(t, func(c *Config) { c.Limits.PerPerson, c.Quota.Quota = 40, Quota{Megabytes: 8, Files: 400} })
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	text := bytes.Repeat([]byte("x"), 90_000)
	var kept sync.Map
	// Uploads, replaces and removes until its server is gone.
	busy := func(at *rig, prefix string) {
		client, files, err := at.comes("eli", key)
		if err != nil {
			return
		}
		defer client.Close()
		for round := range 1000 {
			name := fmt.Sprint(prefix, round%9)
			kept.Delete(name)
			if err := it.put(files, name, text); err == nil {
				kept.Store(name, true)
			} else if !strings.Contains(err.Error(), "quota exceeded") {
				return
			}
			if round%4 == 3 {
				kept.Delete(name)
				_ = files.Remove(name)
			}
		}
	}
	for round := range 6 {
		address := it.free()
		killed := it.process(address, nil)
		var all sync.WaitGroup
		for number := range 4 {
			all.Go(func() { busy(it.elsewhere(address), fmt.Sprintf("k%d-%d-", round, number)) })
		}
		// Somebody here all the while, in every other round: then nobody is counted anew.
		if round%2 == 0 {
			_, files := it.files("eli", key)
			for part := range 20 {
				_ = it.put(files, fmt.Sprint("here", part%3), text)
			}
		}
		time.Sleep(time.Duration(40*round) * time.Millisecond)
		fatal(t, killed.Process.Kill())
		all.Wait()
		it.eventually("what it left is gone", func() bool { return it.incoming("eli") == 0 })
		if held, files, err := it.server.store.count("eli"); err != nil || held > 8<<20 || files > 400 {
			t.Errorf("%d bytes in %d files are more than the quota (%v)", held, files, err)
		}
	}
	kept.Range(func(name, _ any) bool {
		if it.on("home/eli/"+name.(string)) != string(text) {
			t.Errorf("%s was said to be whole", name)
		}
		return true
	})
	for _, session := range it.server.sessions() {
		session.cut("all go")
	}
	it.eventually("all are out", func() bool { return len(it.server.sessions()) == 0 })
	_, _ = it.files("eli", key)
	it.counted("eli")
}
