// Command hostprobe talks to a guest agent with the packages that Lima's own
// host uses, and prints what it saw as one JSON object.
//
// It plays both sides: its listeners stand for programs of the guest, so it
// must run in the network namespace of the agent. What is right is decided by
// whoever reads the JSON; hostprobe fails only when it cannot go on.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"nixvm.invalid/peers/host"
)

// guest is the agent that is looked at.
type guest struct {
	socket string
	agent  host.Process
}

// seen is what a probe reports.
type seen map[string]any

var probes = map[string]func(guest) (seen, error){
	"basics":    basics,
	"brief":     brief,
	"churn":     churn,
	"closing":   closing,
	"crowd":     crowd,
	"datagrams": datagrams,
	"delayed":   delayed,
	"ended":     ended,
	"gaps":      gaps,
	"parallel":  parallel,
	"reconnect": reconnect,
	"refused":   refused,
	"restart":   restart,
	"two":       two,
}

func main() {
	socket := flag.String("socket", host.Socket, "Unix socket of the agent")
	flag.Parse()
	probe, known := probes[flag.Arg(0)]
	if !known {
		names := strings.Join(slices.Sorted(maps.Keys(probes)), ", ")
		fmt.Fprintln(os.Stderr, "hostprobe: name a probe:", names)
		os.Exit(2)
	}
	agent, err := host.Agent(*socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostprobe:", err)
		os.Exit(1)
	}
	result, err := probe(guest{*socket, agent})
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostprobe:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}
