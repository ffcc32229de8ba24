package main

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"nixvm.invalid/peers/host"
)

// answers sends 64 bytes and waits until they come back, again and again.
func answers(b *bench) (numbers, error) {
	addr, err := b.echo()
	if err != nil {
		return nil, err
	}
	var lock sync.Mutex
	var all []float64
	err = b.together(func() error {
		conn, err := b.dial(context.Background(), "tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		took, err := ask(conn, b.count/b.connections)
		lock.Lock()
		defer lock.Unlock()
		all = append(all, took...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return numbers{"p50_ms": share(0.5, all), "p99_ms": share(0.99, all)}, nil
}

func ask(conn net.Conn, count int) ([]float64, error) {
	message := make([]byte, 64)
	took := make([]float64, count)
	for i := range took {
		start := time.Now()
		if _, err := conn.Write(message); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, message); err != nil {
			return nil, err
		}
		took[i] = host.Ms(time.Since(start))
	}
	return took, nil
}
