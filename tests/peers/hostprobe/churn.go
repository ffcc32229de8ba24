package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"nixvm.invalid/peers/host"
)

// churn connects, moves a byte each way and closes, ten thousand times; what
// the agent holds is looked at after the first thousand and at the end.
func churn(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	addr, err := host.Serve(func(conn *net.TCPConn) {
		buffer := make([]byte, 1)
		_, _ = conn.Read(buffer)
		_, _ = conn.Write(buffer)
	})
	if err != nil {
		return nil, err
	}
	dial := host.Tunnels(c)
	if err = cycles(dial, addr, 1000); err != nil {
		return nil, err
	}
	files, rss, err := held(g.agent)
	if err != nil {
		return nil, err
	}
	if err = cycles(dial, addr, 10000); err != nil {
		return nil, err
	}
	filesAfter, rssAfter, err := held(g.agent)
	return seen{"files_grown": filesAfter - files, "rss_grown_mib": rssAfter - rss}, err
}

func cycles(dial host.Dialer, addr string, count int) error {
	for i := range count {
		conn, err := dial(context.Background(), "tcp", addr)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if _, err = conn.Write([]byte("x")); err == nil {
			_, err = host.ReadOnce(conn, make([]byte, 1))
		}
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		conn.Close()
	}
	return nil
}

// held is how many files and how much memory the agent has, once it is quiet.
func held(agent host.Process) (int, float64, error) {
	time.Sleep(1500 * time.Millisecond)
	files, err := agent.Files()
	if err != nil {
		return 0, 0, err
	}
	rss, err := agent.Memory("VmRSS")
	return files, rss, err
}
