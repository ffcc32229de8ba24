// Command hostprobe talks to a guest agent with the packages that Lima's own
// host uses, and prints what it saw as one JSON object.
//
// It plays both sides: its listeners stand for programs of the guest, so it
// must run in the network namespace of the agent. What is right is decided by
// whoever reads the JSON; hostprobe fails only when it cannot go on.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
	"github.com/lima-vm/lima/v2/pkg/portfwd"
	"google.golang.org/grpc/status"
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

// halfClose sends a request, closes its own direction, and waits for an answer.
func (r *report) halfClose(dial dialer) error {
	addr, err := serve(func(conn net.Conn) {
		request, _ := io.ReadAll(conn)
		time.Sleep(50 * time.Millisecond)
		fmt.Fprintf(conn, "answer to %s", request)
	})
	if err != nil {
		return err
	}
	conn, err := dial(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err = conn.Write([]byte("request")); err != nil {
		return err
	}
	if err = conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	answer, err := readAll(conn)
	r.HalfClose = string(answer)
	return err
}

// bulk moves 32 MiB each way and compares digests.
func (r *report) bulk(dial dialer) error {
	data := make([]byte, 32<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	want := sha256.Sum256(data)
	down, err := serve(func(conn net.Conn) { _, _ = conn.Write(data) })
	if err != nil {
		return err
	}
	conn, err := dial(context.Background(), "tcp", down)
	if err != nil {
		return err
	}
	got, err := readAll(conn)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	r.DownloadWhole = sha256.Sum256(got) == want

	up, err := serve(func(conn net.Conn) {
		hash := sha256.New()
		_, _ = io.Copy(hash, conn)
		_, _ = conn.Write(hash.Sum(nil))
	})
	if err != nil {
		return err
	}
	if conn, err = dial(context.Background(), "tcp", up); err != nil {
		return err
	}
	for part := range chunks(data) {
		if _, err = conn.Write(part); err != nil {
			return err
		}
	}
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	got, err = readAll(conn)
	r.UploadWhole = bytes.Equal(got, want[:])
	return err
}

func chunks(data []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			part := data[:min(32<<10, len(data))]
			if !yield(part) {
				return
			}
			data = data[len(part):]
		}
	}
}

func (r *report) datagrams(dial dialer) error {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buffer[:n], from)
		}
	}()
	conn, err := dial(context.Background(), "udp", server.LocalAddr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	r.Udp = map[string]bool{}
	for _, size := range []int{1, 512, 1472, 9000, 32767, 32768, 32769, 65507} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if _, err = conn.Write(sent); err != nil {
			return err
		}
		buffer := make([]byte, 1<<17)
		n, err := conn.Read(buffer)
		r.Udp[fmt.Sprint(size)] = err == nil && bytes.Equal(buffer[:n], sent)
	}
	return nil
}

func (r *report) refusals(c *client.GuestAgentClient) error {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	closed.Close()
	refused := try(c, "tcp", closed.Addr().String())
	r.RefusedCode, r.RefusedText = refused.Code().String(), refused.Message()
	r.UnixCode = try(c, "unix", "/run/docker.sock").Code().String()
	return nil
}

func try(c *client.GuestAgentClient, network, addr string) *status.Status {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := c.Tunnel(ctx)
	if err == nil {
		_ = stream.Send(&api.TunnelMessage{Id: "x", Protocol: network, GuestAddr: addr})
		_, err = stream.Recv()
	}
	return status.Convert(err)
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

// serve answers each connection to a new port of the guest.
func serve(answer func(net.Conn)) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); answer(conn) }()
		}
	}()
	return l.Addr().String(), nil
}

// readAll reads to the end, but not for ever: a tunnel has no deadlines.
func readAll(conn net.Conn) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(conn)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-time.After(4 * patience):
		return nil, errors.New("no end of stream")
	}
}

func names(ports []*api.IPPort) []string {
	out := []string{}
	for _, p := range ports {
		out = append(out, p.Protocol+" "+p.HostString())
	}
	return out
}
