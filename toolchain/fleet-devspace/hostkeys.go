package main

import (
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"
)

// hostKeys reads the keys by which clients know the server. A file that others can read is refused, as sshd does: a
// copied host key makes a copied server.
func hostKeys(paths []string) ([]ssh.Signer, error) {
	var found []ssh.Signer
	kinds := map[string]string{}
	for _, path := range paths {
		about, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("host key: %w", err)
		}
		if about.Mode().Perm()&0o077 != 0 {
			return nil, fmt.Errorf("host key %s: mode %04o lets others read it; make it 0600", path, about.Mode().Perm())
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("host key: %w", err)
		}
		signer, err := ssh.ParsePrivateKey(text)
		if err != nil {
			// The error of a key that does not parse names no part of it.
			return nil, fmt.Errorf("host key %s: %w; `ssh-keygen -t ed25519 -N '' -f FILE` makes one", path, err)
		}
		kind := signer.PublicKey().Type()
		if other, twice := kinds[kind]; twice {
			return nil, fmt.Errorf("host key %s: is of the kind %s, as %s is; name one of each kind", path, kind, other)
		}
		kinds[kind] = path
		found = append(found, signer)
	}
	return found, nil
}
