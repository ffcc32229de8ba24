package main

import (
	"strings"
	"time"

	"nixvm.invalid/peers/host"
)

// brief opens listeners for 20 ms each. Whoever was told of one must also be
// told of its end, in this order; "stuck" are those that the host would keep.
func brief(g guest) (seen, error) {
	c, err := host.Connect(g.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	told, stop := host.Watch(c)
	defer stop()
	host.Drain(told, 300*time.Millisecond)
	const count = 100
	for range count {
		port, _, err := host.Open()
		if err != nil {
			return nil, err
		}
		time.Sleep(20 * time.Millisecond)
		port.Close()
	}
	events := host.Drain(told, 1500*time.Millisecond)
	open, added, odd := map[string]bool{}, 0, 0
	for _, text := range events {
		name, opened := strings.CutPrefix(text, "+")
		if !opened {
			name = strings.TrimPrefix(text, "-")
		}
		if open[name] == opened {
			odd++
		}
		open[name] = opened
		if opened {
			added++
		} else {
			delete(open, name)
		}
	}
	info, err := host.Info(c)
	return seen{
		"listeners":  count,
		"added":      added,
		"odd":        odd,
		"stuck":      len(open),
		"info_ports": info,
	}, err
}
