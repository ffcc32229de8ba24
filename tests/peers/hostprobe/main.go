// Command hostprobe talks to a guest agent with the packages that Lima's own
// host uses, and prints what it saw as one JSON object.
//
// It plays both sides: its listeners stand for programs of the guest, so it
// must run in the network namespace of the agent. What is right is decided by
// whoever reads the JSON; hostprobe fails only when it cannot go on.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"github.com/lima-vm/lima/v2/pkg/portfwd"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const patience = 5 * time.Second

type report struct {
	InfoPorts     []string        `json:"info_ports"`
	AddedMs       float64         `json:"added_ms"`
	RemovedMs     float64         `json:"removed_ms"`
	SecondStream  []string        `json:"second_stream"`
	HalfClose     string          `json:"half_close"`
	DownloadWhole bool            `json:"download_whole"`
	UploadWhole   bool            `json:"upload_whole"`
	Udp           map[string]bool `json:"udp_sizes_whole"`
	RefusedCode   string          `json:"refused_code"`
	RefusedText   string          `json:"refused_text"`
	UnixCode      string          `json:"unix_code"`
	Adjusted      bool            `json:"time_adjusted"`
	DriftMs       int64           `json:"time_drift_ms"`
	TimeError     string          `json:"time_error"`
	InotifyError  string          `json:"inotify_error"`
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func main() {
	socket := flag.String("socket", "/run/lima-guestagent.sock", "Unix socket of the agent")
	count := flag.Int("latency", 0, "only measure the events of so many ports")
	tunnels := flag.Int("parallel", 0, "only use so many tunnels at once")
	flag.Parse()
	c, err := connect(*socket)
	var result any
	if err == nil && *count > 0 {
		result, err = latency(c, *count)
	} else if err == nil && *tunnels > 0 {
		result, err = parallel(c, *tunnels)
	} else if err == nil {
		result, err = probe(c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostprobe:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}

func connect(socket string) (*client.GuestAgentClient, error) {
	return client.NewGuestAgentClient(func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	})
}

func probe(c *client.GuestAgentClient) (*report, error) {
	r := &report{}
	dial := portfwd.DialContextToGRPCTunnel(c)
	for _, step := range []func() error{
		func() error { return r.info(c) },
		func() error { return r.events(c) },
		func() error { return r.halfClose(dial) },
		func() error { return r.bulk(dial) },
		func() error { return r.datagrams(dial) },
		func() error { return r.refusals(c) },
		func() error { return r.time(c) },
		func() error { return r.inotify(c) },
	} {
		if err := step(); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *report) info(c *client.GuestAgentClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	info, err := c.Info(ctx)
	if err != nil {
		return fmt.Errorf("GetInfo: %w", err)
	}
	r.InfoPorts = names(info.LocalPorts)
	return nil
}

// events measures how soon a port is told of, and what a second stream says.
func (r *report) events(c *client.GuestAgentClient) error {
	got, stop := watch(c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	opened := time.Now()
	name := "+tcp " + l.Addr().String()
	if r.AddedMs, err = await(got, name, opened); err != nil {
		return err
	}
	kept, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer kept.Close()
	if _, err = await(got, "+tcp "+kept.Addr().String(), time.Now()); err != nil {
		return err
	}
	closed := time.Now()
	l.Close()
	if r.RemovedMs, err = await(got, "-"+name[1:], closed); err != nil {
		return err
	}
	stop()
	again, stop := watch(c)
	defer stop()
	r.SecondStream = []string{}
	for {
		select {
		case text := <-again:
			r.SecondStream = append(r.SecondStream, text)
		case <-time.After(300 * time.Millisecond):
			return nil
		}
	}
}

func watch(c *client.GuestAgentClient) (<-chan string, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan string, 1024)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Events(ctx, func(e *api.Event) {
			for _, name := range names(e.RemovedLocalPorts) {
				got <- "-" + name
			}
			for _, name := range names(e.AddedLocalPorts) {
				got <- "+" + name
			}
			for _, text := range e.Errors {
				got <- "!" + text
			}
		})
	}()
	return got, func() { cancel(); <-ended }
}

func await(got <-chan string, name string, since time.Time) (float64, error) {
	deadline := time.After(patience)
	for {
		select {
		case text := <-got:
			if text == name {
				return float64(time.Since(since).Microseconds()) / 1000, nil
			}
		case <-deadline:
			return 0, fmt.Errorf("no event %q within %s", name, patience)
		}
	}
}

func (r *report) time(c *client.GuestAgentClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := c.SyncTime(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("SyncTime: %w", err)
	}
	r.Adjusted, r.DriftMs, r.TimeError = answer.Adjusted, answer.DriftMs, answer.Error
	return nil
}

func (r *report) inotify(c *client.GuestAgentClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := c.Inotify(ctx)
	if err != nil {
		return err
	}
	message := &api.Inotify{MountPath: "/etc/hostname", Time: timestamppb.Now()}
	if err = stream.Send(message); err != nil {
		return err
	}
	if _, err = stream.CloseAndRecv(); err != nil {
		r.InotifyError = err.Error()
	}
	return nil
}

func names(ports []*api.IPPort) []string {
	out := []string{}
	for _, p := range ports {
		out = append(out, p.Protocol+" "+p.HostString())
	}
	return out
}
