// Package archive opens package files as streams, within bounds, and never writes any of them to a disk.
package archive

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
	"golang.org/x/sys/unix"
)

// Window is the memory that one packed stream may ask for, in bytes.
const Window = 128 << 20

// ErrTooLarge is returned where a stream holds more than it may.
var ErrTooLarge = errors.New("holds more than the limit")

var magics = []struct {
	magic string
	open  func(io.Reader, uint64) (io.ReadCloser, error)
}{
	{"\x28\xb5\x2f\xfd", func(r io.Reader, window uint64) (io.ReadCloser, error) {
		reader, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return reader.IOReadCloser(), nil
	}},
	{"\x1f\x8b", func(r io.Reader, _ uint64) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"\xfd7zXZ\x00", func(r io.Reader, window uint64) (io.ReadCloser, error) {
		reader, err := xz.NewReader(r, uint32(min(window, 1<<31)))
		return nop(reader, err)
	}},
	{"BZh", func(r io.Reader, _ uint64) (io.ReadCloser, error) { return nop(bzip2.NewReader(r), nil) }},
}

func nop(r io.Reader, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}

// Unpack opens a packed stream by what it begins with; one that is not packed is handed on as it is.
func Unpack(r io.Reader, window uint64) (io.ReadCloser, error) {
	head := make([]byte, 6)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	for _, it := range magics {
		if bytes.HasPrefix(head[:n], []byte(it.magic)) {
			return it.open(whole, window)
		}
	}
	return io.NopCloser(whole), nil
}

// OpenRegular opens a file that is one: a pipe would make the reader wait, a link lead it elsewhere.
func OpenRegular(path string) (*os.File, int64, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// Bounded reads at most left bytes, and fails where there are more.
type Bounded struct {
	From io.Reader
	Left int64
	// Stop, if it is there, is asked now and then whether to go on.
	Stop func() error
}

func (b *Bounded) Read(into []byte) (int, error) {
	if b.Stop != nil {
		if err := b.Stop(); err != nil {
			return 0, err
		}
	}
	if int64(len(into)) > b.Left {
		into = into[:b.Left+1]
	}
	n, err := b.From.Read(into)
	if b.Left -= int64(n); b.Left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}
