package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/pkg/sftp"
)

var (
	errCut      = errors.New("the connection ended before the file was closed")
	errDiskFull = refusedFor(sftp.ErrSSHFxFailure, "the disk is full: nothing was put in place; tell the operators")
	errExists   = refusedFor(sftp.ErrSSHFxFailure, "a file of this name is there already")
	errClosed   = refusedFor(sftp.ErrSSHFxFailure, "the file is closed")
)

// Upload is a file that a client writes. It has a name of its own, out of sight, until the client closes it; then it is
// on the disk and takes its name in one step. What ends in any other way leaves nothing, and the old file untouched.
type Upload struct {
	home *Home
	at   spot
	file *os.File
	name string
	excl bool

	mu     sync.Mutex
	size   int64
	mode   os.FileMode
	failed error
	closed bool
}

// Filewrite begins an upload.
func (h *Home) Filewrite(request *sftp.Request) (io.WriterAt, error) {
	upload, err := h.upload(request.Filepath, request.Pflags())
	if err != nil {
		return nil, h.explain(err)
	}
	return upload, nil
}

// OpenFile begins an upload that the client also reads from.
func (h *Home) OpenFile(request *sftp.Request) (sftp.WriterAtReaderAt, error) {
	upload, err := h.upload(request.Filepath, request.Pflags())
	if err != nil {
		return nil, h.explain(err)
	}
	return upload, nil
}

func (h *Home) upload(said string, flags sftp.FileOpenFlags) (*Upload, error) {
	at, err := h.find(said)
	if err != nil {
		return nil, err
	}
	if at.top() {
		return nil, refusedFor(sftp.ErrSSHFxFailure, at.shown+" is a folder")
	}
	// That the folder is there is said at once, not after an hour of uploading.
	holder, err := at.holder()
	if err != nil {
		return nil, err
	}
	holder.Close()
	before, err := at.look()
	switch {
	case err == nil && before.IsDir():
		return nil, refusedFor(sftp.ErrSSHFxFailure, at.shown+" is a folder")
	case err == nil && flags.Excl:
		return nil, errExists
	case errors.Is(err, fs.ErrNotExist) && flags.Creat:
		before = nil
	case err != nil:
		return nil, err
	}
	u, err := h.draft(at)
	if err != nil {
		return nil, err
	}
	u.excl = flags.Excl
	if before != nil {
		u.mode = modeOf(before.Mode())
		if !flags.Trunc {
			if err := u.continued(); err != nil {
				u.fail(err)
				u.discard()
				return nil, err
			}
		}
	}
	h.mu.Lock()
	h.uploads[at.shown] = append(h.uploads[at.shown], u)
	h.mu.Unlock()
	return u, nil
}

// draft makes an empty file out of sight. It counts as one file from now on.
func (h *Home) draft(at spot) (*Upload, error) {
	if err := h.handle(); err != nil {
		return nil, err
	}
	if err := h.person.take(0, 1); err != nil {
		h.handles.Add(-1)
		return nil, err
	}
	name := h.store.begin()
	file, err := h.incoming.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		h.store.done(name)
		h.person.give(0, 1)
		h.handles.Add(-1)
		return nil, disk(err)
	}
	return &Upload{home: h, at: at, file: file, name: name, mode: plainFile}, nil
}

// continued starts from what is there: the old file is copied first, and stays as it is.
func (u *Upload) continued() error {
	old, about, err := u.at.opened()
	if err != nil {
		return err
	}
	defer old.Close()
	if err := u.grow(about.Size()); err != nil {
		return err
	}
	copied, err := io.Copy(u.file, io.LimitReader(old, about.Size()))
	if err == nil && copied != about.Size() {
		err = io.ErrUnexpectedEOF
	}
	return disk(err)
}

// grow takes room for the file's new length, if it is longer.
func (u *Upload) grow(end int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed != nil {
		return u.failed
	}
	if u.closed {
		return errClosed
	}
	if end > u.size {
		if err := u.home.person.take(end-u.size, 0); err != nil {
			u.failed = err
			return err
		}
		u.size = end
	}
	return nil
}

// fail makes the upload one that is thrown away.
func (u *Upload) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed == nil {
		u.failed = err
	}
}

// WriteAt writes a part. A part that cannot be written makes the whole file one that is not kept.
func (u *Upload) WriteAt(part []byte, offset int64) (int, error) {
	if offset < 0 || offset > 1<<62 {
		err := refusedFor(sftp.ErrSSHFxBadMessage, "an offset that no file has")
		u.fail(err)
		return 0, u.home.explain(err)
	}
	if err := u.grow(offset + int64(len(part))); err != nil {
		return 0, u.home.explain(err)
	}
	written, err := u.file.WriteAt(part, offset)
	if err != nil {
		err = disk(err)
		u.fail(err)
	}
	return written, u.home.explain(err)
}

// ReadAt reads what was written so far.
func (u *Upload) ReadAt(into []byte, offset int64) (int, error) { return u.file.ReadAt(into, offset) }

// truncate sets the length.
func (u *Upload) truncate(size int64) error {
	if size < 0 || size > 1<<62 {
		return refusedFor(sftp.ErrSSHFxBadMessage, "a length that no file has")
	}
	if err := u.grow(size); err != nil {
		return err
	}
	if err := u.file.Truncate(size); err != nil {
		err = disk(err)
		u.fail(err)
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if size < u.size {
		u.home.person.give(u.size-size, 0)
		u.size = size
	}
	return nil
}

// TransferError is how the library says that the connection ended while the file was open.
func (u *Upload) TransferError(error) { u.fail(errCut) }

// Close puts the file in place, or throws it away and says why.
func (u *Upload) Close() error {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return nil
	}
	u.closed = true
	failed := u.failed
	u.mu.Unlock()
	u.home.forget(u)
	if failed == nil {
		if failed = u.place(); failed != nil {
			u.fail(failed)
		}
	}
	if failed != nil {
		u.discard()
		u.home.store.failed(u, failed)
		return u.home.explain(failed)
	}
	u.file.Close()
	u.home.handles.Add(-1)
	u.home.store.done(u.name)
	u.home.session.say("upload", fmt.Sprintf(" path=%q bytes=%d", u.at.shown, u.size))
	u.home.session.server.counts.add("devspace_uploads_total", 1)
	u.home.session.server.counts.add("devspace_uploaded_bytes_total", u.size)
	return nil
}

func (s *Store) failed(u *Upload, why error) {
	u.home.session.say("unfinished", fmt.Sprintf(" path=%q bytes=%d why=%q", u.at.shown, u.size, why))
	reason := "failed"
	if _, refused := told(why); errors.Is(why, errCut) {
		reason = "cut"
	} else if refused && !errors.Is(why, errDiskFull) {
		reason = "refused"
	}
	u.home.session.server.counts.add(fmt.Sprintf("devspace_uploads_unfinished_total{reason=%q}", reason), 1)
}
