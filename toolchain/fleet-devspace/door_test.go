package main

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestWhoHasAKeyComesInAndNobodyElse(t *testing.T) {
	it := started(t, nil)
	right, wrong := newSigner(t), newSigner(t)
	it.allow("eli", right.PublicKey())
	it.allow("gus", wrong.PublicKey())
	for _, one := range []struct {
		who string
		key ssh.Signer
		in  bool
	}{
		{"eli", right, true}, {"eli", wrong, false}, {"gus", right, false}, {"nobody", right, false}, {"ELI", right, false},
		{"Eli", right, false}, {"root", right, false}, {"../eli", right, false}, {"-v", right, false}, {"", right, false}, {"eli", right, true},
	} {
		client, err := it.dial(one.who, one.key)
		if (err == nil) != one.in {
			t.Errorf("%q comes in: %v (%v)", one.who, err == nil, err)
		}
		if err == nil {
			client.Close()
		}
	}
	asked := it.on("../asked")
	if strings.Contains(asked, "..") || strings.Contains(asked, "-v") || strings.Contains(asked, "E") {
		t.Errorf("a name that is none reached the look-up: %q", asked)
	}
}

func TestASecondLoginAsksAgain(t *testing.T) {
	it := started(t, nil)
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	client, err := it.dial("eli", key)
	fatal(t, err)
	client.Close()
	it.allow("eli")
	if client, err := it.dial("eli", key); err == nil {
		client.Close()
		t.Fatal("comes in by what the first login had heard")
	}
}

func TestALookUpThatFailsOrIsSilentOpensNothing(t *testing.T) {
	it := started(t, func(c *Config) { c.Login.DeadlineSeconds = 0.5 })
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	for _, fault := range []string{"broken", "silent"} {
		fatal(t, os.WriteFile(filepath.Join(it.folder, fault), nil, 0o600))
		began := time.Now()
		if client, err := it.dial("eli", key); err == nil {
			client.Close()
			t.Fatalf("%s: comes in", fault)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Fatalf("%s: took %v", fault, took)
		}
		fatal(t, os.Remove(filepath.Join(it.folder, fault)))
	}
	client, err := it.dial("eli", key)
	fatal(t, err)
	client.Close()
}

func TestKeysWithOptionsCertificatesAndShortOnesOpenNothing(t *testing.T) {
	good := newSigner(t)
	line := string(ssh.MarshalAuthorizedKey(good.PublicKey()))
	certificate := &ssh.Certificate{Key: good.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	fatal(t, certificate.SignCert(rand.Reader, newSigner(t)))
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	fatal(t, err)
	shortKey, err := ssh.NewPublicKey(&short.PublicKey)
	fatal(t, err)
	for _, text := range []string{
		`command="/bin/sh" ` + line, "restrict " + line, "cert-authority " + line, string(ssh.MarshalAuthorizedKey(certificate)),
		string(ssh.MarshalAuthorizedKey(shortKey)), "# " + line, "ssh-ed25519 AAAA", "",
	} {
		if found := keysOf([]byte(text)); len(found) != 0 {
			t.Errorf("%.60q opens something", text)
		}
	}
	if found := keysOf([]byte("\n# words\n" + line)); len(found) != 1 {
		t.Error("a plain key opens nothing")
	}
}

func TestAllButTheOneSubsystemIsRefused(t *testing.T) {
	it := started(t, nil)
	client, _ := it.person("eli")
	try := func(kind string, payload any) bool {
		channel, requests, err := client.OpenChannel("session", nil)
		fatal(t, err)
		defer channel.Close()
		go ssh.DiscardRequests(requests)
		granted, err := channel.SendRequest(kind, true, ssh.Marshal(payload))
		return err == nil && granted
	}
	text := struct{ Text string }{"id"}
	for kind, payload := range map[string]any{
		"shell": struct{ Nothing string }{}, "exec": text, "env": struct{ Name, Value string }{"LANG", "C"},
		"pty-req": struct {
			Term       string
			A, B, C, D uint32
			Modes      string
		}{"xterm", 80, 24, 0, 0, ""},
		"x11-req": struct {
			Single      bool
			Proto, Auth string
			Screen      uint32
		}{false, "MIT-MAGIC-COOKIE-1", "00", 0},
		"auth-agent-req@openssh.com": struct{ Nothing string }{}, "signal": struct{ Name string }{"HUP"},
	} {
		if try(kind, payload) {
			t.Errorf("%s is granted", kind)
		}
	}
	for _, subsystem := range []string{"netconf", "sftp ", "SFTP", "/usr/lib/sftp-server", ""} {
		if try("subsystem", struct{ Name string }{subsystem}) {
			t.Errorf("the subsystem %q is granted", subsystem)
		}
	}
	if !try("subsystem", struct{ Name string }{"sftp"}) {
		t.Error("the subsystem sftp is refused")
	}
	for _, kind := range []string{"direct-tcpip", "direct-streamlocal@openssh.com", "forwarded-tcpip", "tun@openssh.com", "x11", "auth-agent@openssh.com"} {
		payload := ssh.Marshal(struct {
			Host       string
			Port       uint32
			Origin     string
			OriginPort uint32
		}{"127.0.0.1", 80, "127.0.0.1", 1})
		if channel, _, err := client.OpenChannel(kind, payload); err == nil {
			channel.Close()
			t.Errorf("the channel %s opens", kind)
		}
	}
	for _, kind := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "keepalive@openssh.com"} {
		if granted, _, err := client.SendRequest(kind, true, ssh.Marshal(struct {
			Host string
			Port uint32
		}{"127.0.0.1", 0})); err != nil || granted {
			t.Errorf("%s: granted %v, %v", kind, granted, err)
		}
	}
}

