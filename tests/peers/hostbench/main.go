// Command hostbench puts a guest agent under one load, as Lima's own host
// would, and prints what that took as one JSON object of numbers.
//
// It plays both sides: its listeners stand for programs of the guest, so it
// must run in the network namespace of the agent, which is told from its
// socket. Times of the agent's CPU are those of its process clock.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"

	"nixvm.invalid/peers/host"
)

// bench is what one run works on.
type bench struct {
	client *client.GuestAgentClient
	dial   host.Dialer
	agent  host.Process
	// Instead of an agent there is the ceiling, which makes up its answers.
	ceiling bool

	seconds, count, connections, ports, tunnels, mib int
	direction                                        string
}

// numbers is what a load came to.
type numbers map[string]float64

var loads = map[string]func(*bench) (numbers, error){
	"answers":   answers,
	"bulk":      bulk,
	"connects":  connects,
	"elsewhere": elsewhere,
	"events":    events,
	"idle":      idle,
	"noise":     noise,
	"parallel":  parallel,
	"whole":     whole,
}

func main() {
	b := &bench{}
	socket := flag.String("socket", host.Socket, "Unix socket of the agent")
	flag.BoolVar(&b.ceiling, "ceiling", false, "it is the ceiling, no agent")
	flag.IntVar(&b.seconds, "seconds", 10, "how long")
	flag.IntVar(&b.count, "count", 100, "how often")
	flag.IntVar(&b.connections, "connections", 1, "tunnels in use at once")
	flag.IntVar(&b.ports, "ports", 0, "other ports that are open")
	flag.IntVar(&b.tunnels, "tunnels", 0, "other tunnels that are open")
	flag.IntVar(&b.mib, "mib", 256, "how much data")
	flag.StringVar(&b.direction, "direction", "up", "its direction: up or down")
	flag.Parse()
	if err := b.run(*socket, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "hostbench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(socket, name string) error {
	load, known := loads[name]
	if !known {
		names := slices.Sorted(maps.Keys(loads))
		return fmt.Errorf("name a load: %s", strings.Join(names, ", "))
	}
	var err error
	if b.agent, err = host.Agent(socket); err != nil {
		return err
	}
	if b.client, err = host.Connect(socket); err != nil {
		return err
	}
	b.dial = host.Tunnels(b.client)
	result, err := load(b)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// attach is a host that listens to events, and has heard of what is open.
func (b *bench) attach() <-chan host.Told {
	told, _ := host.Watch(b.client)
	host.Drain(told, time.Second)
	return told
}

// share of sorted values lies below the result.
func share(of float64, values []float64) float64 {
	if len(values) == 0 {
		return -1
	}
	slices.Sort(values)
	return values[int(of*float64(len(values)-1))]
}
