package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"nixvm.invalid/peers/host"
)

var sizes = []int{1, 64, 512, 1472, 1500, 4096, 9000, 16384, 32767, 32768, 32769, 65507}

// whole counts what arrives: of 10 answers after a half-close of the host, and
// of datagrams of 12 sizes.
func whole(b *bench) (numbers, error) {
	server, err := host.Serve(func(conn *net.TCPConn) {
		request, _ := io.ReadAll(conn)
		time.Sleep(20 * time.Millisecond)
		fmt.Fprintf(conn, "answer to %s", request)
	})
	if err != nil {
		return nil, err
	}
	answered := 0
	for range 10 {
		if b.halfClose(server) {
			answered++
		}
	}
	echo, err := host.ServeUDP()
	if err != nil {
		return nil, err
	}
	echoed := 0
	for _, size := range sizes {
		if b.datagram(echo, size) {
			echoed++
		}
	}
	return numbers{"half_close": float64(answered), "datagrams": float64(echoed)}, nil
}

func (b *bench) halfClose(addr string) bool {
	conn, err := b.dial(context.Background(), "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err = conn.Write([]byte("request")); err != nil || host.CloseWrite(conn) != nil {
		return false
	}
	answer, err := host.ReadAll(conn)
	return err == nil && string(answer) == "answer to request"
}

func (b *bench) datagram(addr string, size int) bool {
	conn, err := b.dial(context.Background(), "udp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	sent := bytes.Repeat([]byte{byte(size)}, size)
	if _, err = conn.Write(sent); err != nil {
		return false
	}
	got, err := host.ReadOnce(conn, make([]byte, 1<<17))
	return err == nil && bytes.Equal(got, sent)
}
