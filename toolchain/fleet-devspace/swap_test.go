package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// free is an address whose port is kept for this test: bound, as the servers will have it, and never listened on.
func (r *rig) free() string {
	r.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	fatal(r, err)
	r.Cleanup(func() { _ = unix.Close(fd) })
	fatal(r, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	fatal(r, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	at, err := unix.Getsockname(fd)
	fatal(r, err)
	return fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
}

// elsewhere is the rig as seen by clients of a process.
func (r *rig) elsewhere(at string) *rig { return &rig{T: r.T, folder: r.folder, data: r.data, at: at} }

// insideNetwork is set in the process that has a network of its own, to the value of tcp_migrate_req there.
const insideNetwork = "DEVSPACE_TEST_NETWORK"

// ownNetwork runs the test again in a network of its own, where the kernel hands waiting connections over as it does on
// the fleet's machines. It returns true in there.
func ownNetwork(t *testing.T) bool {
	t.Helper()
	migrate := os.Getenv(insideNetwork)
	if migrate != "" {
		fatal(t, os.WriteFile("/proc/sys/net/ipv4/tcp_migrate_req", []byte(migrate), 0o644))
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		fatal(t, err)
		defer unix.Close(fd)
		loopback, err := unix.NewIfreq("lo")
		fatal(t, err)
		loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		fatal(t, unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, loopback))
		return true
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), insideNetwork+"="+value("DEVSPACE_MIGRATE", "1"))
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	said, err := again.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	t.Log(string(said))
	return false
}

func value(name, otherwise string) string {
	if said := os.Getenv(name); said != "" {
		return said
	}
	return otherwise
}

// DEVSPACE_SWAPS=20 DEVSPACE_MIGRATE=0 measures what is lost where the kernel hands nothing over.
func TestASwapLosesNoLoginAndNoFile(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	it := started(t, func(c *Config) {
		c.Quota.Quota, c.Limits.PerPerson, c.Limits.PerAddress = Quota{Megabytes: 512, Files: 100_000}, 100, 200
		c.Login.FreshSeconds, c.RefreshSeconds = 0.2, 0.3
	})
	swaps, err := strconv.Atoi(value("DEVSPACE_SWAPS", "3"))
	fatal(t, err)
	address := it.free()
	old := it.process(address, nil)
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	clients := it.elsewhere(address)
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var opened, uploaded, logins, lost, knocked, reset atomic.Int64
	text := bytes.Repeat([]byte("x"), 100_000)
	// Who comes in again and again, and tries nothing twice.
	for number := range 6 {
		all.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				client, files, err := clients.comes("eli", key)
				opened.Add(1)
				if err != nil {
					logins.Add(1)
					t.Logf("login: %v", err)
					continue
				}
				for part := range 3 {
					name := fmt.Sprintf("f%d-%d-%d", number, round, part)
					if err := it.put(files, name, text); err != nil || it.on("home/eli/"+name) != string(text) {
						lost.Add(1)
						t.Errorf("%s: %v", name, err)
					}
					uploaded.Add(1)
				}
				client.Close()
			}
		})
	}
	// Who only connects, and waits for the server's first words.
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				knocked.Add(1)
				if !greeted(address) {
					reset.Add(1)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range swaps {
		next := it.process(address, nil)
		before := opened.Load()
		it.eventually("people come in while both answer", func() bool { return opened.Load() >= before+12 })
		if err := old.ends(t); err != nil {
			t.Errorf("the old one: %v", err)
		}
		old = next
	}
	stop()
	all.Wait()
	t.Logf("%d swaps: %d of %d logins failed, %d of %d uploads; %d of %d connections were reset",
		swaps, logins.Load(), opened.Load(), lost.Load(), uploaded.Load(), reset.Load(), knocked.Load())
	if os.Getenv(insideNetwork) == "1" && logins.Load()+lost.Load()+reset.Load() != 0 {
		t.Error("something was lost")
	}
	it.eventually("all are out", func() bool { return it.incoming("eli") == 0 })
	it.counted("eli")
}

