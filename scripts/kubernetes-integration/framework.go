package framework

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/spf13/pflag"
	client "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	raftsman "conformance/raftsman"

	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	"k8s.io/kubernetes/pkg/controlplane"
)

type TestServerSetup struct {
	ModifyServerRunOptions func(*options.ServerRunOptions)
	ModifyServerConfig     func(*controlplane.Config)
}

type TearDownFunc func()

// StartTestServer starts the server under test with the flags that say what the test has changed in the options.
func StartTestServer(_ context.Context, t testing.TB, setup TestServerSetup) (client.Interface, *rest.Config, TearDownFunc) {
	if setup.ModifyServerConfig != nil {
		t.Skip("reaches into the server's process")
	}
	dir, err := os.MkdirTemp("", "integration")
	if err != nil {
		t.Fatal(err)
	}
	key, err := raftsman.SigningKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	opts := options.NewServerRunOptions()
	opts.Etcd.StorageConfig.Prefix = path.Join("/", uuid.New().String(), "registry")
	opts.Etcd.StorageConfig.Transport.ServerList = []string{GetEtcdURL()}
	opts.ServiceClusterIPRanges = "10.0.0.0/24"
	opts.ServiceAccountSigningKeyFile = key
	opts.Authentication.APIAudiences = []string{"https://foo.bar.example.com"}
	opts.Authentication.ServiceAccounts.Issuers = []string{"https://foo.bar.example.com"}
	opts.Authentication.ServiceAccounts.KeyFiles = []string{key}
	opts.Authorization.Modes = []string{"Node", "RBAC"}
	// As upstream's, tests find the files of the server here.
	opts.SecureServing.ServerCert.CertDirectory = dir
	if setup.ModifyServerRunOptions != nil {
		setup.ModifyServerRunOptions(opts)
	}
	sets := []*pflag.FlagSet{}
	named := opts.Flags()
	for _, name := range named.Order {
		sets = append(sets, named.FlagSets[name])
	}
	port, err := raftsman.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	server, err := raftsman.Start(dir, port, raftsman.ChangedFlags(sets, "cert-dir", "secure-port", "bind-address", "feature-gates", "emulated-version", "min-compatibility-version"))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.WaitHealthy(); err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(server.Config)
	config.CAData, config.CAFile = nil, filepath.Join(dir, "apiserver.crt")
	clients, err := client.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return clients, config, func() {
		server.Stop()
		_ = os.RemoveAll(dir)
	}
}
