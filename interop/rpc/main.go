// Command rpc calls a Proconsul server with the libraries that Consul 1.16 calls its servers with:
// yamux 0.1.1, and net/rpc over consul-net-rpc's MessagePack codec. It exits 1 at the first surprise.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul-net-rpc/go-msgpack/codec"
	msgpackrpc "github.com/hashicorp/consul-net-rpc/net-rpc-msgpackrpc"
	"github.com/hashicorp/consul-net-rpc/net/rpc"
	"github.com/hashicorp/yamux"
)

var handle = &codec.MsgpackHandle{RawToString: true, BasicHandle: codec.BasicHandle{
	DecodeOptions: codec.DecodeOptions{MapType: reflect.TypeOf(map[string]interface{}{})},
}}

type entry struct {
	Key, Session                        string
	Value                               []byte
	Flags                               uint64
	LockIndex, CreateIndex, ModifyIndex uint64
}
type setRequest struct {
	Datacenter, Op, Token string
	DirEnt                entry
}
type readRequest struct {
	Datacenter, Key               string
	AllowStale, RequireConsistent bool
	MinQueryIndex                 uint64
	MaxQueryTime                  time.Duration
}
type entries struct {
	Entries     []entry
	Index       uint64
	KnownLeader bool
	LastContact time.Duration
}

func must(what string, err error) {
	if err != nil {
		fmt.Printf("FAIL %s: %v\n", what, err)
		os.Exit(1)
	}
}

func check(what string, ok bool, details ...interface{}) {
	if !ok {
		fmt.Printf("FAIL %s %v\n", what, details)
		os.Exit(1)
	}
	fmt.Printf("ok   %s\n", what)
}

func dial(address string, first byte) net.Conn {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	must("dial", err)
	_, err = conn.Write([]byte{first})
	must("first byte", err)
	return conn
}

type stream struct {
	net.Conn
	codec rpc.ClientCodec
}

func open(session *yamux.Session) *stream {
	conn, err := session.Open()
	must("open a stream", err)
	return &stream{conn, msgpackrpc.NewCodecFromHandle(true, true, conn, handle)}
}

func (s *stream) call(method string, args, reply interface{}) error {
	return msgpackrpc.CallWithCodec(s.codec, method, args, reply)
}

func set(key string, value []byte) setRequest {
	return setRequest{Datacenter: "dc1", Op: "set", DirEnt: entry{Key: key, Value: value}}
}

func main() {
	address := os.Args[1]
	session, err := yamux.Client(dial(address, 4), yamux.DefaultConfig())
	must("session", err)
	basics(session)
	large(session)
	blocking(session)
	many(session)
	mistakes(session)
	rtt, err := session.Ping()
	must("session ping", err)
	check("the session is still there: ping", rtt > 0)
	must("go away", session.GoAway())
	must("close", session.Close())
	single(address)
	snapshot(address)
	fmt.Println("PASS")
}

func basics(session *yamux.Session) {
	s := open(session)
	must("ping", s.call("Status.Ping", struct{}{}, &struct{}{}))
	var done bool
	must("set", s.call("KVS.Apply", set("a", []byte("one")), &done))
	var got entries
	must("get", s.call("KVS.Get", readRequest{Datacenter: "dc1", Key: "a"}, &got))
	check("get gives what was set", len(got.Entries) == 1 && string(got.Entries[0].Value) == "one", got)
	check("metadata of a read", got.KnownLeader && got.Index > 0, got)
	must("close", s.Close())
}

func large(session *yamux.Session) {
	s := open(session)
	value := bytes.Repeat([]byte("x"), 400_000)
	var done bool
	for i := 0; i < 20; i++ {
		must("set", s.call("KVS.Apply", set(fmt.Sprintf("large/%d", i), value), &done))
	}
	var got entries
	must("list", s.call("KVS.List", readRequest{Datacenter: "dc1", Key: "large/"}, &got))
	total := 0
	for _, one := range got.Entries {
		total += len(one.Value)
	}
	check("a reply of 8 MB comes whole", total == 20*len(value), total)
}

