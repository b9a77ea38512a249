// Package raftsman starts the API server under test as a process of its own: $RAFTSMAN_APISERVER names the program.
package raftsman

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// The token of the user that upstream's test servers answer as their loopback client.
const token = "raftsman-loopback-token"

// Server is a running process.
type Server struct {
	// Config is the loopback client's.
	Config *rest.Config
	// CertFile is the certificate that it shows, and the authority of it.
	CertFile string

	command *exec.Cmd
	ended   chan struct{}
	log     string
}

// Start runs the program with flags, its files in dir, until Stop. Flags of a token file are answered by one that has the loopback user too.
func Start(dir string, port int, flags []string) (*Server, error) {
	certPEM, keyPEM, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.ParseIP("127.0.0.1")}, []string{"localhost", "kubernetes.default.svc"})
	if err != nil {
		return nil, err
	}
	server := &Server{CertFile: filepath.Join(dir, "apiserver.crt"), ended: make(chan struct{}), log: filepath.Join(dir, "apiserver.log")}
	tokens := ""
	kept := []string{}
	own := map[string]bool{}
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		own[name] = true
		if name == "--token-auth-file" {
			text, err := os.ReadFile(value)
			if err != nil {
				return nil, err
			}
			tokens = strings.TrimRight(string(text), "\n") + "\n"
			continue
		}
		kept = append(kept, flag)
	}
	for name, text := range map[string][]byte{
		"apiserver.crt": certPEM, "apiserver.key": keyPEM, "tokens.csv": []byte(tokens + token + ",system:apiserver,loopback,system:masters\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	kept = append(kept, "--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(port), "--token-auth-file="+filepath.Join(dir, "tokens.csv"))
	if !own["--tls-cert-file"] {
		kept = append(kept, "--tls-cert-file="+server.CertFile, "--tls-private-key-file="+filepath.Join(dir, "apiserver.key"))
	}
	if gates := changedGates(); gates != "" && !own["--feature-gates"] {
		kept = append(kept, "--feature-gates="+gates)
	}
	output, err := os.Create(server.log)
	if err != nil {
		return nil, err
	}
	server.command = exec.Command(os.Getenv("RAFTSMAN_APISERVER"), kept...)
	server.command.Stdout, server.command.Stderr = output, output
	server.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getenv("RAFTSMAN_LOG") != "" {
		fmt.Fprintln(os.Stderr, server.command.Args)
	}
	if err := server.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = server.command.Wait()
		_ = output.Close()
		close(server.ended)
	}()
	server.Config = &rest.Config{
		Host: fmt.Sprintf("https://127.0.0.1:%d", port), BearerToken: token, QPS: 1000, Burst: 10000,
		TLSClientConfig: rest.TLSClientConfig{CAData: certPEM},
	}
	return server, nil
}

// WaitHealthy waits until /healthz answers 200, for a minute at the most, and says what the process said where it ends before.
func (s *Server) WaitHealthy() error {
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		return err
	}
	deadline := time.After(time.Minute)
	for {
		status := 0
		client.Discovery().RESTClient().Get().AbsPath("/healthz").Do(context.Background()).StatusCode(&status)
		if status == 200 {
			return nil
		}
		select {
		case <-s.ended:
			said, _ := os.ReadFile(s.log)
			return fmt.Errorf("the server ended: %s", said)
		case <-deadline:
			return fmt.Errorf("/healthz did not answer 200 within a minute")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the process; with $RAFTSMAN_LOG it shows what it said.
func (s *Server) Stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		_ = s.command.Process.Kill()
		<-s.ended
	}
	if os.Getenv("RAFTSMAN_LOG") != "" {
		said, _ := os.ReadFile(s.log)
		fmt.Fprintf(os.Stderr, "%s\n", said)
	}
}

// FreePort is one that nothing listens on.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// SigningKey writes a new key for service account tokens into dir.
func SigningKey(dir string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "service-account.key")
	return file, os.WriteFile(file, text, 0o600)
}

// ChangedFlags says as command line arguments what differs from the defaults in sets, however it was changed; without those named.
func ChangedFlags(sets []*pflag.FlagSet, without ...string) []string {
	skipped := map[string]bool{}
	for _, name := range without {
		skipped[name] = true
	}
	flags := []string{}
	for _, set := range sets {
		set.VisitAll(func(flag *pflag.Flag) {
			value := flag.Value.String()
			if skipped[flag.Name] || value == flag.DefValue && !flag.Changed {
				return
			}
			skipped[flag.Name] = true
			if list, ok := flag.Value.(pflag.SliceValue); ok {
				value = strings.Join(list.GetSlice(), ",")
			} else if inner, ok := strings.CutPrefix(value, "map["); ok {
				value = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(inner, "]"), " ", ","), ":", "=")
			}
			flags = append(flags, "--"+flag.Name+"="+value)
		})
	}
	return flags
}

// changedGates are the feature gates that a test has set for its process.
func changedGates() string {
	gates := []string{}
	for name, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		if enabled := utilfeature.DefaultFeatureGate.Enabled(name); enabled != spec.Default {
			gates = append(gates, fmt.Sprintf("%s=%t", name, enabled))
		}
	}
	sort.Strings(gates)
	return strings.Join(gates, ",")
}
