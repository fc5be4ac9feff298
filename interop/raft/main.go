// One voter that runs HashiCorp's raft library, for the interop test of src/raft.
//
// Commands come as lines on standard input, each answered by one line of JSON on standard output:
//
//	bootstrap ID=ADDRESS,ID=ADDRESS…   writes the first configuration
//	apply TEXT                         appends TEXT to the replicated list
//	state                              role, term, indexes, leader and the list's length
//	items                              the list
//	snapshot                           takes a snapshot, which trims the log
//	restore JSON                       replaces the list by an archive's
//	transfer ID ADDRESS                hands leadership over
//	add ID ADDRESS                     adds a voter
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// list is the replicated state: every command's text, in order.
type list struct {
	mu    sync.Mutex
	items []string
}

func (l *list) Apply(entry *raft.Log) interface{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, string(entry.Data))
	return len(l.items)
}

func (l *list) copy() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.items...)
}

func (l *list) Snapshot() (raft.FSMSnapshot, error) { return &listSnapshot{l.copy()}, nil }

func (l *list) Restore(from io.ReadCloser) error {
	defer from.Close()
	var items []string
	if err := json.NewDecoder(from).Decode(&items); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = items
	return nil
}

type listSnapshot struct{ items []string }

func (s *listSnapshot) Persist(sink raft.SnapshotSink) error {
	if err := json.NewEncoder(sink).Encode(s.items); err != nil {
		sink.Cancel()
		return err
	}
	return sink.Close()
}

func (s *listSnapshot) Release() {}

// door announces raft with a leading byte, as on Consul's RPC port.
type door struct {
	net.Listener
	leading byte
}

func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		first := make([]byte, 1)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(conn, first); err != nil || first[0] != d.leading {
			conn.Close()
			continue
		}
		conn.SetReadDeadline(time.Time{})
		return conn, nil
	}
}

func (d *door) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", string(address), timeout)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{d.leading}); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

type peer struct {
	raft *raft.Raft
	list *list
}

func (p *peer) run(line string) (interface{}, error) {
	words := strings.SplitN(line, " ", 3)
	argument := func(at int) string {
		if at < len(words) {
			return words[at]
		}
		return ""
	}
	switch words[0] {
	case "bootstrap":
		var configuration raft.Configuration
		for _, one := range strings.Split(argument(1), ",") {
			id, address, _ := strings.Cut(one, "=")
			configuration.Servers = append(configuration.Servers, raft.Server{
				ID: raft.ServerID(id), Address: raft.ServerAddress(address),
			})
		}
		return nil, p.raft.BootstrapCluster(configuration).Error()
	case "apply":
		future := p.raft.Apply([]byte(strings.TrimPrefix(line, "apply ")), 5*time.Second)
		return nil, future.Error()
	case "state":
		address, id := p.raft.LeaderWithID()
		return map[string]interface{}{
			"role": p.raft.State().String(), "term": p.raft.Stats()["term"], "lastIndex": p.raft.LastIndex(),
			"appliedIndex": p.raft.AppliedIndex(), "leaderId": id, "leaderAddress": address,
			"count": len(p.list.copy()), "snapshotIndex": p.raft.Stats()["last_snapshot_index"],
		}, nil
	case "items":
		return p.list.copy(), nil
	case "snapshot":
		return nil, p.raft.Snapshot().Error()
	case "restore":
		state := strings.TrimPrefix(line, "restore ")
		meta := &raft.SnapshotMeta{Version: raft.SnapshotVersionMax, Size: int64(len(state))}
		return nil, p.raft.Restore(meta, strings.NewReader(state), 5*time.Second)
	case "transfer":
		return nil, p.raft.LeadershipTransferToServer(raft.ServerID(argument(1)), raft.ServerAddress(argument(2))).Error()
	case "add":
		return nil, p.raft.AddVoter(raft.ServerID(argument(1)), raft.ServerAddress(argument(2)), 0, 5*time.Second).Error()
	}
	return nil, errors.New("unknown command")
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	id := flag.String("id", "", "server id")
	leading := flag.Int("leading-byte", 1, "first byte of every connection")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	logger := hclog.New(&hclog.LoggerOptions{Name: *id, Level: hclog.Debug, Output: os.Stderr})
	transport := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: &door{listener, byte(*leading)}, MaxPool: 3, Timeout: 10 * time.Second, Logger: logger,
	})
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(*id)
	config.HeartbeatTimeout = 900 * time.Millisecond
	config.ElectionTimeout = 900 * time.Millisecond
	config.LeaderLeaseTimeout = 800 * time.Millisecond
	config.CommitTimeout = 20 * time.Millisecond
	config.TrailingLogs = 4
	config.SnapshotThreshold = 1 << 40
	config.Logger = logger
	store := raft.NewInmemStore()
	own := &list{}
	node, err := raft.NewRaft(config, own, store, store, raft.NewInmemSnapshotStore(), transport)
	if err != nil {
		fail(err)
	}
	out := json.NewEncoder(os.Stdout)
	out.Encode(map[string]string{"address": listener.Addr().String()})

	p := &peer{node, own}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 1<<20), 16<<20)
	for lines.Scan() {
		result, err := p.run(lines.Text())
		if err != nil {
			out.Encode(map[string]string{"error": err.Error()})
			continue
		}
		out.Encode(map[string]interface{}{"result": result})
	}
	node.Shutdown()
}
