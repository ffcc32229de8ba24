package main

import (
	"fmt"
	"net"
	"runtime"
	"syscall"
	"time"

	"nixvm.invalid/peers/host"
)

// noise is a guest that works, and opens no port: 95 UDP binds and 95 connects
// a second.
func noise(b *bench) (numbers, error) {
	addr, err := host.Serve(func(conn *net.TCPConn) { _, _ = conn.Read(make([]byte, 1)) })
	if err != nil {
		return nil, err
	}
	return b.cost(95, func() error {
		socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return err
		}
		defer socket.Close()
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// elsewhere opens a thousand ports a second in a network that is not the
// agent's, as containers do.
func elsewhere(b *bench) (numbers, error) {
	// The thread that leaves is not used again: it ends with the goroutine.
	runtime.LockOSThread()
	left := false
	return b.cost(1000, func() error {
		if !left {
			if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
				return fmt.Errorf("entering a new network: %w", err)
			}
			left = true
		}
		port, err := host.Bind([4]byte{}, 0)
		if err != nil {
			return err
		}
		defer port.Close()
		_, err = port.Listen()
		return err
	})
}

// cost does the same so many times a second, evenly, and looks at what that
// takes the agent, and at what it tells.
func (b *bench) cost(rate int, once func() error) (numbers, error) {
	told := b.attach()
	before, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	next := time.Now()
	for range rate * b.seconds {
		if err = once(); err != nil {
			return nil, err
		}
		next = next.Add(time.Second / time.Duration(rate))
		time.Sleep(time.Until(next))
	}
	took := time.Since(next) + time.Duration(b.seconds)*time.Second
	after, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	return numbers{
		"cpu_s_in_10": (after - before).Seconds() / took.Seconds() * 10,
		"events":      float64(len(host.Drain(told, 300*time.Millisecond))),
	}, nil
}
