package main

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// connects opens a tunnel, moves one byte there and back, and closes it.
func connects(b *bench) (numbers, error) {
	addr, err := b.echo()
	if err != nil {
		return nil, err
	}
	before, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	var done atomic.Int64
	start := time.Now()
	end := start.Add(time.Duration(b.seconds) * time.Second)
	err = b.together(func() error {
		for time.Now().Before(end) {
			if err := b.once(addr); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	count := float64(done.Load())
	seconds := time.Since(start).Seconds()
	after, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	return numbers{
		"per_s":         count / seconds,
		"cpu_us_of_one": (after - before).Seconds() / count * 1e6,
	}, nil
}

func (b *bench) once(addr string) error {
	conn, err := b.dial(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err = conn.Write([]byte{1}); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}
