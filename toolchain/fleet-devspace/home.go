package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pkg/sftp"
)

// Home is one person's files as one channel sees them.
type Home struct {
	store    *Store
	session  *Session
	person   *Person
	home     *os.Root
	public   *os.Root
	incoming *os.Root

	handles atomic.Int64
	words   chan string

	mu      sync.Mutex
	uploads map[string][]*Upload
	said    string
}

// open makes somebody's folders if they have none yet, and opens them.
func (s *Store) open(session *Session) (*Home, error) {
	person, err := s.enter(session.who)
	if err != nil {
		return nil, err
	}
	h := &Home{store: s, session: session, person: person, uploads: map[string][]*Upload{}, words: make(chan string, 8)}
	for _, it := range []struct {
		into   **os.Root
		folder string
		mode   os.FileMode
	}{{&h.home, homeFolder, 0o700}, {&h.public, publicFolder, 0o755}, {&h.incoming, incomingFolder, 0o700}} {
		outer, err := s.root.OpenRoot(it.folder)
		if err == nil {
			*it.into, err = ensure(outer, session.who, it.mode)
			outer.Close()
		}
		if err != nil {
			h.close()
			return nil, err
		}
	}
	return h, nil
}

func (h *Home) close() {
	for _, root := range []*os.Root{h.home, h.public, h.incoming} {
		if root != nil {
			root.Close()
		}
	}
	h.person.leave()
}

// hear writes to the person at the terminal what went wrong: OpenSSH's client shows "Failure" and no reason. A client
// that does not read keeps nobody waiting.
func (h *Home) hear(to io.Writer) (stop func()) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case words := <-h.words:
				fmt.Fprintf(to, "devspace: %s\r\n", words)
			}
		}
	}()
	return func() { close(done) }
}

// explain passes on an error, and says it in words where it has any; the same words once in a row.
func (h *Home) explain(err error) error {
	words, ours := told(err)
	if !ours {
		return err
	}
	h.mu.Lock()
	repeated := h.said == words
	h.said = words
	h.mu.Unlock()
	if !repeated {
		select {
		case h.words <- words:
		default:
		}
	}
	return err
}

// handle counts what is open, up to the limit.
func (h *Home) handle() error {
	if h.handles.Add(1) > int64(h.store.config.Limits.OpenFiles) {
		h.handles.Add(-1)
		return refusedFor(sftp.ErrSSHFxFailure, fmt.Sprintf("too many files open at once: up to %d", h.store.config.Limits.OpenFiles))
	}
	return nil
}

// reading is a file that a client reads. It stays whole when another takes its name.
type reading struct {
	*os.File
	home *Home
	once sync.Once
}

func (r *reading) Close() error {
	r.once.Do(func() { r.home.handles.Add(-1) })
	return r.File.Close()
}

// Fileread opens a file for reading.
func (h *Home) Fileread(request *sftp.Request) (io.ReaderAt, error) {
	at, err := h.find(request.Filepath)
	if err != nil {
		return nil, h.explain(err)
	}
	file, about, err := at.opened()
	if err != nil {
		return nil, h.explain(err)
	}
	if about.IsDir() {
		err = refusedFor(sftp.ErrSSHFxFailure, at.shown+" is a folder")
	} else {
		err = h.handle()
	}
	if err != nil {
		file.Close()
		return nil, h.explain(err)
	}
	return &reading{File: file, home: h}, nil
}

// listed is a folder's content, or one file's facts, as the library takes it.
type listed []os.FileInfo

func (l listed) ListAt(into []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	copied := copy(into, l[offset:])
	if copied < len(into) {
		return copied, io.EOF
	}
	return copied, nil
}

// Filelist lists a folder, or says what is known of one name.
func (h *Home) Filelist(request *sftp.Request) (sftp.ListerAt, error) {
	at, err := h.find(request.Filepath)
	if err != nil {
		return nil, h.explain(err)
	}
	if request.Method == "List" {
		found, err := h.list(at)
		return found, h.explain(err)
	}
	// Somebody who asks about a name that they are writing means what they write.
	if upload := h.writing(at.shown); upload != nil {
		about, err := upload.file.Stat()
		return listed{shownInfo{about, at.base()}}, err
	}
	about, err := at.look()
	if err != nil {
		return nil, h.explain(err)
	}
	return listed{shownInfo{about, at.base()}}, nil
}

// Lstat is the same: there are no links.
func (h *Home) Lstat(request *sftp.Request) (sftp.ListerAt, error) { return h.Filelist(request) }

// Readlink finds no link anywhere.
func (h *Home) Readlink(string) (string, error) { return "", h.explain(errLink) }

// LookupUserName and LookupGroupName name the owner of everything here in long listings.
func (h *Home) LookupUserName(string) string { return h.session.who }

// LookupGroupName names the group of everything here in long listings.
func (h *Home) LookupGroupName(string) string { return "devspace" }

func (h *Home) list(at spot) (listed, error) {
	folder, about, err := at.opened()
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if !about.IsDir() {
		return nil, refusedFor(sftp.ErrSSHFxFailure, at.shown+" is no folder")
	}
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var found listed
	if at.top() && !at.public {
		if its, err := h.public.Stat("."); err == nil {
			found = append(found, shownInfo{its, publicName[1:]})
		}
	}
	for _, entry := range entries {
		its, err := entry.Info()
		// What went away in between, what is hidden behind the public folder, and what is not served at all.
		if err != nil || served(its) != nil || (at.top() && !at.public && entry.Name() == publicName[1:]) {
			continue
		}
		found = append(found, shownInfo{its, entry.Name()})
	}
	slices.SortFunc(found, func(one, other fs.FileInfo) int {
		if one.Name() < other.Name() {
			return -1
		}
		return 1
	})
	return found, nil
}
