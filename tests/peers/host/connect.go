// Package host is what the programs beside it share: Lima's own client of a
// guest agent, and listeners that stand for programs of the guest. Both sides
// run in the network namespace of the agent.
package host

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"github.com/lima-vm/lima/v2/pkg/portfwd"
)

// Socket is where an agent listens unless it is told otherwise.
const Socket = "/run/lima-guestagent.sock"

// Patience is how long an answer may take.
const Patience = 5 * time.Second

// Dialer opens a tunnel, as Lima's port forwarder does.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Connect gives a client of the agent at a Unix socket. It connects when it is
// first used, and again when the connection is lost.
func Connect(socket string) (*client.GuestAgentClient, error) {
	return client.NewGuestAgentClient(func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	})
}

// Tunnels is the dialer of a client.
func Tunnels(c *client.GuestAgentClient) Dialer {
	return portfwd.DialContextToGRPCTunnel(c)
}

// Info asks for the open ports.
func Info(c *client.GuestAgentClient) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	info, err := c.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("GetInfo: %w", err)
	}
	return names(info.LocalPorts), nil
}

// CloseWrite closes the host's direction of a tunnel.
func CloseWrite(tunnel net.Conn) error {
	return tunnel.(interface{ CloseWrite() error }).CloseWrite()
}

func names(ports []*api.IPPort) []string {
	out := []string{}
	for _, p := range ports {
		out = append(out, p.Protocol+" "+p.HostString())
	}
	return out
}
