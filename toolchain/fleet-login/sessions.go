package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is what matters of one: who it is, and whose child.
type process struct {
	pid, parent int
	users       []int
}

// processes are all of this host, by number.
func processes() map[int]process {
	found := map[int]process{}
	entries, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range entries {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		one, dead := process{}, false
		for line := range strings.Lines(string(text)) {
			word, rest, _ := strings.Cut(line, ":")
			switch word {
			case "Pid":
				one.pid, _ = strconv.Atoi(strings.TrimSpace(rest))
			case "State":
				// Ended, and its parent has not asked for its exit code: nothing is left to end.
				dead = strings.Contains(rest, "Z")
			case "PPid":
				one.parent, _ = strconv.Atoi(strings.TrimSpace(rest))
			case "Uid":
				for _, number := range strings.Fields(rest) {
					uid, _ := strconv.Atoi(number)
					one.users = append(one.users, uid)
				}
			}
		}
		if !dead {
			found[one.pid] = one
		}
	}
	return found
}

// doomed are the processes to end: all of those who are gone with everything below them, also what became root there;
// and of those who may no longer become root, what did.
func doomed(all map[int]process, gone, unrooted map[int]string) map[int]string {
	found := map[int]string{}
	own := func(one process, table map[int]string) (string, bool) {
		for _, user := range one.users {
			if who, there := table[user]; there {
				return who, true
			}
		}
		return "", false
	}
	for pid, one := range all {
		if pid <= 1 || pid == os.Getpid() {
			continue
		}
		if who, there := own(one, gone); there {
			found[pid] = who
			continue
		}
		for above, steps := all[one.parent], 0; above.pid > 1 && steps < 64; above, steps = all[above.parent], steps+1 {
			if who, there := own(above, gone); there {
				found[pid] = who
			} else if who, there := own(above, unrooted); there && len(one.users) > 1 && one.users[1] == 0 {
				found[pid] = who
			}
		}
	}
	return found
}

// endSessions hangs up, waits a moment, and kills; again, until nothing is left, for a process may have begun another.
func endSessions(gone, unrooted map[int]string) error {
	if len(gone)+len(unrooted) == 0 {
		return nil
	}
	told := map[int]bool{}
	for round := range 5 {
		found := doomed(processes(), gone, unrooted)
		if len(found) == 0 {
			return nil
		}
		for pid, who := range found {
			sign := syscall.SIGKILL
			if round == 0 {
				sign = syscall.SIGHUP
			}
			if !told[pid] {
				say("ending process %d of %s", pid, who)
				told[pid] = true
			}
			if err := syscall.Kill(pid, sign); err != nil && err != syscall.ESRCH {
				return fmt.Errorf("process %d of %s: %w", pid, who, err)
			}
		}
		time.Sleep(300 * time.Millisecond)
	}
	if left := doomed(processes(), gone, unrooted); len(left) > 0 {
		return fmt.Errorf("%d processes of people who may not be here go on", len(left))
	}
	return nil
}