func blocking(session *yamux.Session) {
	s := open(session)
	var got entries
	must("get", s.call("KVS.Get", readRequest{Datacenter: "dc1", Key: "a"}, &got))
	start := time.Now()
	go func() {
		time.Sleep(200 * time.Millisecond)
		var done bool
		must("set", open(session).call("KVS.Apply", set("a", []byte("two")), &done))
	}()
	var next entries
	request := readRequest{Datacenter: "dc1", Key: "a", MinQueryIndex: got.Index, MaxQueryTime: 10 * time.Second}
	must("blocking get", s.call("KVS.Get", request, &next))
	took := time.Since(start)
	check("a blocking read wakes", string(next.Entries[0].Value) == "two" && took < 2*time.Second, took)
	request.MinQueryIndex = next.Index
	request.MaxQueryTime = 300 * time.Millisecond
	must("blocking get", s.call("KVS.Get", request, &next))
	check("a blocking read ends on time", next.Index == request.MinQueryIndex)
	// Streams that are closed while they wait must not disturb the others.
	request.MaxQueryTime = time.Minute
	for i := 0; i < 50; i++ {
		waiting := open(session)
		go waiting.call("KVS.Get", request, &entries{})
		defer waiting.Close()
	}
	must("ping", s.call("Status.Ping", struct{}{}, &struct{}{}))
}

func many(session *yamux.Session) {
	var group sync.WaitGroup
	start := time.Now()
	const streams, calls = 400, 20
	for i := 0; i < streams; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			s := open(session)
			defer s.Close()
			for j := 0; j < calls; j++ {
				var done bool
				key := fmt.Sprintf("many/%d", i)
				must("set", s.call("KVS.Apply", set(key, []byte(key)), &done))
				var got entries
				must("get", s.call("KVS.Get", readRequest{Datacenter: "dc1", Key: key}, &got))
				if string(got.Entries[0].Value) != key {
					check("each stream gets its own answers", false, got)
				}
			}
		}(i)
	}
	group.Wait()
	rate := float64(2*streams*calls) / time.Since(start).Seconds()
	check(fmt.Sprintf("%d streams at once, %.0f calls a second", streams, rate), true)
}

func mistakes(session *yamux.Session) {
	for _, row := range []struct{ method, text string }{
		{"Nope.Method", "rpc: can't find service Nope.Method"},
		{"KVS.Nope", "rpc: can't find method KVS.Nope"},
		{"KVSGet", "rpc: service/method request ill-formed: KVSGet"},
	} {
		s := open(session)
		err := s.call(row.method, struct{}{}, &struct{}{})
		check(row.text, err != nil && err.Error() == row.text, err)
		_, err = s.Read(make([]byte, 1))
		check("  and the stream is closed", err == io.EOF, err)
	}
	s := open(session)
	err := s.call("KVS.Get", "no struct", &entries{})
	check("an argument of another kind is refused", err != nil, err)
	s = open(session)
	err = s.call("KVS.Apply", setRequest{Datacenter: "dc1", Op: "set"}, new(bool))
	check("a method's refusal", err != nil && err.Error() == "Must provide key", err)
	must("ping on the same stream", s.call("Status.Ping", struct{}{}, &struct{}{}))
	err = open(session).call("KVS.Get", readRequest{Datacenter: "dc9", Key: "a"}, &entries{})
	check("another datacenter", err != nil && err.Error() == "No path to datacenter", err)
}

func single(address string) {
	conn := dial(address, 0)
	one := msgpackrpc.NewCodecFromHandle(true, true, conn, handle)
	for i := 0; i < 10; i++ {
		var got entries
		must("get", msgpackrpc.CallWithCodec(one, "KVS.Get", readRequest{Datacenter: "dc1", Key: "a"}, &got))
	}
	check("requests without yamux", true)
	must("close", conn.Close())
}

func snapshot(address string) {
	conn := dial(address, 5)
	request := map[string]interface{}{"Datacenter": "dc1", "AllowStale": false, "Op": 0, "Token": ""}
	must("request", codec.NewEncoder(conn, handle).Encode(request))
	must("half-close", conn.(*net.TCPConn).CloseWrite())
	var response struct {
		Error string
		Index uint64
	}
	must("response", codec.NewDecoder(conn, handle).Decode(&response))
	archive, err := io.ReadAll(conn)
	must("archive", err)
	check("a snapshot", response.Error == "" && response.Index > 0 && len(archive) > 1000, response, len(archive))
	check("  is an archive", strings.HasPrefix(string(archive), "\x1f\x8b"))
}
