package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Limits bound one package.
type Limits struct {
	// Bytes is how much a package may hold once unpacked, Entries how many files, Time how long reading it may take.
	Bytes   int64
	Entries int
	Time    time.Duration
}

// Entry is a file of a package.
type Entry struct {
	Path string
	// Type is tar's: tar.TypeReg, tar.TypeLink, tar.TypeSymlink; anything else is of no use to anybody here.
	Type byte
	// To is where a link leads.
	To   string
	Size int64
	Body io.Reader
}

// ErrOther is returned for a file that is not the one that the repository's index names: it may be half copied.
var ErrOther = errors.New("is not the file that the repository names")

// Walk shows each file of a package to see, in order. It returns ErrOther, wrapped, where size or digest are others than
// said; then nothing that was seen may be used. Any other error means that the package could be read up to there.
func Walk(ctx context.Context, path, sum string, size int64, limits Limits, see func(*Entry) error) error {
	file, found, err := OpenRegular(path)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrOther, err)
	}
	defer file.Close()
	if size >= 0 && found != size {
		return fmt.Errorf("%w: %d bytes, and it should be %d", ErrOther, found, size)
	}
	end := time.Now().Add(limits.Time)
	stop := func() error {
		if time.Now().After(end) {
			return fmt.Errorf("took longer than %s", limits.Time)
		}
		return ctx.Err()
	}
	// Every byte goes through the digest, also those that the archive does not need.
	hash := sha256.New()
	tee := io.TeeReader(&Bounded{file, found, ctx.Err}, hash)
	walked := walk(tee, limits, stop, see)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, err := io.Copy(io.Discard, tee); err != nil && walked == nil {
		walked = err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum {
		return fmt.Errorf("%w: its SHA-256 is %s", ErrOther, got[:12]+"…")
	}
	return walked
}

func walk(file io.Reader, limits Limits, stop func() error, see func(*Entry) error) error {
	packed, err := data(file)
	if err != nil {
		return err
	}
	plain, err := Unpack(packed, Window)
	if err != nil {
		return err
	}
	defer plain.Close()
	reader := tar.NewReader(&Bounded{plain, limits.Bytes, stop})
	for count := 0; ; count++ {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			if count == 0 {
				return errors.New("an archive with nothing in it")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if count >= limits.Entries {
			return fmt.Errorf("more than %d files", limits.Entries)
		}
		entry := Entry{header.Name, header.Typeflag, header.Linkname, header.Size, reader}
		if err := see(&entry); err != nil {
			return err
		}
	}
}

const debMagic = "!<arch>\n"

// data finds the packed files of a package: all of an .xbps, one member of a .deb.
func data(file io.Reader) (io.Reader, error) {
	head := make([]byte, len(debMagic))
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("an empty file")
	}
	if string(head[:n]) != debMagic {
		return io.MultiReader(bytes.NewReader(head[:n]), file), nil
	}
	for {
		header := make([]byte, 60)
		if _, err := io.ReadFull(file, header); err != nil {
			return nil, errors.New("a .deb without data.tar")
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
		if err != nil || size < 0 || string(header[58:]) != "`\n" {
			return nil, errors.New("a .deb with a broken member")
		}
		name := strings.TrimRight(strings.TrimSpace(string(header[:16])), "/")
		if strings.HasPrefix(name, "data.tar") {
			return &member{io.LimitedReader{R: file, N: size}}, nil
		}
		if _, err := io.CopyN(io.Discard, file, size+size%2); err != nil {
			return nil, errors.New("a .deb that ends in the middle")
		}
	}
}

// member is a part of an ar archive; one that is cut short says so.
type member struct{ io.LimitedReader }

func (m *member) Read(into []byte) (int, error) {
	n, err := m.LimitedReader.Read(into)
	if errors.Is(err, io.EOF) && m.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
