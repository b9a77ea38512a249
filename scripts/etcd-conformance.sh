#!/usr/bin/env bash
# Runs etcd's own end-to-end tests (both suites) and kube-apiserver's storage tests on bin/etcd. Not a part of `npm test`: it needs Go, and downloads and builds
# both projects' modules (some minutes, about 1 GB). docs/ETCD-CONFORMANCE.md has the results.
#
#   scripts/etcd-conformance.sh [work directory] [regular expression of tests]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-${TMPDIR:-/tmp}/raftsman-conformance}
tests=${2:-.}
etcd_version=v3.6.16
apiserver_version=v0.35.4
export GOFLAGS=-buildvcs=false
mkdir -p "$work/bin" "$work/modules"
cd "$work/modules"
[ -f go.mod ] || go mod init conformance

echo "== etcd $etcd_version: tests/common, tag e2e"
go get -t "go.etcd.io/etcd/tests/v3/common@$etcd_version" "go.etcd.io/etcd/tests/v3/e2e@$etcd_version" "go.etcd.io/etcd/etcdctl/v3@$etcd_version" "go.etcd.io/etcd/etcdutl/v3@$etcd_version"
go build -o "$work/bin/etcdctl" go.etcd.io/etcd/etcdctl/v3
go build -o "$work/bin/etcdutl" go.etcd.io/etcd/etcdutl/v3
ln -sf "$root/bin/etcd" "$work/bin/etcd"
go test -c -tags e2e -o "$work/common.test" go.etcd.io/etcd/tests/v3/common
(cd "$(go list -f '{{.Dir}}' go.etcd.io/etcd/tests/v3/common)" &&
  "$work/common.test" -bin-dir "$work/bin" -test.run "$tests" -test.v -test.timeout 30m) | tee "$work/common.log" | grep -E '^ *--- ' || true

echo "== etcd $etcd_version: tests/e2e, each test in a process of its own, for some never end"
go test -c -tags e2e -o "$work/e2e.test" go.etcd.io/etcd/tests/v3/e2e
: > "$work/e2e.log"
cd "$(go list -f '{{.Dir}}' go.etcd.io/etcd/tests/v3/e2e)"
for name in $("$work/e2e.test" -test.list "$tests" | grep ^Test); do
  timeout -k 5 180 "$work/e2e.test" -bin-dir "$work/bin" -test.run "^$name\$" -test.v > "$work/e2e.one" 2>&1 || true
  grep -qE '^--- ' "$work/e2e.one" || echo "--- FAIL: $name (it did not end)" >> "$work/e2e.one"
  grep -E '^--- ' "$work/e2e.one" || true
  cat "$work/e2e.one" >> "$work/e2e.log"
done
cd "$work/modules"

echo "== kube-apiserver $apiserver_version: storage, its embedded etcd replaced by bin/etcd"
source=$(go mod download -json "k8s.io/apiserver@$apiserver_version" | sed -n 's/.*"Dir": "\(.*\)",\{0,1\}/\1/p')
rm -rf "$work/apiserver" && cp -r "$source" "$work/apiserver" && chmod -R u+w "$work/apiserver"
cat > "$work/apiserver/pkg/storage/etcd3/testserver/test_server.go" <<'GO'
// Package testserver starts the store under test as a process of its own: $RAFTSMAN_ETCD names the program.
package testserver

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

func freeURL(t testing.TB) url.URL {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return url.URL{Scheme: "http", Host: listener.Addr().String()}
}

// NewTestConfig is one member on free ports with a temporary directory.
func NewTestConfig(t testing.TB) *embed.Config {
	config := embed.NewConfig()
	client, peer := freeURL(t), freeURL(t)
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.Dir = t.TempDir()
	return config
}

// RunEtcd runs a member until the test ends, and answers a client of it.
func RunEtcd(t testing.TB, config *embed.Config) *kubernetes.Client {
	t.Helper()
	if config == nil {
		config = NewTestConfig(t)
	}
	client, peer := config.ListenClientUrls[0], config.ListenPeerUrls[0]
	security := config.ClientTLSInfo
	flags := []string{
		"--name=default", "--data-dir=" + config.Dir + "/data",
		"--listen-client-urls=" + client.String(), "--advertise-client-urls=" + client.String(),
		"--listen-peer-urls=" + peer.String(), "--initial-advertise-peer-urls=" + peer.String(),
		"--initial-cluster=default=" + peer.String(),
		fmt.Sprintf("--max-request-bytes=%d", config.MaxRequestBytes),
		"--watch-progress-notify-interval=" + config.WatchProgressNotifyInterval.String(),
	}
	if security.CertFile != "" {
		flags = append(flags, "--cert-file="+security.CertFile, "--key-file="+security.KeyFile, "--trusted-ca-file="+security.TrustedCAFile)
	}
	command := exec.Command(os.Getenv("RAFTSMAN_ETCD"), flags...)
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
	})
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "ready to serve client requests") {
				ready <- true
			}
		}
	}()
	select {
	case <-ready:
	case <-time.After(60 * time.Second):
		t.Fatal("the member did not become ready")
	}
	tlsConfig, err := security.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	made, err := kubernetes.New(clientv3.Config{
		TLS: tlsConfig, Endpoints: []string{client.String()}, DialTimeout: 10 * time.Second,
		DialOptions: []grpc.DialOption{grpc.WithBlock()},
	})
	if err != nil {
		t.Fatal(err)
	}
	made.KV = storagetesting.NewKVRecorder(made.KV)
	made.Kubernetes = storagetesting.NewKubernetesRecorder(made.Kubernetes)
	return made
}
GO
cd "$work/apiserver"
logs=(common e2e)
for package in storage/etcd3 storage/etcd3/preflight storage/cacher storage/storagebackend/factory registry/generic/registry reconcilers; do
  log=$(basename "$package")
  logs+=("$log")
  go test -c -o "$work/$log.test" "./pkg/$package"
  (cd "pkg/$package" &&
    RAFTSMAN_ETCD="$root/bin/etcd" "$work/$log.test" -test.run "$tests" -test.v -test.timeout 20m) |
    tee "$work/$log.log" | grep -E '^ *--- (FAIL|SKIP)|^(PASS|FAIL)' || true
done

for log in "${logs[@]}"; do
  printf '%s: %s passed, %s skipped, %s failed\n' "$log" \
    "$(grep -cE '^--- PASS' "$work/$log.log")" "$(grep -cE '^--- SKIP' "$work/$log.log")" "$(grep -cE '^--- FAIL' "$work/$log.log")"
done
