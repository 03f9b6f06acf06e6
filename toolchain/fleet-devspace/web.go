package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// front is what the name shows by HTTPS: by which host keys people know that they reached the right server.
func front(keys []ssh.Signer) string {
	text := "Files by SFTP, for people of the directory: no shell, no forwarding.\nIts host keys:\n"
	for _, key := range keys {
		text += fmt.Sprintf("  %s %s\n", key.PublicKey().Type(), ssh.FingerprintSHA256(key.PublicKey()))
	}
	return text
}

// web is the second port, for whoever looks after the program: is it well, and how much is going on. Nobody is named.
func (s *Server) web() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /-/healthy", func(to http.ResponseWriter, _ *http.Request) {
		// One that drains stays healthy: Nomad takes it out of the catalogue before it tells it to end.
		if err := s.store.well(); err != nil {
			http.Error(to, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(to, "healthy")
	})
	pages.HandleFunc("GET /{$}", func(to http.ResponseWriter, _ *http.Request) {
		to.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(to, s.front)
	})
	pages.HandleFunc("GET /metrics", func(to http.ResponseWriter, _ *http.Request) {
		to.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		all, waiting, people := s.doors.inside()
		used := s.store.used()
		fmt.Fprintf(to, "devspace_connections %d\ndevspace_connections_waiting %d\ndevspace_people_connected %d\n", all, waiting, people)
		fmt.Fprintf(to, "devspace_homes %d\ndevspace_used_bytes %d\ndevspace_used_files %d\n", used.homes, used.bytes, used.files)
		fmt.Fprintf(to, "devspace_uploads_open %d\n", s.store.uploading())
		fmt.Fprint(to, s.counts.lines())
	})
	return pages
}

// well says whether files can still be written: a folder that lost its disk, or became read-only, is no devspace.
func (s *Store) well() error {
	probe := filepath.Join(incomingFolder, probeName)
	file, err := s.root.OpenFile(probe, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", s.config.Data, err)
	}
	return file.Close()
}
