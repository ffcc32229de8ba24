package main

import (
	"slices"
	"time"

	"nixvm.invalid/peers/host"
)

// gaps opens ports that listen at once, or only a while after their bind, and
// tells what was said of each.
func gaps(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	told, stop := host.Watch(c)
	defer stop()
	host.Drain(told, 300*time.Millisecond)
	s := seen{}
	for _, gap := range []time.Duration{
		0, 50 * time.Microsecond, time.Millisecond, 50 * time.Millisecond, time.Second,
	} {
		ports, err := openAfter(gap)
		if err != nil {
			return nil, err
		}
		got := host.Drain(told, time.Second)
		s[gap.String()] = slices.Equal(sorted(got), signed("+", ports))
		for _, port := range ports {
			port.Close()
		}
		host.Drain(told, 500*time.Millisecond)
	}
	return s, nil
}

// openAfter makes ten ports. The long pauses they share: all are bound first.
func openAfter(gap time.Duration) ([]*host.Port, error) {
	var ports []*host.Port
	for range 10 {
		port, err := host.Bind(host.Loopback, 0)
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
		if gap < 50*time.Millisecond {
			time.Sleep(gap)
			if _, err = port.Listen(); err != nil {
				return nil, err
			}
		}
	}
	if gap < 50*time.Millisecond {
		return ports, nil
	}
	time.Sleep(gap)
	for _, port := range ports {
		if _, err := port.Listen(); err != nil {
			return nil, err
		}
	}
	return ports, nil
}
