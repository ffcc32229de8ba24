package host

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is the agent, seen from outside.
type Process int

// Agent is the process that listens at a Unix socket.
func Agent(socket string) (Process, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	file, err := conn.(*net.UnixConn).File()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	peer, err := unix.GetsockoptUcred(int(file.Fd()), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, os.NewSyscallError("getsockopt", err)
	}
	return Process(peer.Pid), nil
}

// CPU is the time that all its threads have run, those included that have
// ended. It is the process's own clock, in nanoseconds: the times in
// /proc/PID/stat only count in steps of 10 ms.
func (p Process) CPU() (time.Duration, error) {
	// As clock_getcpuclockid(3) makes it: the id inverted, and 2 for
	// scheduled time of the whole process.
	clock := (^int32(p))<<3 | 2
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("reading the clock of process %d: %w", p, err)
	}
	return time.Duration(ts.Nano()), nil
}

// Memory reads a line of /proc/PID/status that is in kB, as "VmRSS" or
// "VmHWM", in MiB.
func (p Process) Memory(key string) (float64, error) {
	kb, err := p.status("", key)
	return float64(kb) / 1024, err
}

// ResetPeak makes VmHWM start again from what is resident now.
func (p Process) ResetPeak() error {
	return os.WriteFile(p.path("clear_refs"), []byte("5"), 0)
}

// Switches is how often its threads were switched to or from, by their own
// will or not.
func (p Process) Switches() (int, error) {
	tasks, err := os.ReadDir(p.path("task"))
	if err != nil {
		return 0, err
	}
	total := 0
	for _, task := range tasks {
		for _, key := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			n, err := p.status(filepath.Join("task", task.Name()), key)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

// Files is how many descriptors it has open.
func (p Process) Files() (int, error) {
	entries, err := os.ReadDir(p.path("fd"))
	return len(entries), err
}

// AwaitTracer waits until each of its threads is traced.
func (p Process) AwaitTracer() error {
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); {
		tasks, err := os.ReadDir(p.path("task"))
		if err != nil {
			return err
		}
		traced := true
		for _, task := range tasks {
			by, err := p.status(filepath.Join("task", task.Name()), "TracerPid")
			traced = traced && err == nil && by != 0
		}
		if traced {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("process %d is not traced within %s", p, Patience)
}

func (p Process) status(task, key string) (int, error) {
	text, err := os.ReadFile(p.path(filepath.Join(task, "status")))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, key+":"); found {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, fmt.Errorf("process %d has no %s", p, key)
}

func (p Process) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(int(p)), name)
}
