package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"

	"nixvm.invalid/peers/host"
)

// restart is a host whose agent is killed and started again while its tunnels
// are in use. It prints "kill" when it is ready for that, and reads a line
// when the agent is back. The one client must find it again by itself, and be
// told of the difference only: the host has kept its forwards.
func restart(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	kept, _, err := host.Open()
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	gone, _, err := host.Open()
	if err != nil {
		return nil, err
	}
	server, err := host.Serve(echo)
	if err != nil {
		return nil, err
	}
	served := use(host.Tunnels(c), server)
	told, stop := host.Watch(c)
	defer stop()
	before := host.Drain(told, time.Second)
	fmt.Println("kill")
	for range told { // until the stream ends with the agent
	}
	first := served.Load()
	gone.Close()
	added, _, err := host.Open()
	if err != nil {
		return nil, err
	}
	defer added.Close()
	if _, err = bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return nil, err
	}
	after, err := again(c)
	if err != nil {
		return nil, err
	}
	want := []string{"-" + gone.Name, "+" + added.Name}
	return seen{
		"served_before":   first > 0,
		"served_after":    grows(served),
		"told_before":     len(before),
		"difference_only": slices.Equal(after, want),
		"after":           after,
	}, nil
}

func echo(conn *net.TCPConn) { _, _ = io.Copy(conn, conn) }

// use keeps four workers busy with tunnels, and counts those that answered.
func use(dial host.Dialer, server string) *atomic.Int64 {
	served := &atomic.Int64{}
	for range 4 {
		go func() {
			for {
				if asked(dial, server) {
					served.Add(1)
				} else {
					time.Sleep(10 * time.Millisecond)
				}
			}
		}()
	}
	return served
}

func asked(dial host.Dialer, server string) bool {
	conn, err := dial(context.Background(), "tcp", server)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err = conn.Write(make([]byte, 1000)); err != nil {
		return false
	}
	got, err := host.ReadOnce(conn, make([]byte, 1000))
	return err == nil && len(got) > 0
}

// again asks for events until there is an agent, as Lima's host does, and
// gives what it is told then.
func again(c *client.GuestAgentClient) ([]string, error) {
	deadline := time.Now().Add(2 * host.Patience)
	for time.Now().Before(deadline) {
		if _, err := host.Info(c); err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		told, stop := host.Watch(c)
		defer stop()
		return host.Drain(told, time.Second), nil
	}
	return nil, fmt.Errorf("the client has no agent again within %s", 2*host.Patience)
}

func grows(served *atomic.Int64) bool {
	before := served.Load()
	deadline := time.Now().Add(host.Patience)
	for time.Now().Before(deadline) {
		if served.Load() > before+10 {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
