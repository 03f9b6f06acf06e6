package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	types "github.com/netauth/protocol"
	rpc "github.com/netauth/protocol/v2"
	"golang.org/x/crypto/ssh"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// fake is a directory of a test: it speaks the real protocol over real TLS, and does wrong what the test wants.
type fake struct {
	rpc.UnimplementedNetAuth2Server
	lock      sync.Mutex
	people    map[string]*types.Entity
	numbers   map[string]int32
	passwords map[string]string
	late      time.Duration
	err       error
	asked     int
}

func (f *fake) begin(ctx context.Context) error {
	f.lock.Lock()
	late, err := f.late, f.err
	f.asked++
	f.lock.Unlock()
	select {
	case <-time.After(late):
	case <-ctx.Done():
		return ctx.Err()
	}
	return err
}

func (f *fake) EntityInfo(ctx context.Context, r *rpc.EntityRequest) (*rpc.ListOfEntities, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	found := f.people[r.GetEntity().GetID()]
	if found == nil {
		return nil, status.Error(codes.NotFound, "no such entity")
	}
	return &rpc.ListOfEntities{Entities: []*types.Entity{found}}, nil
}

func (f *fake) EntityGroups(ctx context.Context, r *rpc.EntityRequest) (*rpc.ListOfGroups, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	said := &rpc.ListOfGroups{}
	for _, group := range f.people[r.GetEntity().GetID()].GetMeta().GetGroups() {
		said.Groups = append(said.Groups, &types.Group{Name: &group})
	}
	return said, nil
}

func (f *fake) GroupMembers(ctx context.Context, r *rpc.GroupRequest) (*rpc.ListOfEntities, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	said := &rpc.ListOfEntities{}
	for _, who := range sorted(f.people) {
		if contains(f.people[who].GetMeta().GetGroups(), r.GetGroup().GetName()) {
			said.Entities = append(said.Entities, f.people[who])
		}
	}
	return said, nil
}

func (f *fake) GroupInfo(ctx context.Context, r *rpc.GroupRequest) (*rpc.ListOfGroups, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	number, there := f.numbers[r.GetGroup().GetName()]
	if !there {
		return nil, status.Error(codes.NotFound, "no such group")
	}
	return &rpc.ListOfGroups{Groups: []*types.Group{{Name: r.GetGroup().Name, Number: &number}}}, nil
}

func (f *fake) AuthEntity(ctx context.Context, r *rpc.AuthRequest) (*rpc.Empty, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	if right := f.passwords[r.GetEntity().GetID()]; right == "" || right != r.GetSecret() {
		return nil, status.Error(codes.Unauthenticated, "no")
	}
	return &rpc.Empty{}, nil
}

// put adds a person, or replaces one.
func (f *fake) put(who string, number int, locked bool, keys []string, groups ...string) {
	typed := []string{}
	for _, key := range keys {
		typed = append(typed, "SSH:"+key)
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	f.people[who] = &types.Entity{ID: &who, Number: proto.Int32(int32(number)), Meta: &types.EntityMeta{
		Locked: &locked, Groups: groups, Keys: typed,
	}}
}

func (f *fake) set(late time.Duration, err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.late, f.err = late, err
}

// pair is a certificate with its key, by itself or by an authority.
func pair(t *testing.T, folder string, ends time.Time) (string, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	about := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "netauth"}, DNSNames: []string{"netauth.example"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends, IsCA: true, BasicConstraintsValid: true,
	}
	made, err := x509.CreateCertificate(rand.Reader, &about, &about, &key.PublicKey, key)
	fatal(t, err)
	path := filepath.Join(folder, "ca.pem")
	fatal(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), 0o600))
	return path, tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKey is a key as a person would type it.
func newKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	public, err := ssh.NewPublicKey(&key.PublicKey)
	fatal(t, err)
	return string(ssh.MarshalAuthorizedKey(public)[:len(ssh.MarshalAuthorizedKey(public))-1])
}

// started is a directory that answers, and a host of it that knows nobody yet.
func started(t *testing.T, ends time.Time) (*fake, *Config) {
	t.Helper()
	folder := t.TempDir()
	ca, own := pair(t, folder, ends)
	link, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	it := &fake{
		people: map[string]*types.Entity{}, passwords: map[string]string{},
		numbers: map[string]int32{"people": 3001, "ops": 3002},
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&own)))
	rpc.RegisterNetAuth2Server(server, it)
	go func() { _ = server.Serve(link) }()
	t.Cleanup(server.Stop)
	_, port, _ := net.SplitHostPort(link.Addr().String())
	number, _ := strconv.Atoi(port)
	config := defaults()
	config.Servers = []Server{{"netauth.example", []string{"127.0.0.1"}, number}}
	config.CA, config.LoginGroups, config.SudoGroups = ca, []string{"ops"}, []string{"ops"}
	config.Numbers = map[string][2]int{"people": {2001, 2999}, "groups": {3001, 3999}}
	config.DeadlineSeconds, config.FreshSeconds, config.Account = 0.5, 0, "nobody-of-this-name"
	own1 := func(name string) string { return filepath.Join(folder, name) }
	config.Places = Places{
		Cache: own1("cache"), Accounts: own1("accounts"), Passwords: own1("passwords"), Passwd: own1("passwd"),
		Shadow: own1("shadow"), Group: own1("group"), Keys: own1("keys"), Homes: folder, Drill: own1("drill"),
		Sudo: own1("sudo"), Sshd: own1("sshd"),
	}
	fatal(t, os.WriteFile(config.Places.Passwd, []byte("root:x:0:0::/root:/bin/sh\n"), 0o600))
	fatal(t, os.WriteFile(config.Places.Group, []byte("root:x:0:\n"), 0o600))
	fatal(t, config.check())
	return it, config
}

func soon() time.Time { return time.Now().Add(time.Hour) }

// look is one look-up, as the first call of a login.
func look(t *testing.T, config *Config, who string) Looked {
	t.Helper()
	store, err := openStore(config)
	fatal(t, err)
	lookup := &Lookup{config: config, store: store, who: who, allowed: config.LoginGroups, began: now()}
	return lookup.find(context.Background())
}

func comesIn(config *Config, looked Looked) bool {
	if looked.answer == nil {
		return false
	}
	open, _ := looked.answer.open(now(), config.limit(), config.LoginGroups)
	return open
}
