package main

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// As Vault asks: it binds as the person and then searches for their groups.
func TestTheBridgeAnswersAsVaultAsks(t *testing.T) {
	it, config := started(t, soon())
	it.put("ada", 2001, false, nil, "ops", "people")
	it.put("bo", 2002, false, nil, "ops")
	it.passwords["ada"], it.passwords["bo"] = "right", "right"
	free, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	config.LDAP = &LDAP{Listen: free.Addr().String(), Base: "dc=fleet,dc=example"}
	free.Close()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serveLDAP(ctx, config) }()
	defer func() { stop(); <-ended }()
	var link *ldap.Conn
	for range 50 {
		if link, err = ldap.DialURL("ldap://" + config.LDAP.Listen); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	fatal(t, err)
	defer link.Close()
	entities := "ou=entities,dc=fleet,dc=example"
	ask := func(base, filter string) (*ldap.SearchResult, error) {
		return link.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, []string{"memberOf"}, nil))
	}
	if _, err := ask(entities, "(uid=ada)"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
		t.Fatalf("somebody unknown may look: %v", err)
	}
	for _, wrong := range [][2]string{{"uid=ada," + entities, "wrong"}, {"uid=ada", "right"}, {"uid=ada,ou=entities,dc=other", "right"}, {"uid=dan," + entities, "right"}} {
		if err := link.Bind(wrong[0], wrong[1]); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			t.Fatalf("%v: %v", wrong, err)
		}
	}
	if err := link.UnauthenticatedBind("uid=ada," + entities); err == nil {
		t.Fatal("an empty password opens")
	}
	fatal(t, link.Bind("uid=ada,"+entities, "right"))
	found, err := ask(entities, "(uid=ada)")
	fatal(t, err)
	if len(found.Entries) != 1 || found.Entries[0].DN != "uid=ada,"+entities ||
		!slices.Equal(found.Entries[0].GetAttributeValues("memberOf"), []string{"cn=ops,ou=groups,dc=fleet,dc=example", "cn=people,ou=groups,dc=fleet,dc=example"}) {
		t.Fatalf("%+v", found.Entries)
	}
	for _, none := range []string{"(uid=dan)", "(|(uid=ada)(uid=bo))", "(!(uid=ada))", "(uid=*)", "(objectClass=*)"} {
		if found, err := ask(entities, none); err != nil || len(found.Entries) != 0 {
			t.Errorf("%s: %v %v", none, found, err)
		}
	}
	it.put("bo", 2002, true, nil, "ops")
	if found, err := ask(entities, "(uid=bo)"); err != nil || len(found.Entries) != 0 {
		t.Fatal("somebody locked is shown")
	}
	if err := link.Bind("uid=ada,"+entities, "wrong"); err == nil {
		t.Fatal("wrong")
	}
	if _, err := ask(entities, "(uid=ada)"); err == nil {
		t.Fatal("a failed bind leaves the earlier one")
	}
}

func TestTheBridgeTakesNoPasswordsInTheClearFromANetwork(t *testing.T) {
	_, config := started(t, soon())
	for _, listen := range []string{"0.0.0.0:389", "10.77.0.1:389", "localhost:389", ":389"} {
		config.LDAP = &LDAP{Listen: listen, Base: "dc=fleet,dc=example"}
		if err := serveLDAP(context.Background(), config); err == nil {
			t.Errorf("%s: listens", listen)
		}
	}
}
