package main

import (
	"context"
	"fmt"
	"time"

	"nixvm.invalid/peers/host"
)

// bulk moves data through tunnels, one way, in pieces as Lima's forwarder does.
func bulk(b *bench) (numbers, error) {
	each := b.mib << 20 / b.connections
	target, move := b.sink, upload
	if b.direction == "down" {
		target, move = b.source, download
	}
	addr, err := target(each)
	if err != nil {
		return nil, err
	}
	before, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err = b.together(func() error { return move(b, addr, each) }); err != nil {
		return nil, err
	}
	seconds := time.Since(start).Seconds()
	after, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	moved := float64(each*b.connections) / (1 << 20)
	return numbers{
		"mib_s":         moved / seconds,
		"cpu_s_per_gib": (after - before).Seconds() / moved * 1024,
	}, nil
}

// together runs the same once for each connection, and gives the first error.
func (b *bench) together(body func() error) error {
	done := make(chan error, b.connections)
	for range b.connections {
		go func() { done <- body() }()
	}
	var first error
	for range b.connections {
		if err := <-done; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func upload(b *bench, addr string, bytes int) error {
	conn, err := b.dial(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	chunk := make([]byte, host.Chunk)
	for left := bytes; left > 0; left -= len(chunk) {
		if _, err = conn.Write(chunk[:min(left, len(chunk))]); err != nil {
			return err
		}
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

func download(b *bench, addr string, bytes int) error {
	conn, err := b.dial(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	buffer := make([]byte, host.Chunk)
	for left := bytes; left > 0; {
		n, err := conn.Read(buffer)
		if err != nil {
			return fmt.Errorf("%d bytes before the end: %w", left, err)
		}
		left -= n
	}
	return nil
}
