// Package extract takes the manual pages out of a repository's packages, and puts a new tree in place of the one before
// only if that is no worse.
package extract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"fleet.internal/toolchain/fleet-man/repo"
)

// Config is the configuration file. What is not said has the value of defaults.
type Config struct {
	// Origin is the folder with the packages, Tree the one for the pages; Tree may lie in Origin.
	Origin string `json:"origin"`
	Tree   string `json:"tree"`
	// Repositories are read in this order; the first is the one whose pages answer where nobody names an architecture.
	Repositories []Repository `json:"repositories"`
	Mandoc       string       `json:"mandoc"`
	// Workers is how many packages are read, and how many pages rendered, at once. 0: as many as there are processors.
	Workers int    `json:"workers"`
	Limits  Limits `json:"limits"`
	// MostGonePercent of the pages may vanish in one run, where there were at least MostGoneFrom.
	MostGonePercent int `json:"most_gone_percent"`
	MostGoneFrom    int `json:"most_gone_from"`
	// KeepHours is how long a page stays on the disk that no package has any more.
	KeepHours float64 `json:"keep_hours"`
	// SweepPercent of all pages are removed from the disk in an hour, at most.
	SweepPercent float64 `json:"sweep_percent"`
	Fresh        Fresh   `json:"fresh"`
}

// Repository is a folder below the origin with an index of its own.
type Repository struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
	Arch string `json:"arch"`
}

// Fresh are the labels of the time of the last whole run.
type Fresh struct {
	Job   string `json:"job"`
	Group string `json:"group"`
}

// Limits bound what a page, a package and a run may take.
type Limits struct {
	RunSeconds     int   `json:"run_seconds"`
	PackageSeconds int   `json:"package_seconds"`
	PackageBytes   int64 `json:"package_bytes"`
	PackageEntries int   `json:"package_entries"`
	PackagePages   int   `json:"package_pages"`
	// SourceBytes bounds the text of all pages of one package together, since it is kept in memory.
	SourceBytes int64  `json:"source_bytes"`
	PageBytes   int64  `json:"page_bytes"`
	HTMLBytes   int64  `json:"html_bytes"`
	PageSeconds int    `json:"page_seconds"`
	PageMemory  uint64 `json:"page_memory"`
}

var defaults = Config{
	Mandoc: "/usr/bin/mandoc",
	Limits: Limits{
		RunSeconds: 4 * 3600, PackageSeconds: 300, PackageBytes: 16 << 30, PackageEntries: 1_000_000, PackagePages: 50_000,
		SourceBytes: 256 << 20, PageBytes: 4 << 20, HTMLBytes: 16 << 20, PageSeconds: 10, PageMemory: 512 << 20,
	},
	MostGonePercent: 25, MostGoneFrom: 100, KeepHours: 48, SweepPercent: 5,
	Fresh: Fresh{"fleet-man", "fleet-man"},
}

var label = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Load reads a configuration, and reports all that is wrong with it together.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	made := defaults
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&made); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one value", path)
	}
	if made.Workers == 0 {
		made.Workers = runtime.NumCPU()
	}
	var wrong []error
	for _, problem := range made.problems() {
		wrong = append(wrong, fmt.Errorf("%s: %s", path, problem))
	}
	return &made, errors.Join(wrong...)
}

func (c *Config) problems() []string {
	var found []string
	refuse := func(bad bool, text string, words ...any) {
		if bad {
			found = append(found, fmt.Sprintf(text, words...))
		}
	}
	for name, folder := range map[string]string{"origin": c.Origin, "tree": c.Tree, "mandoc": c.Mandoc} {
		refuse(!filepath.IsAbs(folder), "%s: %q is no absolute path", name, folder)
	}
	refuse(c.Origin == c.Tree, "tree: the same folder as origin: give it one of its own, such as %s/man", c.Origin)
	refuse(len(c.Repositories) == 0, "repositories: none")
	seen := map[string]bool{}
	for _, it := range c.Repositories {
		refuse(repo.Kinds[it.Kind] == nil, "repositories: kind %q: it is xbps or deb", it.Kind)
		refuse(!filepath.IsLocal(it.Path), "repositories: %q leads out of the origin", it.Path)
		refuse(!label.MatchString(it.Arch), "repositories: arch %q is no name of an architecture", it.Arch)
		refuse(seen[it.Path+"\x00"+it.Arch], "repositories: %s for %s stands twice", it.Path, it.Arch)
		seen[it.Path+"\x00"+it.Arch] = true
	}
	for name, value := range map[string]int64{
		"run_seconds": int64(c.Limits.RunSeconds), "package_seconds": int64(c.Limits.PackageSeconds),
		"package_bytes": c.Limits.PackageBytes, "package_entries": int64(c.Limits.PackageEntries),
		"package_pages": int64(c.Limits.PackagePages), "source_bytes": c.Limits.SourceBytes, "page_bytes": c.Limits.PageBytes,
		"html_bytes": c.Limits.HTMLBytes, "page_seconds": int64(c.Limits.PageSeconds), "page_memory": int64(c.Limits.PageMemory),
	} {
		refuse(value <= 0, "limits.%s: must be more than 0", name)
	}
	refuse(c.Limits.HTMLBytes > 32<<20, "limits.html_bytes: readers take 32 MiB at most")
	refuse(c.Workers < 1 || c.Workers > 256, "workers: from 1 to 256")
	refuse(c.MostGonePercent < 1 || c.MostGonePercent > 100, "most_gone_percent: from 1 to 100")
	refuse(c.KeepHours < 0, "keep_hours: must not be negative")
	refuse(c.SweepPercent <= 0 || c.SweepPercent > 100, "sweep_percent: more than 0, and at most 100")
	refuse(!label.MatchString(c.Fresh.Job) || !label.MatchString(c.Fresh.Group), "fresh: job and group are names")
	return found
}

func (c *Config) keep() time.Duration { return time.Duration(c.KeepHours * float64(time.Hour)) }
