package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"google.golang.org/protobuf/proto"

	"nixvm.invalid/peers/host"
)

// closing writes 1 MiB and closes at once, again and again. Lima's client may
// itself throw away what it has not yet sent when it closes ("cut"), unless
// its forwarder has closed the one direction a moment before; so what
// the server in the guest got is compared with what was on the wire. A stream
// that was ended there must end with FIN, one that was only cancelled with RST.
func closing(g guest) (seen, error) {
	type end struct {
		bytes int64
		fin   bool
	}
	received := make(chan end, 1)
	addr, err := host.Serve(func(conn *net.TCPConn) {
		// A slow start, so that the end overtakes the data if it can.
		time.Sleep(20 * time.Millisecond)
		n, err := io.Copy(io.Discard, conn)
		received <- end{n, err == nil}
	})
	if err != nil {
		return nil, err
	}
	cut, lost, short, odd := 0, 0, 0, 0
	for i := range 20 {
		wire := &wire{}
		c, err := client.NewGuestAgentClient(wire.dial(g.socket))
		if err != nil {
			return nil, err
		}
		conn, err := host.Tunnels(c)(context.Background(), "tcp", addr)
		if err != nil {
			return nil, err
		}
		if _, err = host.WriteAll(conn, make([]byte, host.Share)); err != nil {
			return nil, err
		}
		if i%2 == 1 {
			_ = host.CloseWrite(conn)
			wire.awaitEnd()
		}
		conn.Close()
		select {
		case got := <-received:
			ended := wire.ended.Load()
			if !ended {
				cut++
			}
			if got.bytes < wire.whole(addr) {
				if ended {
					lost++
				} else {
					short++
				}
			}
			if got.fin != ended {
				odd++
			}
		case <-time.After(host.Patience):
			lost++
		}
		c.Close()
	}
	return seen{"cut": cut, "lost": lost, "lost_of_cut": short, "odd_ends": odd}, nil
}

// wire looks at the DATA frames that a client sends.
type wire struct {
	net.Conn
	// Bytes in DATA frames, and whether one of them had END_STREAM.
	data  atomic.Int64
	ended atomic.Bool
	rest  []byte
	skip  int
}

func (w *wire) dial(socket string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		w.Conn, w.skip = conn, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		return w, err
	}
}

// whole is what the complete messages on the wire carried: the first is the
// handshake, and each of the others has a piece of the data.
func (w *wire) whole(addr string) int64 {
	message := &api.TunnelMessage{Id: "tcp-" + addr + "-1", Protocol: "tcp", GuestAddr: addr}
	const prefix = 5 // gRPC's, before each message
	handshake := int64(prefix + proto.Size(message))
	message.Data = make([]byte, host.Chunk)
	return (w.data.Load() - handshake) / int64(prefix+proto.Size(message)) * host.Chunk
}

// awaitEnd waits until END_STREAM is on its way.
func (w *wire) awaitEnd() {
	deadline := time.Now().Add(host.Patience)
	for !w.ended.Load() && time.Now().Before(deadline) {
		time.Sleep(100 * time.Microsecond)
	}
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.count(p[:n])
	return n, err
}

func (w *wire) count(p []byte) {
	for len(p) > 0 {
		if w.skip > 0 {
			n := min(w.skip, len(p))
			w.skip, p = w.skip-n, p[n:]
			continue
		}
		n := min(9-len(w.rest), len(p))
		w.rest, p = append(w.rest, p[:n]...), p[n:]
		if len(w.rest) < 9 {
			return
		}
		length := int(binary.BigEndian.Uint32(w.rest)) >> 8
		if w.rest[3] == 0 {
			w.data.Add(int64(length))
			if w.rest[4]&1 != 0 {
				w.ended.Store(true)
			}
		}
		w.skip, w.rest = length, w.rest[:0]
	}
}
