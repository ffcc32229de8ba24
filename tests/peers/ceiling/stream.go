package main

import (
	"strconv"
	"strings"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"google.golang.org/protobuf/proto"

	"nixvm.invalid/peers/host"
)

// stream is one tunnel.
type stream struct {
	id uint32
	// What it does: sink, source or echo; nothing before the handshake.
	act string
	// A sink's bytes that are still to come; they are not looked at.
	left int
	// An echo's answer, as a frame.
	answer []byte

	window int
	gone   bool
}

// data takes a DATA frame. Lima's client puts a short message into a frame of
// its own, so what a sink has not asked for is exactly one message.
func (c *conn) data(s *stream, bytes []byte) {
	switch s.act {
	case "":
		c.begin(s, bytes)
	case "sink":
		if s.left -= len(bytes); s.left == 0 {
			c.out = append(c.out, dataFrame(s.id, 1)...)
		}
	case "echo":
		// The first answer is sent again and again.
		if len(bytes) > 0 && s.answer == nil {
			s.answer = dataFrame(s.id, payload(bytes))
		}
		if len(bytes) > 0 {
			c.out = append(c.out, s.answer...)
		}
	}
}

func (c *conn) begin(s *stream, payload []byte) {
	var m api.TunnelMessage
	if len(payload) < 5 || proto.Unmarshal(payload[5:], &m) != nil {
		return
	}
	act, text, _ := strings.Cut(m.GuestAddr, ":")
	bytes, err := strconv.Atoi(text)
	if err != nil {
		return
	}
	s.act = act
	c.out = append(c.out, frame(typeHeaders, flagEndHeaders, s.id, responseHeaders)...)
	switch act {
	case "sink":
		s.left = wireLength(&m, bytes)
	case "source":
		go c.pour(s, bytes)
	}
}

// wireLength is what a client sends that writes so many bytes, as Lima's
// forwarder does.
func wireLength(m *api.TunnelMessage, bytes int) int {
	length := 0
	for ; bytes > 0; bytes -= host.Chunk {
		m.Data = make([]byte, min(bytes, host.Chunk))
		length += 5 + proto.Size(m)
	}
	return length
}

func dataFrame(id uint32, length int) []byte {
	m := &api.TunnelMessage{Id: "tcp-ceiling-1", Data: make([]byte, length)}
	return frame(typeData, 0, id, encode(m))
}

// end answers the end of the client's direction.
func (c *conn) end(s *stream) {
	if s.act != "source" {
		flags := byte(flagEndStream | flagEndHeaders)
		c.out = append(c.out, frame(typeHeaders, flags, s.id, trailers)...)
		c.forget(s.id)
	}
}

// pour sends so many bytes, in large writes of frames that are made before.
func (c *conn) pour(s *stream, bytes int) {
	block := newBlock(s.id)
	for bytes > 0 && !c.write(s, block.cut(&bytes)) {
	}
	flags := byte(flagEndStream | flagEndHeaders)
	c.write(s, frame(typeHeaders, flags, s.id, trailers))
}

// write waits for the windows; says whether the stream is over.
func (c *conn) write(s *stream, bytes []byte) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	for !s.gone && min(s.window, c.window) < len(bytes) {
		c.more.Wait()
	}
	if s.gone {
		return true
	}
	s.window -= len(bytes)
	c.window -= len(bytes)
	_, err := c.socket.Write(bytes)
	return err != nil
}
