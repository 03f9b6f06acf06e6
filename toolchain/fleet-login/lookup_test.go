package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAKnownPersonComesInWhateverTheDirectoryDoesAndOneWhoIsClosedDoesNot(t *testing.T) {
	it, config := started(t, soon())
	key := newKey(t)
	it.put("ada", 2001, false, []string{key}, "ops")
	it.put("bo", 2002, false, []string{key}, "ops")
	it.put("cy", 2003, false, []string{key}, "ops")
	for _, who := range []string{"ada", "bo", "cy"} {
		if !comesIn(config, look(t, config, who)) {
			t.Fatalf("%s does not come in", who)
		}
	}
	it.put("bo", 2002, true, []string{key}, "ops")
	it.put("cy", 2003, false, []string{key}, "people")
	if comesIn(config, look(t, config, "bo")) || comesIn(config, look(t, config, "cy")) {
		t.Fatal("somebody who is closed comes in")
	}
	for name, fault := range map[string]error{
		"broken": status.Error(codes.Internal, "broken"), "other": errors.New("what?"), "denied": status.Error(codes.PermissionDenied, "no"),
	} {
		it.set(0, fault)
		if !comesIn(config, look(t, config, "ada")) {
			t.Errorf("%s: ada does not come in", name)
		}
		if comesIn(config, look(t, config, "bo")) || comesIn(config, look(t, config, "cy")) || comesIn(config, look(t, config, "dan")) {
			t.Errorf("%s: somebody comes in who must not", name)
		}
	}
}

func TestASlowDirectoryCostsItsDeadlineOnceALogin(t *testing.T) {
	it, config := started(t, soon())
	it.set(5*time.Second, nil)
	store, err := openStore(config)
	fatal(t, err)
	began := now()
	for range 4 {
		lookup := &Lookup{config: config, store: store, who: "ada", allowed: config.LoginGroups, attempt: attemptID(os.Getppid()), began: now()}
		if looked := lookup.find(context.Background()); looked.answer != nil {
			t.Fatal("an answer from nowhere")
		}
	}
	if took := now().Sub(began); took > 2*config.deadline() {
		t.Fatalf("four calls of one login took %v, the deadline is %v", took, config.deadline())
	}
}

func TestWhoeverIsClosedInTheMiddleOfALoginIsClosedForTheRestOfIt(t *testing.T) {
	it, config := started(t, soon())
	it.put("ada", 2001, false, []string{newKey(t)}, "ops")
	store, err := openStore(config)
	fatal(t, err)
	call := func() Looked {
		lookup := &Lookup{config: config, store: store, who: "ada", allowed: config.LoginGroups, attempt: "1-2", began: now()}
		return lookup.find(context.Background())
	}
	if looked := call(); !comesIn(config, looked) || looked.from != "the directory" {
		t.Fatal(looked.from)
	}
	if looked := call(); !comesIn(config, looked) || looked.from != "this login's first call" {
		t.Fatal(looked.from)
	}
	fatal(t, store.keep(Kept{Person: Person{Name: "ada", Number: 2001, Locked: true}, Asked: now()}))
	if comesIn(config, call()) {
		t.Fatal("comes in by what the first call had heard")
	}
}

func TestAnAnswerDoesNotHoldForLongerThanItsLimit(t *testing.T) {
	it, config := started(t, soon())
	it.put("ada", 2001, false, []string{newKey(t)}, "ops")
	look(t, config, "ada")
	it.set(0, status.Error(codes.Unavailable, "gone"))
	store, err := openStore(config)
	fatal(t, err)
	kept := store.kept("ada")
	for age, holds := range map[time.Duration]bool{14 * time.Minute: true, 16 * time.Minute: false, -time.Hour: false} {
		old := *kept
		old.Asked = now().Add(-age)
		fatal(t, store.write(store.path("ada"), old, false))
		if comesIn(config, look(t, config, "ada")) != holds {
			t.Errorf("an answer of %v ago: holds is not %v", age, holds)
		}
	}
}

func TestASlowAnswerDoesNotOpenWhatAQuickOneClosed(t *testing.T) {
	_, config := started(t, soon())
	store, err := openStore(config)
	fatal(t, err)
	early, late := now().Add(-time.Second), now()
	open := Kept{Person: Person{Name: "ada", Number: 2001, Groups: []string{"ops"}}, Asked: early}
	closed := Kept{Person: Person{Name: "ada", Number: 2001, Locked: true}, Asked: late}
	fatal(t, store.keep(open))
	fatal(t, store.keep(closed))
	fatal(t, store.keep(open))
	if !store.kept("ada").Locked {
		t.Fatal("it is open again")
	}
}

func TestProbingForNamesLeavesNothingBehind(t *testing.T) {
	_, config := started(t, soon())
	for number := range 20 {
		look(t, config, fmt.Sprintf("guess%d", number))
	}
	store, err := openStore(config)
	fatal(t, err)
	known, err := store.everybody()
	fatal(t, err)
	if len(known) != 0 {
		t.Fatalf("%d are remembered", len(known))
	}
}

func TestAnExpiredCertificateIsNoAnswer(t *testing.T) {
	it, config := started(t, time.Now().Add(-time.Hour))
	it.put("ada", 2001, false, []string{newKey(t)}, "ops")
	if looked := look(t, config, "ada"); looked.answer != nil || !strings.Contains(looked.from, "expired") {
		t.Fatal(looked.from)
	}
}

func TestOnePersonsKeyIsTheirsToRemoveAndManyLostAreADamage(t *testing.T) {
	it, config := started(t, soon())
	keys := map[string][]string{}
	for number := range 8 {
		who := fmt.Sprintf("p%d", number)
		keys[who] = []string{newKey(t), newKey(t)}
		it.put(who, 2001+number, false, keys[who], "ops")
		look(t, config, who)
	}
	it.put("p0", 2001, false, keys["p0"][:1], "ops")
	if looked := look(t, config, "p0"); len(looked.answer.Keys) != 1 {
		t.Fatal("the key that its owner removed still opens")
	}
	for number := range 8 {
		who := fmt.Sprintf("p%d", number)
		it.put(who, 2001+number, number == 7, keys[who][1:], "ops")
	}
	looked := look(t, config, "p3")
	if len(looked.answer.Keys) != 2 || !looked.answer.Doubted {
		t.Fatalf("%d keys are left of two", len(looked.answer.Keys))
	}
	if comesIn(config, look(t, config, "p7")) {
		t.Fatal("damage opens the door to somebody who is locked")
	}
	store, _ := openStore(config)
	before := store.kept("p3").Asked
	time.Sleep(10 * time.Millisecond)
	look(t, config, "p3")
	if !store.kept("p3").Asked.Equal(before) {
		t.Fatal("a doubted answer grows younger")
	}
}

func TestKeysWithOptionsAndOtherThingsAreNone(t *testing.T) {
	good := newKey(t)
	if line, ok := keyLine(good+" someone@somewhere", "ada"); !ok || line != good+" ada" {
		t.Fatal(line)
	}
	for _, text := range []string{
		`command="/bin/sh" ` + good, "cert-authority " + good, good + "\n" + good, "", "ssh-ed25519 AAAA", "# " + good,
	} {
		if line, ok := keyLine(text, "ada"); ok {
			t.Errorf("%q gives %q", text, line)
		}
	}
}
