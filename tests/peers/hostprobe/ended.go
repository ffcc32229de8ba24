package main

import (
	"context"
	"net"
	"time"

	"nixvm.invalid/peers/host"
)

// ended reads from servers that send a little and close, and says how long
// the longest took until the host saw that: the host itself never closes.
func ended(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	addr, err := host.Serve(func(conn *net.TCPConn) { _, _ = conn.Write([]byte("bye")) })
	if err != nil {
		return nil, err
	}
	dial := host.Tunnels(c)
	whole, longest := 0, time.Duration(0)
	for range 20 {
		conn, err := dial(context.Background(), "tcp", addr)
		if err != nil {
			return nil, err
		}
		start := time.Now()
		got, err := host.ReadAll(conn)
		if err == nil && string(got) == "bye" {
			whole++
		}
		longest = max(longest, time.Since(start))
	}
	return seen{"whole": whole, "longest_ms": host.Ms(longest)}, nil
}
