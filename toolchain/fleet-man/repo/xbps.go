package repo

import (
	"archive/tar"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"fleet.internal/toolchain/fleet-man/archive"
)

// readXbps reads `<arch>-repodata`: an archive whose index.plist says each package in a dictionary of its own.
func readXbps(origin, path, arch string) (Listing, error) {
	place := filepath.Join(origin, path, arch+"-repodata")
	file, err := openRegular(place)
	if err != nil {
		return Listing{}, err
	}
	defer file.Close()
	plain, err := archive.Unpack(file, archive.Window)
	if err != nil {
		return Listing{}, fmt.Errorf("%s: %w", place, err)
	}
	defer plain.Close()
	reader := tar.NewReader(io.LimitReader(plain, MostIndex))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return Listing{}, fmt.Errorf("%s: no index.plist in it", place)
		}
		if err != nil {
			return Listing{}, fmt.Errorf("%s: %w", place, err)
		}
		if strings.TrimPrefix(header.Name, "./") == "index.plist" {
			found, err := plist(reader, path)
			if err != nil {
				return Listing{}, fmt.Errorf("%s: index.plist: %w", place, err)
			}
			return found, nil
		}
	}
}

// plist reads the dictionary of packages, entry by entry: as a whole it would take several times its size.
func plist(text io.Reader, path string) (Listing, error) {
	found := Listing{Refused: map[string]string{}}
	decoder := xml.NewDecoder(text)
	depth, keys, value := 0, [3]string{}, ""
	var entry map[string]string
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			if depth != 0 {
				return found, errors.New("it ends in the middle")
			}
			return found, nil
		}
		if err != nil {
			return found, err
		}
		switch it := token.(type) {
		case xml.StartElement:
			value = ""
			if it.Name.Local == "dict" {
				depth++
				if depth == 2 {
					entry = map[string]string{}
				}
			}
		case xml.CharData:
			if len(value) < 4096 {
				value += string(it)
			}
		case xml.EndElement:
			switch it.Name.Local {
			case "key":
				if depth < len(keys) {
					keys[depth] = value
				}
			case "string", "integer":
				if depth == 2 {
					entry[keys[2]] = value
				}
			case "dict":
				depth--
				if depth == 1 {
					found.add(packageOf(keys[1], entry, path))
				}
			}
			value = ""
		}
	}
}

func packageOf(name string, entry map[string]string, path string) Package {
	pkgver := entry["pkgver"]
	made := Package{Name: name, Sum: entry["filename-sha256"], Size: -1}
	if version, ok := strings.CutPrefix(pkgver, name+"-"); ok {
		made.Version = version
	}
	if size, err := strconv.ParseInt(entry["filename-size"], 0, 64); err == nil {
		made.Size = size
	}
	file := pkgver + "." + entry["architecture"] + ".xbps"
	if !strings.ContainsAny(file, "/\x00") {
		made.File = filepath.Join(path, file)
	}
	return made
}
