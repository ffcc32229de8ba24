package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"nixvm.invalid/peers/host"
)

// basics uses each call once.
func basics(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := seen{}
	if s["info_ports"], err = host.Info(c); err != nil {
		return nil, err
	}
	dial := host.Tunnels(c)
	for _, step := range []func() error{
		func() error { return s.bulk(dial) },
		func() error { return s.time(c) },
		func() error { return s.inotify(c) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// bulk moves 32 MiB each way and compares digests.
func (s seen) bulk(dial host.Dialer) error {
	data := make([]byte, 32<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	want := sha256.Sum256(data)
	down, err := host.Serve(func(conn *net.TCPConn) { _, _ = conn.Write(data) })
	if err != nil {
		return err
	}
	got, err := answer(dial, down, nil)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	s["download_whole"] = sha256.Sum256(got) == want

	up, err := host.Serve(func(conn *net.TCPConn) {
		hash := sha256.New()
		_, _ = io.Copy(hash, conn)
		_, _ = conn.Write(hash.Sum(nil))
	})
	if err != nil {
		return err
	}
	if got, err = answer(dial, up, data); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	s["upload_whole"] = bytes.Equal(got, want[:])
	return nil
}

// answer sends a request, closes the host's direction, and reads to the end.
func answer(dial host.Dialer, addr string, request []byte) ([]byte, error) {
	conn, err := dial(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err = host.WriteAll(conn, request); err != nil {
		return nil, err
	}
	if err = host.CloseWrite(conn); err != nil {
		return nil, err
	}
	return host.ReadAll(conn)
}

func (s seen) time(c *client.GuestAgentClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), host.Patience)
	defer cancel()
	answer, err := c.SyncTime(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("SyncTime: %w", err)
	}
	s["time_adjusted"], s["time_error"] = answer.Adjusted, answer.Error
	s["time_drift_ms"] = answer.DriftMs
	return nil
}

func (s seen) inotify(c *client.GuestAgentClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), host.Patience)
	defer cancel()
	stream, err := c.Inotify(ctx)
	if err != nil {
		return err
	}
	message := &api.Inotify{MountPath: "/etc/hostname", Time: timestamppb.Now()}
	if err = stream.Send(message); err != nil {
		return err
	}
	s["inotify_error"] = ""
	if _, err = stream.CloseAndRecv(); err != nil {
		s["inotify_error"] = err.Error()
	}
	return nil
}
