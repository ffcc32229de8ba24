package main

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"github.com/lima-vm/lima/v2/pkg/portfwd"
)

// share is what each of the parallel tunnels moves, up or down.
const share = 1 << 20

type load struct {
	Tunnels int     `json:"tunnels"`
	Whole   int     `json:"whole"`
	Seconds float64 `json:"seconds"`
	PingMs  float64 `json:"ping_max_ms"`
}

// parallel opens many tunnels at once, half of them up and half of them down;
// one more is written to and not read in the guest. Memory is for the caller
// to look at, in the agent's /proc.
func parallel(c *client.GuestAgentClient, count int) (*load, error) {
	source, err := serve(func(conn net.Conn) { _, _ = conn.Write(make([]byte, share)) })
	if err != nil {
		return nil, err
	}
	sink, err := serve(func(conn net.Conn) {
		n, _ := io.Copy(io.Discard, conn)
		if n == share {
			_, _ = conn.Write([]byte("!"))
		}
	})
	if err != nil {
		return nil, err
	}
	stalled, err := serve(func(net.Conn) { time.Sleep(time.Hour) })
	if err != nil {
		return nil, err
	}
	dial := portfwd.DialContextToGRPCTunnel(c)
	go func() {
		if conn, err := dial(context.Background(), "tcp", stalled); err == nil {
			_, _ = conn.Write(make([]byte, 64<<20))
		}
	}()
	result := &load{Tunnels: count}
	start := time.Now()
	var tunnels sync.WaitGroup
	whole := make(chan struct{}, count)
	for i := range count {
		tunnels.Go(func() {
			ok := false
			if i%2 == 0 {
				ok = download(dial, source)
			} else {
				ok = upload(dial, sink)
			}
			if ok {
				whole <- struct{}{}
			}
		})
	}
	done := make(chan struct{})
	go func() { tunnels.Wait(); close(done) }()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-time.After(20 * time.Millisecond):
			asked := time.Now()
			if _, err = c.Info(context.Background()); err != nil {
				return nil, err
			}
			result.PingMs = max(result.PingMs, float64(time.Since(asked).Microseconds())/1000)
		}
	}
	result.Whole, result.Seconds = len(whole), time.Since(start).Seconds()
	return result, nil
}

func download(dial dialer, addr string) bool {
	conn, err := dial(context.Background(), "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	data, err := readAll(conn)
	return err == nil && len(data) == share
}

func upload(dial dialer, addr string) bool {
	conn, err := dial(context.Background(), "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	for part := range chunks(make([]byte, share)) {
		if _, err = conn.Write(part); err != nil {
			return false
		}
	}
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	answer, err := readAll(conn)
	return err == nil && len(answer) == 1
}
