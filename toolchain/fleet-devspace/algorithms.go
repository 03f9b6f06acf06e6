package main

import (
	"crypto/rsa"
	"slices"

	"golang.org/x/crypto/ssh"
)

// The same ciphers, exchanges and codes as hostconfig/sshd.py names, as far as the library has them, and the exchange
// that is safe from later quantum computers in the form that it has.
var (
	ciphers      = []string{ssh.CipherChaCha20Poly1305, ssh.CipherAES256GCM, ssh.CipherAES256CTR}
	keyExchanges = []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519}
	macs         = []string{ssh.HMACSHA512ETM, ssh.HMACSHA256ETM, ssh.HMACSHA512, ssh.HMACSHA256}
	keyKinds     = []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	plainKinds = []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA,
	}
)

// shortestRSA is in bits.
const shortestRSA = 2048

// good says whether a public key may open anything here.
func good(key ssh.PublicKey) bool {
	if !slices.Contains(plainKinds, key.Type()) {
		return false
	}
	if wrapped, is := key.(ssh.CryptoPublicKey); is {
		if its, is := wrapped.CryptoPublicKey().(*rsa.PublicKey); is {
			return its.N.BitLen() >= shortestRSA
		}
	}
	return true
}
