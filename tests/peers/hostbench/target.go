package main

import (
	"fmt"
	"net"
	"syscall"

	"nixvm.invalid/peers/host"
)

// A target is the address of a program in the guest. The ceiling has no guest:
// it reads from the address what it is to do.

// sink takes so many bytes and says then that it has them.
func (b *bench) sink(bytes int) (string, error) {
	if b.ceiling {
		return fmt.Sprintf("sink:%d", bytes), nil
	}
	return host.Serve(func(conn *net.TCPConn) {
		if discard(conn, bytes) == nil {
			_, _ = conn.Write([]byte("!"))
		}
	})
}

// discard takes bytes without copying them: what is measured is the agent.
func discard(conn *net.TCPConn, bytes int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, 1<<20)
	return raw.Read(func(fd uintptr) bool {
		for bytes > 0 {
			n, _, err := syscall.Recvfrom(int(fd), buffer[:min(bytes, len(buffer))], syscall.MSG_TRUNC)
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil || n == 0 {
				return true
			}
			bytes -= n
		}
		return true
	})
}

// source sends so many bytes and closes.
func (b *bench) source(bytes int) (string, error) {
	if b.ceiling {
		return fmt.Sprintf("source:%d", bytes), nil
	}
	buffer := make([]byte, 1<<20)
	return host.Serve(func(conn *net.TCPConn) {
		for left := bytes; left > 0; {
			n, err := conn.Write(buffer[:min(left, len(buffer))])
			if err != nil {
				return
			}
			left -= n
		}
	})
}

// echo sends back what comes.
func (b *bench) echo() (string, error) {
	if b.ceiling {
		return "echo:0", nil
	}
	return host.Serve(func(conn *net.TCPConn) {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			if _, err = conn.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
}
