package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// version is raised whenever the code here makes other HTML of the same page.
const version = "1"

// nobody is the user that reads pages where the extractor itself is root.
const nobody = 65534

// Renderer makes HTML of pages, each in a process of its own that can read nothing, write nothing and not run for long.
type Renderer struct {
	Program string
	// Folder is an empty folder, where the program runs.
	Folder string
	CPU    time.Duration
	Memory uint64
	Output int64
}

// Stamp changes whenever the same page may become other HTML.
func (r *Renderer) Stamp() (string, error) {
	program, err := os.Open(r.Program)
	if err != nil {
		return "", fmt.Errorf("mandoc makes the pages readable, and it is not there: %w; install mandoc, or set `mandoc` to where it is", err)
	}
	defer program.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, program); err != nil {
		return "", err
	}
	return "mandoc-" + hex.EncodeToString(sum.Sum(nil))[:16] + "-" + version, nil
}

// Settle makes the calling thread one that may start children as nobody, and bound them; false where it is not root. The
// thread must be the caller's own for good (runtime.LockOSThread). Bounds of another process may be set by whoever has its
// real user, or by a capability that containers seldom have: so this thread takes nobody as its real user, and what it may
// do itself stays as it is.
func Settle() bool {
	if os.Geteuid() != 0 {
		return false
	}
	same := ^uintptr(0)
	if _, _, failed := syscall.RawSyscall(syscall.SYS_SETRESGID, nobody, same, same); failed != 0 {
		return false
	}
	_, _, failed := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, same, same)
	return failed == 0
}

// Render makes HTML of a page in UTF-8. The caller keeps its thread (runtime.LockOSThread), since the child ends with it;
// asNobody is what Settle said there.
func (r *Renderer) Render(ctx context.Context, text []byte, asNobody bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.CPU+5*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, r.Program, "-T", "html", "-O", "fragment", "-K", "utf-8", "-I", "os=")
	child.Dir, child.Env = r.Folder, []string{}
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if asNobody {
		child.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	input, output, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer output.Close()
	child.Stdin = input
	result, err := child.StdoutPipe()
	if err != nil {
		input.Close()
		return nil, err
	}
	err = child.Start()
	input.Close()
	if err != nil {
		return nil, fmt.Errorf("mandoc does not start: %w", err)
	}
	// The bounds are set before the page is handed over: until then the child has read nothing of anybody's.
	if err := r.bound(child.Process.Pid); err != nil {
		_ = child.Process.Kill()
		_ = child.Wait()
		return nil, fmt.Errorf("mandoc cannot be bounded: %w", err)
	}
	go func() {
		_, _ = output.Write(text)
		_ = output.Close()
	}()
	made, reading := io.ReadAll(io.LimitReader(result, r.Output+1))
	if int64(len(made)) > r.Output {
		_ = child.Process.Kill()
	}
	ended := child.Wait()
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, errors.New("takes too long to render")
	case int64(len(made)) > r.Output:
		return nil, fmt.Errorf("becomes more than %d bytes of HTML", r.Output)
	case reading != nil:
		return nil, fmt.Errorf("rendering: %w", reading)
	}
	return made, verdict(ended)
}

// verdict is what the child's end means. Up to 4 mandoc speaks of the page's style and mistakes, and has rendered it.
func verdict(ended error) error {
	var exit *exec.ExitError
	if !errors.As(ended, &exit) {
		return ended
	}
	status := exit.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled() && status.Signal() == syscall.SIGXCPU, status.Signaled() && status.Signal() == syscall.SIGKILL:
		return errors.New("takes too long to render")
	case status.Signaled():
		return fmt.Errorf("mandoc was ended by %s", status.Signal())
	case status.ExitStatus() >= 5:
		return fmt.Errorf("mandoc gave it up (%d)", status.ExitStatus())
	}
	return nil
}

func (r *Renderer) bound(pid int) error {
	seconds := uint64((r.CPU + time.Second - 1) / time.Second)
	for _, it := range []struct {
		what      int
		soft, top uint64
	}{
		{unix.RLIMIT_CPU, seconds, seconds + 1},
		{unix.RLIMIT_AS, r.Memory, r.Memory},
		{unix.RLIMIT_FSIZE, 0, 0},
		{unix.RLIMIT_CORE, 0, 0},
		{unix.RLIMIT_NPROC, 0, 0},
		// One file at a time, as the loader of libraries needs: it may still be at work. Of the page's own asking mandoc
		// opens only what lies below its folder, which is empty.
		{unix.RLIMIT_NOFILE, 4, 4},
	} {
		limit := unix.Rlimit{Cur: it.soft, Max: it.top}
		if err := unix.Prlimit(pid, it.what, &limit, nil); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// Blank says whether HTML has nothing to read.
func Blank(fragment []byte) bool {
	text := fragment
	for len(text) > 0 {
		at := bytes.IndexByte(text, '<')
		if at < 0 {
			return strings.TrimSpace(string(text)) == ""
		}
		if len(bytes.TrimSpace(text[:at])) > 0 {
			return false
		}
		end := bytes.IndexByte(text[at:], '>')
		if end < 0 {
			return true
		}
		text = text[at+end+1:]
	}
	return true
}
