package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/consul/api"
)

// hold takes a lock as a user's program does, and prints what becomes of it, a line an event: "held", "lost" with the
// time since it was held, or "failed". While it holds the lock it answers each line of its input with "still held".
func hold(client *api.Client, key string) {
	lock, err := client.LockKey(key)
	must(err)
	begin := time.Now()
	lost, err := lock.Lock(nil)
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	fmt.Println("held", time.Since(begin).Milliseconds())
	begin = time.Now()
	go func() {
		for {
			var line string
			if _, err := fmt.Scanln(&line); err != nil {
				return
			}
			fmt.Println("still held", time.Since(begin).Milliseconds())
		}
	}()
	<-lost
	fmt.Println("lost", time.Since(begin).Milliseconds())
}
