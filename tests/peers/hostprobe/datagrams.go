package main

import (
	"bytes"
	"context"

	"nixvm.invalid/peers/host"
)

// datagrams sends datagrams of each size to a server that sends them back.
func datagrams(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	addr, err := host.ServeUDP()
	if err != nil {
		return nil, err
	}
	whole := []int{}
	for _, size := range []int{1, 512, 1472, 1500, 9000, 32767, 32768, 32769, 65507} {
		// A tunnel each: what is left of one that was split stays there.
		conn, err := host.Tunnels(c)(context.Background(), "udp", addr)
		if err != nil {
			return nil, err
		}
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if _, err = conn.Write(sent); err != nil {
			return nil, err
		}
		got, err := host.ReadOnce(conn, make([]byte, 1<<17))
		if err == nil && bytes.Equal(got, sent) {
			whole = append(whole, size)
		}
		conn.Close()
	}
	return seen{"whole": whole}, nil
}
