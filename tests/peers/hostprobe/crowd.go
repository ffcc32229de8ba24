package main

import (
	"slices"
	"time"

	"nixvm.invalid/peers/host"
)

// crowd opens 500 ports at once and closes them at once: each must be told
// exactly once, both times.
func crowd(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	told, stop := host.Watch(c)
	defer stop()
	host.Drain(told, 300*time.Millisecond)
	var ports []*host.Port
	for range 500 {
		port, err := host.Bind(host.Loopback, 0)
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	for _, port := range ports {
		if _, err = port.Listen(); err != nil {
			return nil, err
		}
	}
	added := host.Drain(told, time.Second)
	for _, port := range ports {
		port.Close()
	}
	removed := host.Drain(told, time.Second)
	return seen{
		"added_once":   slices.Equal(sorted(added), signed("+", ports)),
		"removed_once": slices.Equal(sorted(removed), signed("-", ports)),
	}, nil
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }

func signed(sign string, ports []*host.Port) []string {
	var texts []string
	for _, port := range ports {
		texts = append(texts, sign+port.Name)
	}
	return sorted(texts)
}