func TestAClientThatIsDoneHearsAnExitStatus(t *testing.T) {
	it := started(t, nil)
	client, _ := it.person("eli")
	channel, requests, err := client.OpenChannel("session", nil)
	fatal(t, err)
	granted, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err != nil || !granted {
		t.Fatal(granted, err)
	}
	fatal(t, channel.CloseWrite())
	for request := range requests {
		if request.Type == "exit-status" {
			return
		}
	}
	t.Error("the channel ends without one, which scp takes for a failure")
}

func TestWhoeverMayNoLongerComeInIsCutInTheMiddle(t *testing.T) {
	it := started(t, nil)
	client, files := it.person("eli")
	other := newSigner(t)
	it.allow("gus", other.PublicKey())
	stays, theirs := it.files("gus", other)
	fatal(t, it.put(files, "kept", []byte("old")))
	file, err := files.Create("kept")
	fatal(t, err)
	_, err = file.Write([]byte("half"))
	fatal(t, err)
	it.allow("eli", newSigner(t).PublicKey())
	ended := make(chan struct{})
	go func() { _ = client.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("still in after their key was replaced")
	}
	it.eventually("nothing is left of the upload", func() bool { return it.incoming("eli") == 0 })
	if text := it.on("home/eli/kept"); text != "old" {
		t.Fatalf("the file became %q", text)
	}
	fatal(t, it.put(theirs, "mine", []byte("whole")))
	stays.Close()
	// A directory that says nothing proves nothing, for a while.
	_, files = it.person("eli")
	fatal(t, os.WriteFile(filepath.Join(it.folder, "broken"), nil, 0o600))
	time.Sleep(700 * time.Millisecond)
	fatal(t, it.put(files, "during", []byte("x")))
	it.eventually("who is never confirmed is cut", func() bool { _, err := files.Getwd(); return err != nil })
}

func TestConnectionsAreCounted(t *testing.T) {
	it := started(t, func(c *Config) { c.Limits.PerAddress, c.Limits.PerPerson, c.GraceSeconds = 6, 2, 1 })
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	for range 2 {
		it.files("eli", key)
	}
	if client, err := it.dial("eli", key); err == nil {
		if _, _, err := client.OpenChannel("session", nil); err == nil {
			t.Error("a third connection of one person serves")
		}
		client.Close()
	}
	var silent []net.Conn
	for range 8 {
		one, err := net.Dial("tcp", it.at)
		fatal(t, err)
		silent = append(silent, one)
	}
	it.eventually("the address is full", func() bool { all, _, _ := it.server.doors.inside(); return all == 6 })
	it.eventually("who says nothing is gone after the grace", func() bool { all, waiting, _ := it.server.doors.inside(); return all == 2 && waiting == 0 })
	for _, one := range silent {
		one.Close()
	}
	answer := httptest.NewRecorder()
	it.server.web().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{`devspace_refused_total{reason="per_address"} `, `devspace_refused_total{reason="per_person"} 1`, "devspace_connections 2", "devspace_people_connected 1"} {
		if !strings.Contains(answer.Body.String(), line) {
			t.Errorf("no %q in %s", line, answer.Body.String())
		}
	}
	if strings.Contains(answer.Body.String(), "eli") {
		t.Error("metrics name somebody")
	}
	answer = httptest.NewRecorder()
	it.server.web().ServeHTTP(answer, httptest.NewRequest("GET", "/-/healthy", nil))
	if answer.Code != 200 {
		t.Errorf("healthy: %d %s", answer.Code, answer.Body.String())
	}
}

func TestAddressesOfOneIPv6NetworkAreOnePlace(t *testing.T) {
	at := func(text string) net.Addr { return net.TCPAddrFromAddrPort(addrPort(t, text)) }
	if place(at("[2001:db8::1]:22")) != place(at("[2001:db8::ffff:2]:99")) || place(at("[2001:db8::1]:22")) == place(at("[2001:db8:0:1::1]:22")) {
		t.Error("IPv6")
	}
	if place(at("192.0.2.1:22")) != place(at("[::ffff:192.0.2.1]:22")) || place(at("192.0.2.1:22")) == place(at("192.0.2.2:22")) {
		t.Error("IPv4")
	}
}
