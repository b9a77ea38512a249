// Package testing starts the server under test in place of a kube-apiserver in the test's process.
package testing

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storageversion"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	testutil "k8s.io/kubernetes/test/utils"
	"k8s.io/kubernetes/test/utils/ktesting"

	raftsman "conformance/raftsman"

	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

type TearDownFunc func()

type TestServerInstanceOptions struct {
	SkipHealthzCheck       bool
	EnableCertAuth         bool
	StorageVersionWrapFunc func(storageversion.Manager) storageversion.Manager
	ProxyCA                *ProxyCA
	BinaryVersion          string
	RequestTimeout         time.Duration
}

type TestServer struct {
	ClientConfig      *rest.Config
	ServerOpts        *options.ServerRunOptions
	TearDownFn        TearDownFunc
	TmpDir            string
	EtcdClient        *clientv3.Client
	EtcdStoragePrefix string
}

type Logger interface {
	Helper()
	Errorf(format string, args ...interface{})
	Fatalf(format string, args ...interface{})
	Logf(format string, args ...interface{})
	Cleanup(func())
}

type ProxyCA struct {
	ProxySigningCert *x509.Certificate
	ProxySigningKey  *rsa.PrivateKey
}

func NewDefaultTestServerOptions() *TestServerInstanceOptions {
	return &TestServerInstanceOptions{EnableCertAuth: true}
}

func StartTestServer(t ktesting.TB, instanceOptions *TestServerInstanceOptions, customFlags []string, storageConfig *storagebackend.Config) (TestServer, error) {
	none := TestServer{}
	if instanceOptions == nil {
		instanceOptions = NewDefaultTestServerOptions()
	}
	if instanceOptions.StorageVersionWrapFunc != nil || instanceOptions.BinaryVersion != "" {
		t.Skip("reaches into the server's process")
	}
	dir, err := os.MkdirTemp("", "kube-apiserver")
	if err != nil {
		return none, err
	}
	parsed := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	for _, set := range parsed.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	parsed.Etcd.StorageConfig = *storageConfig
	// Only what tests read back of these counts: the server gets the flags as they are.
	if err := flags.Parse(customFlags); err != nil {
		return none, err
	}
	port, err := raftsman.FreePort()
	if err != nil {
		return none, err
	}
	key, err := raftsman.SigningKey(dir)
	if err != nil {
		return none, err
	}
	given := []string{
		"--etcd-servers=" + strings.Join(storageConfig.Transport.ServerList, ","), "--etcd-prefix=" + storageConfig.Prefix,
		"--service-cluster-ip-range=10.0.0.0/16", "--service-account-issuer=https://foo.bar.example.com",
		"--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
	}
	if files := storageConfig.Transport; files.CertFile != "" {
		given = append(given, "--etcd-cafile="+files.TrustedCAFile, "--etcd-certfile="+files.CertFile, "--etcd-keyfile="+files.KeyFile)
	}
	if instanceOptions.RequestTimeout > 0 {
		given = append(given, "--request-timeout="+instanceOptions.RequestTimeout.String())
	}
	if instanceOptions.EnableCertAuth {
		more, err := authorities(dir, instanceOptions.ProxyCA)
		if err != nil {
			return none, err
		}
		given = append(given, more...)
	}
	server, err := raftsman.Start(dir, port, without(given, customFlags))
	if err != nil {
		return none, err
	}
	if !instanceOptions.SkipHealthzCheck {
		if err := server.WaitHealthy(); err != nil {
			server.Stop()
			return none, err
		}
	}
	etcd, _, err := GetEtcdClients(storageConfig.Transport)
	if err != nil {
		return none, err
	}
	parsed.SecureServing.BindPort = port
	parsed.SecureServing.ServerCert.CertKey.CertFile = server.CertFile
	return TestServer{
		ClientConfig: server.Config, ServerOpts: parsed, TmpDir: dir, EtcdClient: etcd, EtcdStoragePrefix: storageConfig.Prefix,
		TearDownFn: func() {
			server.Stop()
			_ = etcd.Close()
			_ = os.RemoveAll(dir)
		},
	}, nil
}

// without is defaults and then flags; a default whose flag is among flags gives way.
func without(defaults, flags []string) []string {
	given := map[string]bool{}
	for _, flag := range flags {
		name, _, _ := strings.Cut(flag, "=")
		given[name] = true
	}
	kept := []string{}
	for _, flag := range defaults {
		if name, _, _ := strings.Cut(flag, "="); !given[name] {
			kept = append(kept, flag)
		}
	}
	return append(kept, flags...)
}

// authority makes one of that name.
func authority(name string) (*x509.Certificate, *rsa.PrivateKey, error) {
	key, err := testutil.NewPrivateKey()
	if err != nil {
		return nil, nil, err
	}
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: name}, key)
	return certificate, key, err
}

// authorities writes those of clients and of front proxies, with a certificate of the latter for this server.
func authorities(dir string, proxy *ProxyCA) ([]string, error) {
	if proxy == nil {
		certificate, key, err := authority("front-proxy-ca")
		if err != nil {
			return nil, err
		}
		proxy = &ProxyCA{ProxySigningCert: certificate, ProxySigningKey: key}
	}
	clients, _, err := authority("client-ca")
	if err != nil {
		return nil, err
	}
	proxyKey, err := testutil.NewPrivateKey()
	if err != nil {
		return nil, err
	}
	proxyClient, err := testutil.NewSignedCert(&cert.Config{CommonName: "misty", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, proxyKey, proxy.ProxySigningCert, proxy.ProxySigningKey)
	if err != nil {
		return nil, err
	}
	proxyKeyPEM, err := keyutil.MarshalPrivateKeyToPEM(proxyKey)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{
		"proxy-ca.crt": testutil.EncodeCertPEM(proxy.ProxySigningCert), "client-ca.crt": testutil.EncodeCertPEM(clients),
		"proxy-client.crt": testutil.EncodeCertPEM(proxyClient), "proxy-client.key": proxyKeyPEM,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	return []string{
		"--client-ca-file=" + in("client-ca.crt"),
		"--requestheader-client-ca-file=" + in("proxy-ca.crt"), "--requestheader-allowed-names=ash,misty,brock",
		"--requestheader-username-headers=x-remote-user", "--requestheader-group-headers=x-remote-group", "--requestheader-extra-headers-prefix=x-remote-extra-",
		"--proxy-client-cert-file=" + in("proxy-client.crt"), "--proxy-client-key-file=" + in("proxy-client.key"),
	}, nil
}

func GetEtcdClients(config storagebackend.TransportConfig) (*clientv3.Client, clientv3.KV, error) {
	var secure *tls.Config
	if config.CertFile != "" || config.KeyFile != "" || config.TrustedCAFile != "" {
		files := transport.TLSInfo{CertFile: config.CertFile, KeyFile: config.KeyFile, TrustedCAFile: config.TrustedCAFile}
		var err error
		if secure, err = files.ClientConfig(); err != nil {
			return nil, nil, fmt.Errorf("the store's certificates: %w", err)
		}
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: config.ServerList, DialTimeout: 20 * time.Second, DialOptions: []grpc.DialOption{grpc.WithBlock()}, TLS: secure})
	if err != nil {
		return nil, nil, err
	}
	return client, clientv3.NewKV(client), nil
}

func StartTestServerOrDie(t testing.TB, instanceOptions *TestServerInstanceOptions, flags []string, storageConfig *storagebackend.Config) *TestServer {
	server, err := StartTestServer(t, instanceOptions, flags, storageConfig)
	if err != nil {
		t.Fatalf("the server under test did not start: %v", err)
	}
	return &server
}
