// Package testing starts the server under test in place of an apiextensions-apiserver in the test's process.
package testing

import (
	"os"

	"github.com/spf13/pflag"
	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/rest"

	raftsman "conformance/raftsman"
)

type TearDownFunc func()

type TestServerInstanceOptions struct{}

// TestServer has no CompletedConfig: nothing of the server is in this process.
type TestServer struct {
	ClientConfig    *rest.Config
	ServerOpts      *options.CustomResourceDefinitionsServerOptions
	TearDownFn      TearDownFunc
	TmpDir          string
	CompletedConfig apiserver.CompletedConfig
}

type Logger interface {
	Errorf(format string, args ...interface{})
	Fatalf(format string, args ...interface{})
	Logf(format string, args ...interface{})
}

func NewDefaultTestServerOptions() *TestServerInstanceOptions { return &TestServerInstanceOptions{} }

func StartTestServer(t Logger, _ *TestServerInstanceOptions, customFlags []string, storageConfig *storagebackend.Config) (TestServer, error) {
	none := TestServer{}
	dir, err := os.MkdirTemp("", "apiextensions")
	if err != nil {
		return none, err
	}
	parsed := options.NewCustomResourceDefinitionsServerOptions(os.Stdout, os.Stderr)
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	parsed.AddFlags(flags)
	if storageConfig != nil {
		parsed.RecommendedOptions.Etcd.StorageConfig = *storageConfig
	}
	if err := flags.Parse(customFlags); err != nil {
		return none, err
	}
	key, err := raftsman.SigningKey(dir)
	if err != nil {
		return none, err
	}
	port, err := raftsman.FreePort()
	if err != nil {
		return none, err
	}
	// An apiextensions-apiserver asks a kube-apiserver who somebody is and what he may do; this one is both.
	server, err := raftsman.Start(dir, port, append(
		raftsman.ChangedFlags([]*pflag.FlagSet{flags}, "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "authentication-skip-lookup", "secure-port", "bind-address"),
		"--runtime-config=api/all=true", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/16",
		"--service-account-issuer=https://foo.bar.example.com", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
	))
	if err != nil {
		return none, err
	}
	if err := server.WaitHealthy(); err != nil {
		return none, err
	}
	return TestServer{ClientConfig: server.Config, ServerOpts: parsed, TmpDir: dir, TearDownFn: func() {
		server.Stop()
		_ = os.RemoveAll(dir)
	}}, nil
}

func StartTestServerOrDie(t Logger, instanceOptions *TestServerInstanceOptions, flags []string, storageConfig *storagebackend.Config) *TestServer {
	server, err := StartTestServer(t, instanceOptions, flags, storageConfig)
	if err != nil {
		t.Fatalf("the server under test did not start: %v", err)
	}
	return &server
}
