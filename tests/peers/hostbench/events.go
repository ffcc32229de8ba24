package main

import (
	"errors"
	"fmt"
	"time"

	"nixvm.invalid/peers/host"
)

// apart is the time between two ports that change: an agent that is told of
// one must not tell of the next by chance.
const apart = 30 * time.Millisecond

// events measures how soon the host is told of fresh ports: of those that
// listen at once, of those that listen 50 ms after their bind or later, and of
// those that close. Of the last two all are bound before the first changes: a
// bind would make an agent look that watches binds, and that would be chance.
func events(b *bench) (numbers, error) {
	if _, err := openPorts(b.ports); err != nil {
		return nil, err
	}
	told := b.attach()
	before, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	together, err := b.atOnce(told)
	if err != nil {
		return nil, err
	}
	cpu, err := b.agent.CPU()
	if err != nil {
		return nil, err
	}
	late, closed, err := b.later(told)
	if err != nil {
		return nil, err
	}
	return numbers{
		"together_p50_ms": share(0.5, together), "together_p99_ms": share(0.99, together),
		"late_p50_ms": share(0.5, late), "late_p99_ms": share(0.99, late),
		"closed_p50_ms": share(0.5, closed), "closed_p99_ms": share(0.99, closed),
		"cpu_ms_of_one": (cpu - before).Seconds() * 1e3 / float64(len(together)),
	}, nil
}

// atOnce opens ports one after the other, and gives up after a while: an agent
// that polls has some of them only after seconds. They stay open to the end.
func (b *bench) atOnce(told <-chan host.Told) ([]float64, error) {
	var took []float64
	end := time.Now().Add(time.Duration(b.seconds) * time.Second)
	for len(took) < b.count && time.Now().Before(end) {
		port, opened, err := host.Open()
		if err != nil {
			return nil, err
		}
		at, err := host.Await(told, "+"+port.Name)
		if err != nil {
			return nil, err
		}
		took = append(took, host.Ms(at.Sub(opened)))
		time.Sleep(5 * time.Millisecond)
	}
	return took, nil
}

func (b *bench) later(told <-chan host.Told) (late, closed []float64, err error) {
	var ports []*host.Port
	for range b.count {
		port, err := host.Bind(host.Loopback, 0)
		if err != nil {
			return nil, nil, err
		}
		ports = append(ports, port)
	}
	time.Sleep(50 * time.Millisecond)
	since := map[string]time.Time{}
	for _, port := range ports {
		if since["+"+port.Name], err = port.Listen(); err != nil {
			return nil, nil, err
		}
		time.Sleep(apart)
	}
	if late, err = gather(told, since); err != nil {
		return nil, nil, err
	}
	since = map[string]time.Time{}
	for _, port := range ports {
		since["-"+port.Name] = port.Close()
		time.Sleep(apart)
	}
	closed, err = gather(told, since)
	return late, closed, err
}

// gather reads until all of these were told, and gives how long each took.
func gather(told <-chan host.Told, since map[string]time.Time) ([]float64, error) {
	var took []float64
	deadline := time.After(host.Patience)
	for len(took) < len(since) {
		select {
		case t, open := <-told:
			if !open {
				return nil, errors.New("the events ended")
			}
			if from, wanted := since[t.Text]; wanted {
				took = append(took, host.Ms(t.At.Sub(from)))
			}
		case <-deadline:
			missing := len(since) - len(took)
			return nil, fmt.Errorf("%d ports were not told of within %s", missing, host.Patience)
		}
	}
	return took, nil
}
