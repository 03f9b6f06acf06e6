package main

import (
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"
)

// keyLine is a line for sshd made of a key that somebody typed: the key and its owner's name, and nothing else. What
// sshd calls options (a command, a certificate authority) is refused with its key: the directory gives people no such.
func keyLine(text, who string) (string, bool) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 || len(strings.TrimSpace(string(rest))) > 0 {
		return "", false
	}
	if _, certificate := key.(*ssh.Certificate); certificate {
		return "", false
	}
	return key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()) + " " + who, true
}
