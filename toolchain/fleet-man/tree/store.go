package tree

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

const (
	// PointerName is the one file that changes its content. It is not called "current", as a folder of packages often
	// is: mirrors hold back files by their bare name, and would hold back that folder.
	PointerName = "man-current"
	// MostIndex is the largest index that a reader takes, in bytes of JSON.
	MostIndex = 1 << 30
	// MostPage is the largest rendered page, in bytes.
	MostPage = 32 << 20
)

var (
	blobName  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	indexName = regexp.MustCompile(`^index-[0-9a-f]{64}\.json\.zst$`)
)

// Pointer names the index that counts, and says when all of it was last known to be true.
type Pointer struct {
	Index string `json:"index"`
	// At is the Unix time of the last whole run, also of one that found nothing to change.
	At int64 `json:"at"`
	// Job and Group are the labels under which the freshness is known to the monitoring.
	Job   string `json:"job"`
	Group string `json:"group"`
}

// ErrNone is returned where there is no tree yet.
var ErrNone = errors.New("there is no tree of pages yet")

// Store is a folder with a tree.
type Store struct{ Folder string }

// BlobPath is the place of a rendered page. The digest must be one: anything else is an error of the program.
func (s Store) BlobPath(blob string) string {
	if !blobName.MatchString(blob) {
		panic("no digest: " + blob)
	}
	return filepath.Join(s.Folder, "pages", blob[:2], blob+".gz")
}

// ReadPointer reads which index counts.
func (s Store) ReadPointer() (Pointer, error) {
	var found Pointer
	text, err := os.ReadFile(filepath.Join(s.Folder, PointerName))
	if errors.Is(err, os.ErrNotExist) {
		return found, ErrNone
	}
	if err != nil {
		return found, err
	}
	if err := json.Unmarshal(text, &found); err != nil || !indexName.MatchString(found.Index) {
		return found, fmt.Errorf("%s: not a pointer to an index", filepath.Join(s.Folder, PointerName))
	}
	return found, nil
}

// ReadIndex reads an index, and holds it against the digest in its name.
func (s Store) ReadIndex(name string) (*Index, error) {
	if !indexName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name of an index", name)
	}
	packed, err := os.ReadFile(filepath.Join(s.Folder, name))
	if err != nil {
		return nil, err
	}
	reader, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MostIndex))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	text, err := io.ReadAll(io.LimitReader(reader, MostIndex))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.Sum256(text)
	if name != "index-"+hex.EncodeToString(sum[:])+".json.zst" {
		return nil, fmt.Errorf("%s: its content is another than its name says", name)
	}
	found := &Index{}
	if err := json.Unmarshal(text, found); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if found.Format != Format {
		return nil, fmt.Errorf("%s: form %d, and this program reads %d", name, found.Format, Format)
	}
	return found, s.sound(found, name)
}

// sound refuses an index whose digests are none: they become names of files.
func (s Store) sound(index *Index, name string) error {
	for _, pack := range index.Packages {
		if pack.Repository < 0 || pack.Repository >= len(index.Repositories) {
			return fmt.Errorf("%s: package %s is of no repository", name, pack.Name)
		}
		for i := range pack.Pages {
			if blob := pack.Pages[i].Blob; blob != "" && !blobName.MatchString(blob) {
				return fmt.Errorf("%s: a page of %s has no digest", name, pack.Name)
			}
		}
	}
	return nil
}

// WriteIndex writes an index under its digest, and returns the name.
func (s Store) WriteIndex(index *Index) (string, error) {
	text, err := json.Marshal(index)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	name := "index-" + hex.EncodeToString(sum[:]) + ".json.zst"
	if _, err := os.Stat(filepath.Join(s.Folder, name)); err == nil {
		return name, nil
	}
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", err
	}
	return name, s.write(filepath.Join(s.Folder, name), writer.EncodeAll(text, nil))
}

// WritePointer makes an index the one that counts. Everything before it is on the disk when it is seen.
func (s Store) WritePointer(pointer Pointer) error {
	text, err := json.Marshal(pointer)
	if err != nil {
		return err
	}
	if err := s.Sync(); err != nil {
		return err
	}
	if err := s.write(filepath.Join(s.Folder, PointerName), append(text, '\n')); err != nil {
		return err
	}
	return s.Sync()
}

// WriteFresh writes the time of the last whole run as a metric, as pulls of the mirrors do.
func (s Store) WriteFresh(pointer Pointer) error {
	line := fmt.Sprintf("fleet_fresh_timestamp_seconds{job_name=%q,group=%q} %d\n", pointer.Job, pointer.Group, pointer.At)
	return s.write(filepath.Join(s.Folder, "fresh.prom"), []byte(line))
}

var squeezers = sync.Pool{New: func() any {
	writer, _ := gzip.NewWriterLevel(io.Discard, gzip.DefaultCompression)
	return writer
}}

// WriteBlob stores a rendered page, and returns its digest. One that is there is not written again.
func (s Store) WriteBlob(text []byte) (string, error) {
	sum := sha256.Sum256(text)
	blob := hex.EncodeToString(sum[:])
	path := s.BlobPath(blob)
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		return blob, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	var packed bytes.Buffer
	writer := squeezers.Get().(*gzip.Writer)
	defer squeezers.Put(writer)
	writer.Reset(&packed)
	if _, err := writer.Write(text); err != nil {
		return "", err
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	return blob, s.write(path, packed.Bytes())
}

// ReadBlob reads a rendered page, and holds it against its digest.
func (s Store) ReadBlob(blob string) ([]byte, error) {
	packed, err := os.Open(s.BlobPath(blob))
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	reader, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", blob, err)
	}
	text, err := io.ReadAll(io.LimitReader(reader, MostPage))
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", blob, err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != blob {
		return nil, fmt.Errorf("page %s: its content is another than its name says", blob)
	}
	return text, nil
}

// Missing returns one page of the index whose file is not here; empty if all are.
func (s Store) Missing(index *Index) string {
	here := make(map[string]bool)
	for _, path := range s.blobs() {
		here[strings.TrimSuffix(filepath.Base(path), ".gz")] = true
	}
	for blob := range index.Blobs() {
		if !here[blob] {
			return blob
		}
	}
	return ""
}

// Indexes are the names of all indexes here.
func (s Store) Indexes() []string {
	entries, _ := os.ReadDir(s.Folder)
	found := []string{}
	for _, entry := range entries {
		if indexName.MatchString(entry.Name()) {
			found = append(found, entry.Name())
		}
	}
	return found
}

// blobs are the paths of all pages here.
func (s Store) blobs() []string {
	found := []string{}
	folders, _ := os.ReadDir(filepath.Join(s.Folder, "pages"))
	for _, folder := range folders {
		entries, _ := os.ReadDir(filepath.Join(s.Folder, "pages", folder.Name()))
		for _, entry := range entries {
			if blobName.MatchString(strings.TrimSuffix(entry.Name(), ".gz")) {
				found = append(found, filepath.Join(s.Folder, "pages", folder.Name(), entry.Name()))
			}
		}
	}
	return found
}

// Sync waits until the disk has all that was written.
func (s Store) Sync() error {
	folder, err := os.Open(s.Folder)
	if err != nil {
		return err
	}
	defer folder.Close()
	return unix.Syncfs(int(folder.Fd()))
}

// write puts a file in place in one step. The name it has before begins with a dot: no mirror copies such.
func (s Store) write(path string, content []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".draft-*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	if _, err = draft.Write(content); err == nil {
		err = draft.Chmod(0o644)
	}
	if closed := draft.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}
