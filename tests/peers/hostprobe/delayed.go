package main

import (
	"bytes"
	"io"
	"net"
	"time"

	"nixvm.invalid/peers/host"
)

// delayed closes the host's direction after a request whose answer comes half
// a second later, and is long.
func delayed(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	want := bytes.Repeat([]byte("answer\n\x00"), 4<<20/8)
	request := ""
	addr, err := host.Serve(func(conn *net.TCPConn) {
		bytes, _ := io.ReadAll(conn)
		request = string(bytes)
		time.Sleep(500 * time.Millisecond)
		_, _ = conn.Write(want)
	})
	if err != nil {
		return nil, err
	}
	got, err := answer(host.Tunnels(c), addr, []byte("request"))
	if err != nil {
		return nil, err
	}
	return seen{
		"request": request,
		"bytes":   len(got),
		"whole":   bytes.Equal(got, want),
	}, nil
}
