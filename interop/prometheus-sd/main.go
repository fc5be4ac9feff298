// Prometheus' own discovery of services in Consul, as it is published, against an agent.
//
// Prints every group of targets that it sends, one JSON line each, until its input ends: what an instance is
// called, and the labels that relabelling works on. A group without targets means that its service is gone.
//
//	prometheus-sd HOST:PORT [CONFIG as JSON]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// Services and tags are set by the caller; the rest is what a scrape configuration without further words has.
type wanted struct {
	Services   []string
	Tags       []string
	Filter     string
	AllowStale bool
}

func run() error {
	config := consul.DefaultSDConfig
	config.Server = os.Args[1]
	// A new service is found within this time.
	config.RefreshInterval = model.Duration(time.Second)
	if len(os.Args) > 2 {
		var given wanted
		if err := json.Unmarshal([]byte(os.Args[2]), &given); err != nil {
			return err
		}
		config.Services, config.ServiceTags = given.Services, given.Tags
		config.Filter, config.AllowStale = given.Filter, given.AllowStale
	}
	registry := prometheus.NewRegistry()
	refresh := discovery.NewRefreshMetrics(registry)
	metrics := config.NewDiscovererMetrics(registry, refresh)
	if err := metrics.Register(); err != nil {
		return err
	}
	discoverer, err := config.NewDiscoverer(discovery.DiscovererOptions{
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Metrics: metrics,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	groups := make(chan []*targetgroup.Group)
	go discoverer.Run(ctx, groups)
	out := json.NewEncoder(os.Stdout)
	for {
		select {
		case <-ctx.Done():
			return nil
		case sent := <-groups:
			for _, group := range sent {
				if err := out.Encode(map[string]any{
					"source": group.Source, "labels": group.Labels, "targets": group.Targets,
				}); err != nil {
					return err
				}
			}
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
