package main

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nixvm.invalid/peers/host"
)

// idle is a host that is attached and silent, with as many ports and tunnels
// open as was asked for.
func idle(b *bench) (numbers, error) {
	if _, err := openPorts(b.ports); err != nil {
		return nil, err
	}
	told := b.attach()
	if err := b.hold(); err != nil {
		return nil, err
	}
	host.Drain(told, time.Second)
	before, err := b.agent.Switches()
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Duration(b.seconds) * time.Second)
	after, err := b.agent.Switches()
	if err != nil {
		return nil, err
	}
	result := numbers{"switches_in_10": float64(after-before) / float64(b.seconds) * 10}
	if result["rss_mib"], err = b.agent.Memory("VmRSS"); err != nil {
		return nil, err
	}
	if _, err = exec.LookPath("strace"); err == nil {
		if result["calls_in_10"], err = b.calls(); err != nil {
			return nil, err
		}
	}
	return result, b.beside(result)
}

// openPorts opens ports that stay open. Their numbers are below those that the
// kernel gives out, so that none of those runs out.
func openPorts(count int) ([]*host.Port, error) {
	var ports []*host.Port
	for i := range count {
		port, err := host.Bind(host.Loopback, 10000+i)
		if err != nil {
			return nil, err
		}
		if _, err = port.Listen(); err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// hold opens tunnels that stay open; each has moved a message both ways.
func (b *bench) hold() error {
	addr, err := b.echo()
	if err != nil {
		return err
	}
	held = make([]net.Conn, b.tunnels)
	for i := range held {
		if held[i], err = b.dial(context.Background(), "tcp", addr); err != nil {
			return err
		}
		if _, err = ask(held[i], 1); err != nil {
			return err
		}
	}
	return nil
}

var held []net.Conn

// beside measures answers of another tunnel while all of those are open.
func (b *bench) beside(result numbers) error {
	took, err := answers(b)
	result["p50_ms"] = took["p50_ms"]
	return err
}

// calls counts the agent's own system calls. Those of the first second under
// strace are left out: to be looked at interrupts what it waits in.
func (b *bench) calls() (float64, error) {
	trace, err := os.CreateTemp("", "hostbench")
	if err != nil {
		return 0, err
	}
	defer os.Remove(trace.Name())
	pid := strconv.Itoa(int(b.agent))
	strace := exec.Command("strace", "-f", "-qq", "-ttt", "-o", trace.Name(), "-p", pid)
	if err = strace.Start(); err != nil {
		return 0, err
	}
	if err = b.agent.AwaitTracer(); err != nil {
		return 0, err
	}
	time.Sleep(time.Second)
	from := time.Now()
	time.Sleep(time.Duration(b.seconds) * time.Second)
	until := time.Now()
	_ = strace.Process.Signal(syscall.SIGINT)
	_ = strace.Wait() // it ends by the signal
	text, err := io.ReadAll(trace)
	calls := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 3 || strings.HasPrefix(words[2], "<...") {
			continue
		}
		at, err := strconv.ParseFloat(words[1], 64)
		if err == nil && at > seconds(from) && at < seconds(until) {
			calls++
		}
	}
	return float64(calls) / float64(b.seconds) * 10, err
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
