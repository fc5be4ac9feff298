// The flow of a user's own program, with HashiCorp's Go client as it is published: keys, transactions, services with a
// TTL check, watching by index, and locks. Ends with "PASS", or with the first thing that was not as expected.
//
// "hold KEY" instead takes a lock and waits until it is lost: see hold.go.
//
// CONSUL_HTTP_ADDR names the agent.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Printf("FAIL: "+format+"\n", args...)
		os.Exit(1)
	}
}

func must(err error) {
	check(err == nil, "%v", err)
}

func main() {
	client, err := api.NewClient(api.DefaultConfig())
	must(err)
	if len(os.Args) == 3 && os.Args[1] == "hold" {
		hold(client, os.Args[2])
		return
	}
	prefix := fmt.Sprintf("go-client/%d/", os.Getpid())
	keys(client, prefix)
	transactions(client, prefix)
	services(client)
	watching(client, prefix)
	locks(client, prefix)
	_, err = client.KV().DeleteTree(prefix, nil)
	must(err)
	fmt.Println("PASS")
}

func keys(client *api.Client, prefix string) {
	kv := client.KV()
	_, err := kv.Put(&api.KVPair{Key: prefix + "a", Value: []byte("1"), Flags: 42}, nil)
	must(err)
	pair, meta, err := kv.Get(prefix+"a", nil)
	must(err)
	check(pair != nil && string(pair.Value) == "1" && pair.Flags == 42, "get: %+v", pair)
	check(meta.LastIndex >= pair.ModifyIndex && meta.KnownLeader, "meta: %+v", meta)
	missing, _, err := kv.Get(prefix+"missing", nil)
	must(err)
	check(missing == nil, "a missing key gives %+v", missing)

	ok, _, err := kv.CAS(&api.KVPair{Key: prefix + "a", Value: []byte("2"), ModifyIndex: pair.ModifyIndex}, nil)
	must(err)
	check(ok, "a cas with the right index is refused")
	ok, _, err = kv.CAS(&api.KVPair{Key: prefix + "a", Value: []byte("3"), ModifyIndex: pair.ModifyIndex}, nil)
	must(err)
	check(!ok, "a cas with an old index is taken")

	_, err = kv.Put(&api.KVPair{Key: prefix + "dir/b", Value: []byte("b")}, nil)
	must(err)
	names, _, err := kv.Keys(prefix, "/", nil)
	must(err)
	check(fmt.Sprint(names) == fmt.Sprint([]string{prefix + "a", prefix + "dir/"}), "keys: %v", names)
	pairs, _, err := kv.List(prefix, nil)
	must(err)
	check(len(pairs) == 2, "list: %d", len(pairs))

	_, err = kv.Put(&api.KVPair{Key: prefix + "big", Value: bytes.Repeat([]byte("x"), 512*1024)}, nil)
	must(err)
	_, err = kv.Put(&api.KVPair{Key: prefix + "big", Value: bytes.Repeat([]byte("x"), 512*1024+1)}, nil)
	check(err != nil && strings.Contains(err.Error(), "413"), "a value over 512 KiB: %v", err)
}

func transactions(client *api.Client, prefix string) {
	ok, response, _, err := client.KV().Txn(api.KVTxnOps{
		{Verb: api.KVSet, Key: prefix + "t1", Value: []byte("x")},
		{Verb: api.KVSet, Key: prefix + "t2", Value: []byte("y")},
		{Verb: api.KVGet, Key: prefix + "t1"},
	}, nil)
	must(err)
	check(ok && len(response.Results) == 3 && string(response.Results[2].Value) == "x", "txn: %+v", response)
	ok, response, _, err = client.KV().Txn(api.KVTxnOps{
		{Verb: api.KVSet, Key: prefix + "t3", Value: []byte("z")},
		{Verb: api.KVCheckIndex, Key: prefix + "t1", Index: 1},
	}, nil)
	must(err)
	check(!ok && len(response.Errors) == 1 && response.Errors[0].OpIndex == 1, "a failing txn: %+v", response)
	pair, _, err := client.KV().Get(prefix+"t3", nil)
	must(err)
	check(pair == nil, "a failed txn left something")
}

func services(client *api.Client) {
	agent := client.Agent()
	id := fmt.Sprintf("go-%d", os.Getpid())
	must(agent.ServiceRegister(&api.AgentServiceRegistration{
		ID: id, Name: id, Port: 8080, Tags: []string{"v1"}, Address: "127.0.0.1",
		Check: &api.AgentServiceCheck{TTL: "2s", DeregisterCriticalServiceAfter: "1m"},
	}))
	found := func(passingOnly bool) int {
		entries, _, err := client.Health().Service(id, "", passingOnly, nil)
		must(err)
		return len(entries)
	}
	until("the service in the catalog", func() bool { return found(false) == 1 })
	check(found(true) == 0, "a TTL check begins critical")
	must(agent.UpdateTTL("service:"+id, "fine", api.HealthPassing))
	until("the service passing", func() bool { return found(true) == 1 })
	until("the TTL run out", func() bool { return found(true) == 0 })
	must(agent.ServiceDeregister(id))
	until("the service gone", func() bool { return found(false) == 0 })
}

func watching(client *api.Client, prefix string) {
	kv := client.KV()
	_, err := kv.Put(&api.KVPair{Key: prefix + "w", Value: []byte("1")}, nil)
	must(err)
	_, meta, err := kv.Get(prefix+"w", nil)
	must(err)
	begin := time.Now()
	_, same, err := kv.Get(prefix+"w", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 500 * time.Millisecond})
	must(err)
	check(time.Since(begin) >= 450*time.Millisecond && same.LastIndex == meta.LastIndex, "a wait without a change")
	go func() {
		time.Sleep(200 * time.Millisecond)
		_, _ = kv.Put(&api.KVPair{Key: prefix + "w", Value: []byte("2")}, nil)
	}()
	pair, changed, err := kv.Get(prefix+"w", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 30 * time.Second})
	must(err)
	check(string(pair.Value) == "2" && changed.LastIndex > meta.LastIndex, "a watch: %+v", pair)
}

func locks(client *api.Client, prefix string) {
	first, err := client.LockOpts(&api.LockOptions{Key: prefix + "lock", SessionTTL: "10s", LockDelay: time.Second})
	must(err)
	lost, err := first.Lock(nil)
	must(err)
	check(lost != nil, "the lock was not won")
	second, err := client.LockOpts(&api.LockOptions{
		Key: prefix + "lock", SessionTTL: "10s", LockTryOnce: true, LockWaitTime: 300 * time.Millisecond,
	})
	must(err)
	other, err := second.Lock(nil)
	must(err)
	check(other == nil, "two hold one lock")

	pair, _, err := client.KV().Get(prefix+"lock", nil)
	must(err)
	_, err = client.Session().Destroy(pair.Session, nil)
	must(err)
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		check(false, "the holder was not told that its session ended")
	}
	// After a forced release nobody gets the lock before its delay, here the client's default of 15 s for the session
	// unless the options say otherwise.
	begin := time.Now()
	third, err := client.LockKey(prefix + "lock")
	must(err)
	won, err := third.Lock(nil)
	must(err)
	check(won != nil && time.Since(begin) >= 800*time.Millisecond, "the lock delay was not kept: %v", time.Since(begin))
	must(third.Unlock())
	must(third.Destroy())
}

func until(what string, condition func() bool) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	check(false, "waited too long for %s", what)
}
