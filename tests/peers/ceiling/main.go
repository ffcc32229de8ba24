// Command ceiling is the fastest server that a tunnel of Lima's client can
// have: it has no guest, copies nothing, and makes up its answers. What the
// client reaches with it is what no agent can exceed on this machine.
//
// It speaks just enough HTTP/2 for the Tunnel call, with frames written by
// hand. The address that the client dials says what to do: "sink:N" takes N
// bytes and answers with one, "source:N" sends N bytes, "echo:0" answers each
// message with one of the same size.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"

	"nixvm.invalid/peers/host"
)

func main() {
	socket := flag.String("socket", host.Socket, "Unix socket to listen at")
	flag.Parse()
	if err := serve(*socket); err != nil {
		fmt.Fprintln(os.Stderr, "ceiling:", err)
		os.Exit(1)
	}
}

func serve(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	for {
		socket, err := listener.Accept()
		if err != nil {
			return err
		}
		go newConn(socket).run()
	}
}
