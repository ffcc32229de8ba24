package main

import (
	"time"

	"nixvm.invalid/peers/host"
)

// parallel uses many tunnels at once beside one that is stuck, and looks at
// the memory of the agent: at its peak, and when it is quiet again.
func parallel(b *bench) (numbers, error) {
	if err := b.agent.ResetPeak(); err != nil {
		return nil, err
	}
	load, err := host.Parallel(b.client, b.connections, 20*time.Second)
	if err != nil {
		return nil, err
	}
	peak, err := b.agent.Memory("VmHWM")
	if err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second)
	after, err := b.agent.Memory("VmRSS")
	return numbers{
		"whole":       float64(load.Whole),
		"seconds":     load.Seconds,
		"ping_max_ms": load.PingMs,
		"peak_mib":    peak,
		"after_mib":   after,
	}, err
}
