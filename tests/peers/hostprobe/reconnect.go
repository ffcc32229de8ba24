package main

import (
	"time"

	"nixvm.invalid/peers/host"
)

// reconnect is a host that goes and comes back three times: it must hear of
// what has changed, and of nothing else.
func reconnect(g guest) (seen, error) {
	kept, _, err := host.Open()
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	var last *host.Port
	first, changes := []string{}, 0
	for i := range 4 {
		c, err := host.Connect(g.socket)
		if err != nil {
			return nil, err
		}
		told, stop := host.Watch(c)
		got := host.Drain(told, 700*time.Millisecond)
		if i == 0 {
			first = got
		} else if want := []string{"+" + last.Name}; len(got) == 1 && got[0] == want[0] {
			changes++
		}
		if i%2 == 0 {
			// Half of the hosts say that they go, half of them just go.
			stop()
		}
		c.Close()
		time.Sleep(100 * time.Millisecond)
		if last, _, err = host.Open(); err != nil {
			return nil, err
		}
		stop()
	}
	return seen{
		"first_whole":  len(first) == 1 && first[0] == "+"+kept.Name,
		"changes_only": changes == 3,
	}, nil
}