// greeted says whether the server at an address speaks.
func greeted(address string) bool {
	raw, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return false
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(15 * time.Second))
	words := make([]byte, 4)
	_, err = raw.Read(words)
	return err == nil && strings.HasPrefix(string(words), "SSH-")
}

func TestWhoIsInFinishesWhileAnotherAnswers(t *testing.T) {
	it := started(t, nil)
	address := it.free()
	old := it.process(address, nil)
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	client, files := it.elsewhere(address).files("eli", key)
	file, err := files.Create("long")
	fatal(t, err)
	_, err = file.Write([]byte("begun "))
	fatal(t, err)
	it.process(address, nil)
	ended := make(chan error, 1)
	go func() { ended <- old.ends(t) }()
	// What comes in from now on is the other one's.
	it.eventually("the old one listens no more", func() bool { return listeners(t, address) == 1 })
	_, again := it.elsewhere(address).files("eli", key)
	fatal(t, it.put(again, "short", []byte("short")))
	_, err = file.Write([]byte("and finished"))
	fatal(t, err)
	fatal(t, file.Close())
	fatal(t, client.Close())
	if err := <-ended; err != nil {
		t.Errorf("the old one: %v", err)
	}
	if it.on("home/eli/long") != "begun and finished" || it.on("home/eli/short") != "short" {
		t.Error("a file is not there")
	}
}

func TestADrainHasAnEnd(t *testing.T) {
	it := started(t, nil)
	address := it.free()
	// The rig's own server is the other one here.
	it.cutIn(address, it.process(address, func(c map[string]any) { c["drain_seconds"] = 0.5 }))
	it.counted("eli")
}

func TestAloneAServerEndsAtOnce(t *testing.T) {
	it := started(t, nil)
	address := it.free()
	alone := it.elsewhere(address)
	alone.data = t.TempDir()
	alone.server = it.server
	alone.cutIn(address, it.process(address, func(c map[string]any) { c["drain_seconds"], c["data"] = 600, alone.data }))
}

func TestTheLastThatAnswersEndsAtOnce(t *testing.T) {
	it := started(t, nil)
	address := it.free()
	alone := it.elsewhere(address)
	alone.data, alone.server = t.TempDir(), it.server
	change := func(c map[string]any) { c["drain_seconds"], c["data"] = 600, alone.data }
	first := it.process(address, change)
	key := newSigner(t)
	it.allow("gus", key.PublicKey())
	client, _ := alone.files("gus", key)
	last := it.process(address, change)
	fatal(t, first.Process.Signal(syscall.SIGTERM))
	it.eventually("the first listens no more", func() bool { return listeners(t, address) == 1 })
	// Both are there, and one of them answers.
	alone.cutIn(address, last)
	fatal(t, client.Close())
	if err := <-first.ended; err != nil {
		t.Error(err)
	}
}

// cutIn has somebody in the middle of an upload at a process that is told to end.
func (r *rig) cutIn(address string, by *process) {
	r.Helper()
	key := newSigner(r)
	r.allow("eli", key.PublicKey())
	_, files := r.elsewhere(address).files("eli", key)
	file, err := files.Create("never")
	fatal(r, err)
	_, err = file.Write([]byte("x"))
	fatal(r, err)
	if err := by.ends(r.T); err != nil {
		r.Error(err)
	}
	if r.on("home/eli/never") != "-" || r.incoming("eli") != 0 {
		r.Error("an upload that was cut has its name, or is left")
	}
}

// listeners is how many sockets listen at an address.
func listeners(t *testing.T, address string) int {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	fatal(t, err)
	number, err := strconv.Atoi(port)
	fatal(t, err)
	if host != "127.0.0.1" {
		t.Fatal(host)
	}
	text, err := os.ReadFile("/proc/net/tcp")
	fatal(t, err)
	return strings.Count(string(text), fmt.Sprintf(" 0100007F:%04X 00000000:0000 0A ", number))
}
