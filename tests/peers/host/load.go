package host

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
)

// Share is what each of the parallel tunnels moves, up or down.
const Share = 1 << 20

// Chunk is how much Lima's forwarder writes at once.
const Chunk = 32 << 10

// Load is what came out of many tunnels at once.
type Load struct {
	Whole   int
	Seconds float64
	// PingMs is the longest that a question beside them took.
	PingMs float64
}

// Parallel opens many tunnels at once, half of them up and half of them down;
// one more is written to and not read in the guest. At the limit those are
// counted that are whole.
func Parallel(c *client.GuestAgentClient, count int, limit time.Duration) (*Load, error) {
	source, err := Serve(func(conn *net.TCPConn) { _, _ = conn.Write(make([]byte, Share)) })
	if err != nil {
		return nil, err
	}
	sink, err := Serve(func(conn *net.TCPConn) {
		// By number, not by its end: the Go agent does not pass that on.
		if n, _ := io.CopyN(io.Discard, conn, Share); n == Share {
			_, _ = conn.Write([]byte("!"))
		}
	})
	if err != nil {
		return nil, err
	}
	dial := Tunnels(c)
	if err = Stall(dial); err != nil {
		return nil, err
	}
	start := time.Now()
	var tunnels sync.WaitGroup
	var whole atomic.Int64
	for i := range count {
		move, addr := download, source
		if i%2 == 1 {
			move, addr = upload, sink
		}
		tunnels.Go(func() {
			if move(dial, addr) {
				whole.Add(1)
			}
		})
	}
	load := &Load{}
	done := make(chan struct{})
	go func() { tunnels.Wait(); close(done) }()
	if load.PingMs, err = pingUntil(c, done, start.Add(limit)); err != nil {
		return nil, err
	}
	load.Whole, load.Seconds = int(whole.Load()), time.Since(start).Seconds()
	return load, nil
}

// Stall opens a tunnel to a server that never reads, and fills it.
func Stall(dial Dialer) error {
	stalled, err := Serve(func(*net.TCPConn) { select {} })
	if err != nil {
		return err
	}
	go func() {
		if conn, err := dial(context.Background(), "tcp", stalled); err == nil {
			_, _ = WriteAll(conn, make([]byte, 64<<20))
		}
	}()
	return nil
}

// pingUntil asks for the ports until all is done, or the time is over: an agent
// may hang.
func pingUntil(c *client.GuestAgentClient, done <-chan struct{}, end time.Time) (float64, error) {
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	longest := 0.0
	for {
		select {
		case <-done:
			return longest, nil
		case <-ctx.Done():
			return longest, nil
		case <-time.After(20 * time.Millisecond):
			asked := time.Now()
			if _, err := c.Info(ctx); err != nil && ctx.Err() == nil {
				return longest, err
			}
			longest = max(longest, Ms(time.Since(asked)))
		}
	}
}

// Ms is a duration in milliseconds.
func Ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func download(dial Dialer, addr string) bool {
	conn, err := dial(context.Background(), "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	data, err := ReadAll(conn)
	return err == nil && len(data) == Share
}

func upload(dial Dialer, addr string) bool {
	conn, err := dial(context.Background(), "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err = WriteAll(conn, make([]byte, Share)); err != nil {
		return false
	}
	answer, err := ReadAll(conn)
	return err == nil && len(answer) == 1
}

// WriteAll writes in the pieces in which Lima's forwarder does.
func WriteAll(conn net.Conn, data []byte) (int, error) {
	sent := 0
	for sent < len(data) {
		n, err := conn.Write(data[sent:min(sent+Chunk, len(data))])
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}
