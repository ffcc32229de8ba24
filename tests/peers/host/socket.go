package host

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Port is a TCP socket that can be bound long before it listens.
type Port struct {
	fd   int
	Name string
}

// Bind makes a bound socket; 0 is a free port. On 127.0.0.1, or for "any
// address" where a namespace has no loopback.
func Bind(ip [4]byte, port int) (*Port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: ip, Port: port}); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	local := bound.(*syscall.SockaddrInet4)
	addr := net.JoinHostPort(net.IP(local.Addr[:]).String(), strconv.Itoa(local.Port))
	return &Port{fd, "tcp " + addr}, nil
}

// Loopback is 127.0.0.1.
var Loopback = [4]byte{127, 0, 0, 1}

// Listen opens the port; the time is just before that.
func (p *Port) Listen() (time.Time, error) {
	at := time.Now()
	return at, os.NewSyscallError("listen", syscall.Listen(p.fd, 1))
}

// Close closes the port; the time is just before that.
func (p *Port) Close() time.Time {
	at := time.Now()
	_ = syscall.Close(p.fd)
	return at
}

// Open makes a free port and listens at once.
func Open() (*Port, time.Time, error) {
	port, err := Bind(Loopback, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	at, err := port.Listen()
	return port, at, err
}

// Serve answers each connection to a new port of the guest, until the process
// ends.
func Serve(answer func(*net.TCPConn)) (string, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	go func() {
		for {
			conn, err := l.AcceptTCP()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); answer(conn) }()
		}
	}()
	return l.Addr().String(), nil
}

// ServeUDP sends each datagram back.
func ServeUDP() (string, error) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
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
	return server.LocalAddr().String(), nil
}

// ReadAll reads to the end, but not for ever: a tunnel has no deadlines.
func ReadAll(conn net.Conn) ([]byte, error) {
	return within(time.Minute, func() ([]byte, error) { return io.ReadAll(conn) })
}

// ReadOnce reads what comes next, but does not wait for ever.
func ReadOnce(conn net.Conn, buffer []byte) ([]byte, error) {
	return within(Patience, func() ([]byte, error) {
		n, err := conn.Read(buffer)
		return buffer[:n], err
	})
}

func within(limit time.Duration, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-time.After(limit):
		return nil, errors.New("no end of stream")
	}
}
