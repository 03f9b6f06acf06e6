package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tally is what somebody holds, in a small file of their own that all processes on the folder have in their memory: a
// change by one is there for the others at once, without a call to the system. It outlives no doubt: whoever comes in
// while nobody of them is in at any process counts anew.
type tally struct {
	file   *os.File
	memory []byte
}

// The file's cells of eight bytes, and the two bytes of it that are locked: whoever is in shares the first; the second
// belongs to one process at a time while names change.
const (
	cellBytes = iota
	cellFiles
	cellCounted // 1: the two above are known
	cells

	tallySize = cells * 8
	lockIn    = 0
	lockNames = 1
)

// errTooMuch says that a change would exceed what it may.
var errTooMuch = errors.New("more than there is room for")

// change adds, unless `most` would be exceeded; it returns what was there before.
func (t *tally) change(which int, by, most int64) (held int64, err error) {
	for {
		if held, err = t.read(which); err != nil {
			return 0, err
		}
		// Compared without a sum that could wrap around.
		if by > 0 && by > most-held {
			return held, errTooMuch
		}
		done := false
		err = guarded(func() { done = atomic.CompareAndSwapInt64(t.cell(which), held, held+by) })
		if done || err != nil {
			return held, err
		}
	}
}

func (t *tally) read(which int) (held int64, err error) {
	err = guarded(func() { held = atomic.LoadInt64(t.cell(which)) })
	return held, err
}

func (t *tally) write(which int, number int64) error {
	return guarded(func() { atomic.StoreInt64(t.cell(which), number) })
}

func (t *tally) cell(which int) *int64 { return (*int64)(unsafe.Pointer(&t.memory[which*8])) }

// guarded makes an error of what else would end the process: a page of the file that the disk cannot give or take. The
// file's room is taken before it is in memory, so that this is a broken disk, or one that writes nothing in its place.
func guarded(access func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			if _, fault := cause.(interface{ Addr() uintptr }); !fault {
				panic(cause)
			}
			err = errDiskFull
		}
	}()
	access()
	return nil
}

// lock takes a byte of the file, or makes a lock that is held one of another kind, in one step. These locks belong to
// the open file: the kernel frees them when its process ends, however that happens.
func (t *tally) lock(kind int16, at int64, wait bool) error {
	command := unix.F_OFD_SETLK
	if wait {
		command = unix.F_OFD_SETLKW
	}
	for {
		err := unix.FcntlFlock(t.file.Fd(), command, &unix.Flock_t{Type: kind, Start: at, Len: 1})
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// comeTries bounds how often somebody looks for a count that is whole.
const comeTries = 100

func (t *tally) close() {
	_ = unix.Munmap(t.memory)
	t.file.Close()
}

// tally opens somebody's count and says for everybody that one of them is in. Nobody in anywhere: what was left half
// written is removed, and what is there is counted.
func (s *Store) tally(who string) (*tally, error) {
	file, err := s.root.OpenFile(countsFolder+"/"+who, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	memory, err := unix.Mmap(int(file.Fd()), 0, tallySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		file.Close()
		return nil, err
	}
	t := &tally{file: file, memory: memory}
	if err := s.come(t, who); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (s *Store) come(t *tally, who string) error {
	for range comeTries {
		if err := t.lock(unix.F_WRLCK, lockIn, false); err == nil {
			if err := s.countAnew(t, who); err != nil {
				return err
			}
		} else if !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES) {
			return err
		}
		// Waits for a process that is counting.
		if err := t.lock(unix.F_RDLCK, lockIn, true); err != nil {
			return err
		}
		about, err := t.file.Stat()
		if err != nil {
			return err
		}
		if about.Size() >= tallySize {
			if counted, err := t.read(cellCounted); err != nil || counted == 1 {
				return err
			}
		}
		// It ended in the middle of that, or somebody's hand was at the file while they were in.
		if err := t.lock(unix.F_UNLCK, lockIn, true); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s/%s is damaged, and cannot be counted anew while somebody is in", countsFolder, who)
}

func (s *Store) countAnew(t *tally, who string) error {
	// Written and not lengthened: a page without room on the disk must not get into memory.
	if _, err := t.file.WriteAt(make([]byte, tallySize), 0); err != nil {
		return disk(err)
	}
	if _, _, err := s.clear(who, func(string) bool { return true }); err != nil {
		return err
	}
	bytes, files, err := s.count(who)
	if err != nil {
		return err
	}
	return errors.Join(t.write(cellBytes, bytes), t.write(cellFiles, files), t.write(cellCounted, 1))
}

// counted reads what somebody holds, of whom nobody needs to be in.
func (s *Store) counted(who string) (bytes, files int64, err error) {
	text, err := s.root.ReadFile(countsFolder + "/" + who)
	if err != nil {
		return 0, 0, err
	}
	if len(text) < tallySize {
		return 0, 0, fmt.Errorf("%s/%s is cut short", countsFolder, who)
	}
	number := func(which int) int64 { return int64(binary.NativeEndian.Uint64(text[which*8:])) }
	return number(cellBytes), number(cellFiles), nil
}
