// Package repo reads what a repository says of its packages.
package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"fleet.internal/toolchain/fleet-man/archive"
)

// MostIndex is the largest repository index that is read, in bytes once unpacked.
const MostIndex = 1 << 30

// Package is one line of a repository's index.
type Package struct {
	Name, Version string
	// File is where the package lies, from the origin's folder; it never leads out of it.
	File string
	// Sum is the SHA-256 of the file, in hex; Size its bytes, -1 where the index does not say.
	Sum  string
	Size int64
}

var (
	digest  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	wording = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+_:~@-]{0,254}$`)
)

// Kinds are the forms of repositories that can be read.
var Kinds = map[string]func(origin, path, arch string) (Listing, error){"xbps": readXbps, "deb": readDeb}

// Listing is a repository's whole list, with what was wrong in it.
type Listing struct {
	Packages []Package
	// Refused are entries that could not be used, with the reason.
	Refused map[string]string
}

// Sum is the digest of the file in which the repository lists its packages, and its place.
func Sum(origin, kind, path, arch string) (string, string, error) {
	names := []string{arch + "-repodata"}
	if kind == "deb" {
		names = []string{"Packages", "Packages.xz", "Packages.gz"}
	}
	for _, name := range names {
		place := filepath.Join(origin, path, name)
		file, err := openRegular(place)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", "", err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, io.LimitReader(file, MostIndex))
		file.Close()
		return hex.EncodeToString(sum.Sum(nil)), place, err
	}
	return "", "", fmt.Errorf("%s has no %s", filepath.Join(origin, path), strings.Join(names, ", "))
}

// openRegular opens a file, and nothing that waits or answers by itself, such as a pipe or a device.
func openRegular(path string) (*os.File, error) {
	file, _, err := archive.OpenRegular(path)
	return file, err
}

// add takes an entry of an index as far as it can be one.
func (l *Listing) add(entry Package) {
	why := ""
	switch {
	case !wording.MatchString(entry.Name):
		why = "its name is none"
	case !wording.MatchString(entry.Version):
		why = "its version is none"
	case !digest.MatchString(entry.Sum):
		why = "the repository gives no SHA-256 for it"
	case !filepath.IsLocal(entry.File):
		why = "its file would lie outside the origin"
	}
	if why != "" {
		l.Refused[shown(entry.Name)] = why
		return
	}
	l.Packages = append(l.Packages, entry)
}

// shown is a name as it may stand in a log: short, and without what a terminal would obey.
func shown(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name[:min(len(name), 100)], "?"))
}
