package main

import (
	"slices"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"

	"nixvm.invalid/peers/host"
)

// two hosts watch the same agent and use its tunnels at once: both must be
// told of each port exactly once, and both must be served.
func two(g guest) (seen, error) {
	var hosts [2]*client.GuestAgentClient
	var told [2]<-chan host.Told
	for i := range hosts {
		c, err := host.Connect(g.socket)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		events, stop := host.Watch(c)
		defer stop()
		host.Drain(events, 500*time.Millisecond)
		hosts[i], told[i] = c, events
	}
	var ports []*host.Port
	for range 20 {
		port, _, err := host.Open()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	added := [2]bool{}
	for i := range told {
		got := host.Drain(told[i], time.Second)
		added[i] = slices.Equal(sorted(got), signed("+", ports))
	}
	for _, port := range ports {
		port.Close()
	}
	removed := [2]bool{}
	for i := range told {
		got := host.Drain(told[i], time.Second)
		removed[i] = slices.Equal(sorted(got), signed("-", ports))
	}
	whole, err := both(hosts)
	return seen{"added_once": added, "removed_once": removed, "whole": whole}, err
}

// both hosts move data at the same time.
func both(hosts [2]*client.GuestAgentClient) (whole [2]int, err error) {
	done := make(chan error)
	for i, c := range hosts {
		go func() {
			load, err := host.Parallel(c, 50, time.Minute)
			if err == nil {
				whole[i] = load.Whole
			}
			done <- err
		}()
	}
	first, second := <-done, <-done
	if first != nil {
		return whole, first
	}
	return whole, second
}
