package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// runKeep looks after this host for as long as it runs. A hang-up is how a change of its data is heard.
func runKeep(ctx context.Context, config *Config, _ []string) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	said := ""
	drilled := time.Time{}
	for {
		found, err := refresh(ctx, config)
		word := fmt.Sprintf("%d people may come in, %d are closed", found.open, found.closed)
		if err != nil {
			word += ": " + err.Error()
		}
		if found.changed || word != said {
			say("%s", word)
			said = word
		}
		if err := refreshMetrics(config, found); err != nil {
			say("%v", err)
		}
		if now().Sub(drilled) >= time.Duration(config.DrillHours*float64(time.Hour)) && len(config.BreakGlass) > 0 {
			drilled = now()
			if err := runDrill(ctx, config, nil); err != nil && !errors.Is(err, errSaid) {
				say("drill: %v", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			// With the file as it is now: as a program of its own again, so that no old word is left behind.
			path, err := os.Executable()
			if err != nil {
				return err
			}
			return syscall.Exec(path, os.Args, os.Environ())
		case <-time.After(pause(config, found, now())):
		}
	}
}

// pause is how long until the next look: an answer that grows too old before that is not waited for.
func pause(config *Config, found Refreshed, at time.Time) time.Duration {
	next := seconds(config.RefreshSeconds)
	if !found.until.IsZero() {
		next = min(next, max(found.until.Sub(at), 100*time.Millisecond))
	}
	return next
}

// metrics adds a page in the text format that node_exporter collects from a folder.
func metrics(path, page string) error {
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return place(path, []byte(page), 0o644, -1, -1, false)
}

func refreshMetrics(config *Config, found Refreshed) error {
	var page strings.Builder
	fmt.Fprintf(&page, "fleet_login_people{state=\"open\"} %d\nfleet_login_people{state=\"closed\"} %d\n", found.open, found.closed)
	answered := 0
	if found.answered {
		answered = 1
	}
	fmt.Fprintf(&page, "fleet_login_directory_answers %d\nfleet_login_refreshed_seconds %d\n", answered, now().Unix())
	return metrics(config.Places.Metrics, page.String())
}

func drillMetrics(config *Config, found Drill) error {
	var page strings.Builder
	for _, one := range found.Keys {
		works := 0
		if one.Works {
			works = 1
		}
		fmt.Fprintf(&page, "fleet_break_glass_works{account=%q,key=%q} %d\n", one.Account, one.Key, works)
	}
	fmt.Fprintf(&page, "fleet_break_glass_drilled_seconds %d\n", found.At.Unix())
	path := config.Places.Metrics
	if path != "" {
		path = filepath.Join(filepath.Dir(path), "break-glass.prom")
	}
	return metrics(path, page.String())
}
