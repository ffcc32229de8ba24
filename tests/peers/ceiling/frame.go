package main

import (
	"encoding/binary"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"google.golang.org/protobuf/proto"
)

// Types and flags of frames, RFC 9113 section 6.
const (
	typeData         = 0
	typeHeaders      = 1
	typeReset        = 3
	typeSettings     = 4
	typePing         = 6
	typeWindowUpdate = 8

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4

	headLength  = 9
	frameLength = 16384
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Header blocks without Huffman code and without the dynamic table.
var (
	responseHeaders = append([]byte{0x88, 0x0f, 0x10, 16}, "application/grpc"...)
	trailers        = append([]byte{0x00, 11}, "grpc-status\x010"...)
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	out := make([]byte, headLength, headLength+len(payload))
	binary.BigEndian.PutUint32(out, uint32(len(payload))<<8|uint32(kind))
	out[4] = flags
	binary.BigEndian.PutUint32(out[5:], stream)
	return append(out, payload...)
}

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// message is a gRPC message of a tunnel, in all so many bytes.
func message(length int) []byte {
	const prefix = 5
	m := &api.TunnelMessage{Id: "tcp-ceiling-1"}
	// The length of the data is itself written in one to four bytes.
	for data := length; data >= 0; data-- {
		m.Data = make([]byte, data)
		if prefix+proto.Size(m) <= length {
			break
		}
	}
	return encode(m)
}

func encode(m *api.TunnelMessage) []byte {
	body, err := proto.Marshal(m)
	if err != nil {
		panic(err) // it is made here and can be encoded
	}
	return append(append([]byte{0}, number(uint32(len(body)))...), body...)
}

// block is DATA frames for one large write, each with one whole message.
type block struct {
	bytes []byte
	// The data in one of them.
	data int
}

func newBlock(stream uint32) *block {
	text := message(frameLength)
	b := &block{data: payload(text)}
	for range 64 {
		b.bytes = append(b.bytes, frame(typeData, 0, stream, text)...)
	}
	return b
}

// cut gives the frames for the next write, and takes their data off what is
// left.
func (b *block) cut(left *int) []byte {
	count := min((*left+b.data-1)/b.data, 64)
	*left -= count * b.data
	return b.bytes[:count*(headLength+frameLength)]
}

// payload is how much data a message carries.
func payload(text []byte) int {
	var m api.TunnelMessage
	if proto.Unmarshal(text[5:], &m) != nil {
		return 0
	}
	return len(m.Data)
}
