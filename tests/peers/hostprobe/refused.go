package main

import (
	"context"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"google.golang.org/grpc/status"

	"nixvm.invalid/peers/host"
)

// refused asks for what is not there, and for what is not allowed.
func refused(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	// Nobody listens there: the namespace is the probe's own.
	tcp, unix := try(c, "tcp", "127.0.0.1:9"), try(c, "unix", "/run/docker.sock")
	return seen{
		"code":      tcp.Code().String(),
		"text":      tcp.Message(),
		"unix_code": unix.Code().String(),
	}, nil
}

func try(c *client.GuestAgentClient, network, addr string) *status.Status {
	ctx, cancel := context.WithTimeout(context.Background(), host.Patience)
	defer cancel()
	stream, err := c.Tunnel(ctx)
	if err == nil {
		_ = stream.Send(&api.TunnelMessage{Id: "x", Protocol: network, GuestAddr: addr})
		_, err = stream.Recv()
	}
	return status.Convert(err)
}
