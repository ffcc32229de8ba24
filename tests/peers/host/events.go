package host

import (
	"context"
	"fmt"
	"time"

	"github.com/lima-vm/lima/v2/pkg/guestagent/api"
	"github.com/lima-vm/lima/v2/pkg/guestagent/api/client"
)

// Told is one port that an event names, and when that came: "+tcp
// 127.0.0.1:80" was opened, "-tcp 127.0.0.1:80" was closed, "!" is an error.
type Told struct {
	Text string
	At   time.Time
}

// Watch hands on what the agent tells, until the stream is stopped or ends;
// then the channel is closed.
func Watch(c *client.GuestAgentClient) (<-chan Told, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	// More than any program here opens and closes in one go.
	told := make(chan Told, 1<<16)
	go func() {
		defer close(told)
		_ = c.Events(ctx, func(e *api.Event) {
			at := time.Now()
			for _, name := range names(e.RemovedLocalPorts) {
				told <- Told{"-" + name, at}
			}
			for _, name := range names(e.AddedLocalPorts) {
				told <- Told{"+" + name, at}
			}
			for _, text := range e.Errors {
				told <- Told{"!" + text, at}
			}
		})
	}()
	return told, cancel
}

// Await waits until something is told and gives the time of that.
func Await(told <-chan Told, text string) (time.Time, error) {
	deadline := time.After(Patience)
	for {
		select {
		case t, open := <-told:
			if !open {
				return time.Time{}, fmt.Errorf("the events ended before %q", text)
			}
			if t.Text == text {
				return t.At, nil
			}
		case <-deadline:
			return time.Time{}, fmt.Errorf("no event %q within %s", text, Patience)
		}
	}
}

// Drain gives what is told until nothing was told for a while.
func Drain(told <-chan Told, quiet time.Duration) []string {
	texts := []string{}
	for {
		select {
		case t, open := <-told:
			if !open {
				return texts
			}
			texts = append(texts, t.Text)
		case <-time.After(quiet):
			return texts
		}
	}
}
