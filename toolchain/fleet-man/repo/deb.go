package repo

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"fleet.internal/toolchain/fleet-man/archive"
)

// readDeb reads `Packages`, packed or not: a paragraph for each package. Of several versions the newest counts.
func readDeb(origin, path, arch string) (Listing, error) {
	found := Listing{Refused: map[string]string{}}
	_, place, err := Sum(origin, "deb", path, arch)
	if err != nil {
		return found, err
	}
	file, err := openRegular(place)
	if err != nil {
		return found, err
	}
	defer file.Close()
	plain := io.NopCloser(io.Reader(file))
	if filepath.Ext(place) != "" {
		if plain, err = archive.Unpack(file, archive.Window); err != nil {
			return found, fmt.Errorf("%s: %w", place, err)
		}
		defer plain.Close()
	}
	newest := map[string]Package{}
	keep := func(fields map[string]string) {
		if len(fields) == 0 || (fields["Architecture"] != arch && fields["Architecture"] != "all") {
			return
		}
		made := Package{Name: fields["Package"], Version: fields["Version"], Sum: fields["SHA256"], Size: -1}
		if size, err := strconv.ParseInt(fields["Size"], 10, 64); err == nil {
			made.Size = size
		}
		if name := fields["Filename"]; filepath.IsLocal(name) {
			made.File = filepath.Join(root(origin, path, name), name)
		}
		old, twice := newest[made.Name]
		if !twice || newer(made.Version, old.Version) {
			newest[made.Name] = made
		}
	}
	lines := bufio.NewScanner(io.LimitReader(plain, MostIndex))
	lines.Buffer(make([]byte, 1<<16), 16<<20)
	fields := map[string]string{}
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			keep(fields)
			clear(fields)
			continue
		}
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "Package", "Version", "Architecture", "Filename", "SHA256", "Size":
			fields[key] = strings.TrimSpace(value)
		}
	}
	keep(fields)
	if err := lines.Err(); err != nil {
		return found, fmt.Errorf("%s: %w", place, err)
	}
	for _, made := range newest {
		found.add(made)
	}
	return found, nil
}

// root is the folder that names of files count from: that of a flat repository, or the one above its `dists`.
func root(origin, path, name string) string {
	if before, _, ok := strings.Cut("/"+path+"/", "/dists/"); ok && !strings.HasPrefix(name, "./") {
		return strings.TrimPrefix(before, "/")
	}
	return path
}

// newer compares versions as Debian does: epoch, then upstream and revision, digits as numbers and ~ before the end.
func newer(one, other string) bool {
	a, b := versionParts(one), versionParts(other)
	for i := range a {
		if order := compare(a[i], b[i]); order != 0 {
			return order > 0
		}
	}
	return false
}

func versionParts(version string) [3]string {
	epoch, rest, ok := strings.Cut(version, ":")
	if !ok {
		epoch, rest = "0", version
	}
	upstream, revision := rest, "0"
	if at := strings.LastIndexByte(rest, '-'); at >= 0 {
		upstream, revision = rest[:at], rest[at+1:]
	}
	return [3]string{epoch, upstream, revision}
}

func compare(a, b string) int {
	for a != "" || b != "" {
		for (a != "" && !isDigit(a[0])) || (b != "" && !isDigit(b[0])) {
			if x, y := weight(a), weight(b); x != y {
				return x - y
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		x, y := digits(&a), digits(&b)
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if order := strings.Compare(x, y); order != 0 {
			return order
		}
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func weight(text string) int {
	switch {
	case text == "" || isDigit(text[0]):
		return 0
	case text[0] == '~':
		return -1
	case 'A' <= text[0] && text[0] <= 'Z' || 'a' <= text[0] && text[0] <= 'z':
		return int(text[0])
	}
	return int(text[0]) + 256
}

// digits takes the number at the beginning of a text, without its leading zeros.
func digits(text *string) string {
	end := 0
	for end < len(*text) && isDigit((*text)[end]) {
		end++
	}
	found := strings.TrimLeft((*text)[:end], "0")
	*text = (*text)[end:]
	return found
}
