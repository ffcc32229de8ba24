package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
)

// spread is what a row of measurements comes to, in milliseconds.
type spread struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

type latencies struct {
	Added   spread `json:"added"`
	Late    spread `json:"added_50ms_after_bind"`
	Removed spread `json:"removed"`
}

// latency opens and closes fresh TCP ports, one after the other, and measures
// how soon the host is told. A late port listens 50 ms after its bind.
func latency(c *client.GuestAgentClient, count int) (*latencies, error) {
	got, stop := watch(c)
	defer stop()
	var added, late, removed []float64
	for i := range count {
		pause := time.Duration(i%2) * 50 * time.Millisecond
		fd, name, opened, err := open(pause)
		if err != nil {
			return nil, err
		}
		ms, err := await(got, "+"+name, opened)
		if err != nil {
			return nil, err
		}
		if pause == 0 {
			added = append(added, ms)
		} else {
			late = append(late, ms)
		}
		time.Sleep(5 * time.Millisecond)
		closed := time.Now()
		_ = syscall.Close(fd)
		if ms, err = await(got, "-"+name, closed); err != nil {
			return nil, err
		}
		removed = append(removed, ms)
	}
	return &latencies{summary(added), summary(late), summary(removed)}, nil
}

// open binds a free port, waits, and listens; the time is just before that.
func open(pause time.Duration) (int, string, time.Time, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", time.Time{}, os.NewSyscallError("socket", err)
	}
	local := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err = syscall.Bind(fd, local); err != nil {
		return -1, "", time.Time{}, os.NewSyscallError("bind", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return -1, "", time.Time{}, os.NewSyscallError("getsockname", err)
	}
	time.Sleep(pause)
	opened := time.Now()
	if err = syscall.Listen(fd, 1); err != nil {
		return -1, "", time.Time{}, os.NewSyscallError("listen", err)
	}
	port := bound.(*syscall.SockaddrInet4).Port
	return fd, "tcp " + net.JoinHostPort("127.0.0.1", fmt.Sprint(port)), opened, nil
}

func summary(ms []float64) spread {
	if len(ms) == 0 {
		return spread{}
	}
	slices.Sort(ms)
	at := func(share float64) float64 { return ms[int(share*float64(len(ms)-1))] }
	return spread{len(ms), at(0.5), at(0.99), ms[len(ms)-1]}
}
