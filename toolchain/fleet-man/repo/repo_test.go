package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewer(t *testing.T) {
	// Each is newer than the one before.
	order := []string{"1.0~rc1", "1.0", "1.0-1", "1.0-1+b1", "1.0a", "1.0+1", "1.0.1", "1.2", "1.10", "2.0~~", "2.0~", "2.0", "1:0.1", "2:0"}
	for i, one := range order {
		for j, other := range order {
			if newer(one, other) != (i > j) {
				t.Errorf("%s newer than %s: %v", one, other, i <= j)
			}
		}
	}
	if newer("1.0", "1.00") || newer("0:1", "1") {
		t.Error("leading zeros and an epoch of nothing count")
	}
}

func TestDebTakesTheNewestOfItsArchitecture(t *testing.T) {
	folder := t.TempDir()
	sum := strings.Repeat("a", 64)
	paragraph := func(name, version, arch, file string) string {
		return "Package: " + name + "\nVersion: " + version + "\nArchitecture: " + arch + "\nFilename: " + file + "\nSize: 5\nSHA256: " + sum +
			"\nDescription: x\n Package: y\n\n"
	}
	text := paragraph("a", "1.9", "amd64", "./a9.deb") + paragraph("a", "1.10", "all", "./a10.deb") + paragraph("b", "1", "arm64", "./b.deb") +
		paragraph("c", "1", "amd64", "../../etc/passwd") + paragraph("d\x1b[1m", "1", "amd64", "./d.deb")
	if err := os.WriteFile(filepath.Join(folder, "Packages"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := readDeb(folder, ".", "amd64")
	if err != nil || len(found.Packages) != 1 || found.Packages[0].Version != "1.10" || found.Packages[0].File != "a10.deb" {
		t.Errorf("%+v, %v", found.Packages, err)
	}
	if len(found.Refused) != 2 || found.Refused["c"] == "" || found.Refused["d?[1m"] == "" {
		t.Errorf("%v", found.Refused)
	}
}

func TestSumIsOfARegularFileAlone(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "Packages"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Sum(folder, "deb", ".", "amd64"); err == nil {
		t.Error("a folder is no index")
	}
}
