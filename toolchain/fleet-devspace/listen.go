package main

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listen opens the port beside other processes of the same account that have it: the kernel deals connections out among
// them by their addresses.
func listen(ctx context.Context, address string) (*net.TCPListener, error) {
	how := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, failed)
	}}
	listener, err := how.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return listener.(*net.TCPListener), nil
}

// waiting returns, one by one, the connections that the kernel holds for a listener, and nil when there are none: it
// waits for nothing. They would be reset when the listener is closed.
//
// What it cannot reach are connections half made, whose last packet is still under way, and what comes between the last
// look and the close. With net.ipv4.tcp_migrate_req=1, which the fleet's data set, the kernel hands both over to another
// process that listens; without, their clients are reset.
func waiting(listener *net.TCPListener) (net.Conn, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	var made int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		made, _, failed = unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	}); err != nil {
		return nil, err
	}
	if errors.Is(failed, syscall.EAGAIN) {
		return nil, nil
	}
	if failed != nil {
		return nil, failed
	}
	file := os.NewFile(uintptr(made), "connection")
	defer file.Close()
	return net.FileConn(file)
}

// stopped makes the listener's Accept return, without closing it.
func stopped(listener *net.TCPListener) { _ = listener.SetDeadline(time.Unix(1, 0)) }
