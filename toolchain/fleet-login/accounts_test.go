package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func read(t *testing.T, config *Config, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(config.Places.Accounts, file))
	fatal(t, err)
	return string(text)
}

// The numbers are nobody's on this machine.
func TestAccountsFollowTheDirectoryAndStayClosedWithoutIt(t *testing.T) {
	it, config := started(t, soon())
	config.Numbers["people"] = [2]int{52001, 52999}
	key := newKey(t)
	it.put("ada", 52001, false, []string{key}, "ops")
	it.put("bo", 52002, false, []string{key}, "ops")
	it.put("root", 52003, false, []string{key}, "ops")
	it.put("eve", 0, false, []string{key}, "ops")
	_, err := refresh(context.Background(), config)
	fatal(t, err)
	passwd := read(t, config, "passwd")
	if !strings.Contains(passwd, "ada:x:52001:3001:") || strings.Contains(passwd, "root:") || strings.Contains(passwd, "eve:") {
		t.Fatal(passwd)
	}
	if group := read(t, config, "group"); group != "ops:x:3002:ada,bo\npeople:x:3001:\n" {
		t.Fatal(group)
	}
	fatal(t, os.MkdirAll(config.Places.Sudo, 0o700))
	fatal(t, os.WriteFile(filepath.Join(config.Places.Sudo, "bo"), nil, 0o600))
	it.put("bo", 52002, true, []string{key}, "ops")
	_, err = refresh(context.Background(), config)
	fatal(t, err)
	if passwd := read(t, config, "passwd"); !strings.Contains(passwd, "bo:x:52002:3001::") || !strings.HasSuffix(passwd, "bo:"+noLogin+"\n") {
		t.Fatal(passwd)
	}
	if shadow := read(t, config, "shadow"); shadow != "ada:*:::::::\nbo:!*::::::1:\n" {
		t.Fatal(shadow)
	}
	if _, err := os.Stat(filepath.Join(config.Places.Sudo, "bo")); err == nil {
		t.Fatal("bo may become root again without a word")
	}
	it.set(0, status.Error(codes.Unavailable, "gone"))
	if _, err = refresh(context.Background(), config); err == nil {
		t.Fatal("it says nothing of the silence")
	}
	if group := read(t, config, "group"); group != "ops:x:3002:ada\npeople:x:3001:\n" {
		t.Fatal(group)
	}
	config.CacheMinutes, config.FreshSeconds = 0.00001, 0
	_, _ = refresh(context.Background(), config)
	if group := read(t, config, "group"); group != "ops:x:3002:\npeople:x:3001:\n" {
		t.Fatal("an answer holds for ever: " + group)
	}
}

func TestASilentDirectoryKeepsNobodyInForLongerThanTheLimit(t *testing.T) {
	it, config := started(t, soon())
	config.Numbers["people"] = [2]int{52001, 52999}
	config.CacheMinutes, config.FreshSeconds, config.DeadlineSeconds, config.RefreshSeconds = 1, 0, 2, 15
	it.put("ada", 52001, false, []string{newKey(t)}, "ops")
	found, err := refresh(context.Background(), config)
	fatal(t, err)
	store, err := openStore(config)
	fatal(t, err)
	kept := store.kept("ada")
	if wanted := kept.Asked.Add(57 * time.Second); !found.until.Equal(wanted) {
		t.Fatal(found.until, wanted)
	}
	for before, wanted := range map[time.Duration]time.Duration{
		time.Minute: 15 * time.Second, 5 * time.Second: 5 * time.Second, -time.Second: 100 * time.Millisecond,
	} {
		if got := pause(config, found, found.until.Add(-before)); got != wanted {
			t.Fatal(before, got)
		}
	}
	// The directory says nothing from here on, and what is known of her is two seconds from being too old.
	it.set(time.Minute, nil)
	kept.Asked = now().Add(-58 * time.Second)
	fatal(t, store.write(store.path("ada"), kept, true))
	began := now()
	found, err = refresh(context.Background(), config)
	if took := now().Sub(began); took > 6*time.Second {
		t.Fatal("it waited for a silent directory for ", took)
	}
	if err == nil || found.open != 0 || !found.until.IsZero() {
		t.Fatal(err, found)
	}
	if group := read(t, config, "group"); group != "ops:x:3002:\npeople:x:3001:\n" {
		t.Fatal(group)
	}
}

func TestRefreshTakesNothingOfHalfAnAnswer(t *testing.T) {
	it, config := started(t, soon())
	it.put("ada", 2001, false, []string{newKey(t)}, "ops")
	store, err := openStore(config)
	fatal(t, err)
	config.DeadlineSeconds = 0.1
	it.set(200*time.Millisecond, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := fetch(ctx, config, store, now()); err == nil {
		t.Fatal("half an answer is taken")
	}
	if store.kept("ada") != nil {
		t.Fatal("half an answer is kept")
	}
}

func TestAKeptPasswordHoldsNoLongerThanItsOwner(t *testing.T) {
	it, config := started(t, soon())
	config.DeadlineSeconds = 2
	it.put("ada", 2001, false, nil, "ops")
	it.passwords["ada"] = "right"
	try := func(password string) (bool, string) {
		return authenticate(context.Background(), config, "ada", password, now())
	}
	expect := func(wanted bool, password, part string) {
		t.Helper()
		if got, why := try(password); got != wanted || !strings.Contains(why, part) {
			t.Fatalf("%q: %v: %s", password, got, why)
		}
	}
	expect(false, "wrong", "wrong")
	expect(true, "right", "by the directory")
	it.set(0, status.Error(codes.Unavailable, "gone"))
	expect(true, "right", "by the password kept")
	expect(false, "wrong", "not the password kept")
	it.set(0, nil)
	it.put("ada", 2001, true, nil, "ops")
	expect(false, "right", "locked")
	it.set(0, status.Error(codes.Unavailable, "gone"))
	expect(false, "right", "locked")
	it.set(0, nil)
	it.put("ada", 2001, false, nil, "ops")
	it.passwords["ada"] = "newer"
	expect(false, "right", "wrong")
	expect(true, "newer", "by the directory")
	it.set(0, status.Error(codes.Unavailable, "gone"))
	config.CacheMinutes = 0.00001
	expect(false, "newer", "too old")
}

func TestSessionsToEndAreThePersonsAndWhatBecameRootInThem(t *testing.T) {
	all := map[int]process{
		10: {10, 1, []int{0, 0}}, 11: {11, 10, []int{2001, 2001}}, 12: {12, 11, []int{0, 0}}, 13: {13, 12, []int{0, 0}},
		20: {20, 1, []int{0, 0}}, 21: {21, 20, []int{2002, 2002}}, 22: {22, 21, []int{0, 0}}, 23: {23, 21, []int{2002, 2002}},
		30: {30, 1, []int{2003, 2003}},
	}
	found := doomed(all, map[int]string{2001: "ada"}, map[int]string{2002: "bo"})
	want := map[int]string{11: "ada", 12: "ada", 13: "ada", 22: "bo"}
	if len(found) != len(want) {
		t.Fatal(found)
	}
	for pid, who := range want {
		if found[pid] != who {
			t.Fatal(found)
		}
	}
}
