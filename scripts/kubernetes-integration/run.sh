#!/usr/bin/env bash
# Runs Kubernetes' own integration tests on bin/kube-apiserver and bin/etcd: what upstream starts inside the test's process is replaced by
# processes of ours. Not a part of `npm test`: it needs Go, and downloads and builds Kubernetes' modules (many minutes, about 5 GB).
# docs/INTEGRATION.md has the results.
#
#   scripts/kubernetes-integration/run.sh WORK-DIRECTORY PACKAGE [flags of the test binary…]
#
# PACKAGE is a path below k8s.io/kubernetes/test/integration (apiserver/apply), or apiextensions[/…] for those of k8s.io/apiextensions-apiserver.
# With RAFTSMAN_LOG=1 a test prints the server's arguments and what it said. RAFTSMAN_APISERVER=…/kube-apiserver and PATH put the real ones there.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 2 ] || { sed -n '6,9s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1/bin" "$1/conformance/raftsman"
work=$(cd "$1" && pwd)
package=$2
shift 2
version=1.35.4
here=$root/scripts/kubernetes-integration

cd "$work/conformance"
if [ ! -f ready ]; then
  rm -f go.mod go.sum
  go mod init conformance
  kubernetes=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
  for staging in $(sed -n 's|^\t\(k8s.io/[a-z-]*\) v0.0.0$|\1|p' "$kubernetes"); do
    go mod edit -replace="$staging=$staging@v0.${version#1.}"
  done
  for module in "kubernetes@v$version" "apiextensions-apiserver@v0.${version#1.}"; do
    source=$(go mod download -json "k8s.io/$module" | sed -n 's/.*"Dir": "\(.*\)",\{0,1\}/\1/p')
    rm -rf "$work/${module%@*}" && cp -r "$source" "$work/${module%@*}" && chmod -R u+w "$work/${module%@*}"
    go mod edit -replace="k8s.io/${module%@*}=$work/${module%@*}"
  done
  cp "$here/server.go" raftsman/server.go
  go get -t "k8s.io/kubernetes/test/integration/...@v$version" "k8s.io/apiextensions-apiserver/test/integration/...@v0.${version#1.}"
  touch ready
fi
cp "$here/server.go" raftsman/server.go
cp "$here/kube-apiserver.go" "$work/kubernetes/cmd/kube-apiserver/app/testing/testserver.go"
cp "$here/framework.go" "$work/kubernetes/test/integration/framework/test_server.go"
cp "$here/apiextensions.go" "$work/apiextensions-apiserver/pkg/cmd/server/testing/testserver.go"

case $package in
  apiextensions*) path=k8s.io/apiextensions-apiserver/test/integration${package#apiextensions} ;;
  *) path=k8s.io/kubernetes/test/integration/$package ;;
esac
binary=$work/bin/$(echo "$package" | tr / -).test
go test -c -o "$binary" "$path"
cd "$(go list -f '{{.Dir}}' "$path")"

store=$(mktemp -d)
trap 'kill "$member" 2>/dev/null || true; rm -rf "$store"' EXIT
socket() { node -e 'const s=require("node:net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
client=$(socket) peer=$(socket)
"$root/bin/etcd" --data-dir "$store/data" --unsafe-no-fsync --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
  --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
  > "$store/log" 2>&1 &
member=$!
export KUBE_INTEGRATION_ETCD_URL=http://127.0.0.1:$client RAFTSMAN_APISERVER=${RAFTSMAN_APISERVER:-$root/bin/kube-apiserver} PATH=$root/bin:$PATH TMPDIR=$store
"$binary" -test.v -test.timeout 30m "$@" > "$work/bin/$(basename "$binary").log" 2>&1 || true
grep -E '^ *--- (FAIL|SKIP)|^panic:' "$work/bin/$(basename "$binary").log" || true
for word in PASS SKIP FAIL; do printf '%s %s  ' "$(grep -cE "^--- $word" "$work/bin/$(basename "$binary").log")" "$word"; done
echo
