package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// huge is the largest window: a client never waits for it, and is given it
// again when half of it is used.
const huge = 1<<31 - 1

// conn is one connection of a client.
type conn struct {
	socket  net.Conn
	streams map[uint32]*stream
	// What is answered is collected, and written when all is read.
	out []byte
	// What was received since the client's window was opened again.
	used uint32

	// For writing to the socket, and for all below and the streams' windows.
	lock    sync.Mutex
	more    *sync.Cond
	window  int
	initial int
}

func newConn(socket net.Conn) *conn {
	c := &conn{socket: socket, streams: map[uint32]*stream{}}
	c.more = sync.NewCond(&c.lock)
	c.window, c.initial = 65535, 65535
	return c
}

func (c *conn) run() {
	defer c.socket.Close()
	if _, err := io.ReadFull(c.socket, make([]byte, len(preface))); err != nil {
		return
	}
	settings := append([]byte{0, 4}, number(huge)...) // INITIAL_WINDOW_SIZE
	c.out = append(c.out, frame(typeSettings, 0, 0, settings)...)
	c.out = append(c.out, frame(typeWindowUpdate, 0, 0, number(huge-65535))...)
	buffer, filled := make([]byte, 1<<20), 0
	for {
		if c.flush() != nil {
			return
		}
		n, err := c.socket.Read(buffer[filled:])
		if err != nil {
			return
		}
		filled += n
		done := c.take(buffer[:filled])
		filled = copy(buffer, buffer[done:filled])
	}
}

func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	_, err := c.socket.Write(c.out)
	c.out = c.out[:0]
	return err
}

// take handles the whole frames at the begin of the bytes; says how long.
func (c *conn) take(bytes []byte) int {
	done := 0
	for len(bytes)-done >= headLength {
		head := bytes[done : done+headLength]
		length := int(binary.BigEndian.Uint32(head) >> 8)
		if len(bytes)-done < headLength+length {
			break
		}
		done += headLength + length
		payload := bytes[done-length : done]
		c.handle(head[3], head[4], binary.BigEndian.Uint32(head[5:]), payload)
	}
	return done
}

func (c *conn) handle(kind, flags byte, id uint32, payload []byte) {
	switch kind {
	case typeHeaders:
		c.streams[id] = &stream{id: id, window: c.initial}
	case typeData:
		c.consume(uint32(len(payload)))
		if s := c.streams[id]; s != nil {
			c.data(s, payload)
			if flags&flagEndStream != 0 {
				c.end(s)
			}
		}
	case typeReset:
		c.forget(id)
	case typeSettings:
		if flags&flagAck == 0 {
			c.settings(payload)
			c.out = append(c.out, frame(typeSettings, flagAck, 0, nil)...)
		}
	case typePing:
		if flags&flagAck == 0 {
			c.out = append(c.out, frame(typePing, flagAck, 0, payload)...)
		}
	case typeWindowUpdate:
		c.grow(id, int(binary.BigEndian.Uint32(payload)))
	}
}

// consume opens the client's window again when half of it is used.
func (c *conn) consume(length uint32) {
	if c.used += length; c.used > huge/2 {
		c.out = append(c.out, frame(typeWindowUpdate, 0, 0, number(c.used))...)
		c.used = 0
	}
}

// settings looks for INITIAL_WINDOW_SIZE; the client sends it once, before its
// first stream.
func (c *conn) settings(payload []byte) {
	for ; len(payload) >= 6; payload = payload[6:] {
		if binary.BigEndian.Uint16(payload) == 4 {
			c.initial = int(binary.BigEndian.Uint32(payload[2:]))
		}
	}
}

func (c *conn) grow(id uint32, by int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if id == 0 {
		c.window += by
	} else if s := c.streams[id]; s != nil {
		s.window += by
	}
	c.more.Broadcast()
}

func (c *conn) forget(id uint32) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if s := c.streams[id]; s != nil {
		s.gone = true
	}
	delete(c.streams, id)
	c.more.Broadcast()
}
