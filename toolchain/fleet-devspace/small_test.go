package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net/netip"
	"testing"
)

func addrPort(t testing.TB, text string) netip.AddrPort {
	t.Helper()
	found, err := netip.ParseAddrPort(text)
	fatal(t, err)
	return found
}

func newKeyOf(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	fatal(t, err)
	return key
}

func encode(to io.Writer, block *pem.Block) error { return pem.Encode(to, block) }
