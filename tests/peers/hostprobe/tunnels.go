package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"google.golang.org/grpc/status"
)

// halfClose sends a request, closes its own direction, and waits for an answer.
func (r *report) halfClose(dial dialer) error {
	addr, err := serve(func(conn net.Conn) {
		request, _ := io.ReadAll(conn)
		time.Sleep(50 * time.Millisecond)
		fmt.Fprintf(conn, "answer to %s", request)
	})
	if err != nil {
		return err
	}
	conn, err := dial(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err = conn.Write([]byte("request")); err != nil {
		return err
	}
	if err = conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	answer, err := readAll(conn)
	r.HalfClose = string(answer)
	return err
}

// bulk moves 32 MiB each way and compares digests.
func (r *report) bulk(dial dialer) error {
	data := make([]byte, 32<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	want := sha256.Sum256(data)
	down, err := serve(func(conn net.Conn) { _, _ = conn.Write(data) })
	if err != nil {
		return err
	}
	conn, err := dial(context.Background(), "tcp", down)
	if err != nil {
		return err
	}
	got, err := readAll(conn)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	r.DownloadWhole = sha256.Sum256(got) == want

	up, err := serve(func(conn net.Conn) {
		hash := sha256.New()
		_, _ = io.Copy(hash, conn)
		_, _ = conn.Write(hash.Sum(nil))
	})
	if err != nil {
		return err
	}
	if conn, err = dial(context.Background(), "tcp", up); err != nil {
		return err
	}
	for part := range chunks(data) {
		if _, err = conn.Write(part); err != nil {
			return err
		}
	}
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	got, err = readAll(conn)
	r.UploadWhole = bytes.Equal(got, want[:])
	return err
}

func chunks(data []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			part := data[:min(32<<10, len(data))]
			if !yield(part) {
				return
			}
			data = data[len(part):]
		}
	}
}

func (r *report) datagrams(dial dialer) error {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buffer[:n], from)
		}
	}()
	conn, err := dial(context.Background(), "udp", server.LocalAddr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	r.Udp = map[string]bool{}
	for _, size := range []int{1, 512, 1472, 9000, 32767, 32768, 32769, 65507} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if _, err = conn.Write(sent); err != nil {
			return err
		}
		buffer := make([]byte, 1<<17)
		n, err := conn.Read(buffer)
		r.Udp[fmt.Sprint(size)] = err == nil && bytes.Equal(buffer[:n], sent)
	}
	return nil
}

func (r *report) refusals(c *client.GuestAgentClient) error {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	closed.Close()
	refused := try(c, "tcp", closed.Addr().String())
	r.RefusedCode, r.RefusedText = refused.Code().String(), refused.Message()
	r.UnixCode = try(c, "unix", "/run/docker.sock").Code().String()
	return nil
}

func try(c *client.GuestAgentClient, network, addr string) *status.Status {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := c.Tunnel(ctx)
	if err == nil {
		_ = stream.Send(&api.TunnelMessage{Id: "x", Protocol: network, GuestAddr: addr})
		_, err = stream.Recv()
	}
	return status.Convert(err)
}

// serve answers each connection to a new port of the guest.
func serve(answer func(net.Conn)) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); answer(conn) }()
		}
	}()
	return l.Addr().String(), nil
}

// readAll reads to the end, but not for ever: a tunnel has no deadlines.
func readAll(conn net.Conn) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(conn)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-time.After(4 * patience):
		return nil, errors.New("no end of stream")
	}
}
