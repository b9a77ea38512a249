import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { makeRequest } from "../auth/make-request.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

suite("kubectl as somebody who is not an administrator", () => {
  let cluster: TestCluster;
  let tokenFile: string;
  before(async () => {
    tokenFile = join(mkdtempSync(join(tmpdir(), "raftsman-tokens-")), "tokens.csv");
    writeFileSync(tokenFile, 'alices-token,alice,u-alice,"dev,ops"\n');
    cluster = await startCluster(["--nodes", "1", "--token-auth-file", tokenFile]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
    rmSync(join(tokenFile, ".."), { recursive: true });
  });

  const kubectl = async (...args: string[]) => {
    const { status, stdout, stderr } = await cluster.kubectl(args);
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const refused = async (...args: string[]) => {
    const { status, stderr } = await cluster.kubectl(args);
    assert.notEqual(status, 0, `kubectl ${args.join(" ")} was accepted`);
    return stderr.trim();
  };

  /** Informers and controllers take a moment: the check has to hold soon. */
  const soon = async <T>(check: () => Promise<T>): Promise<T> => {
    let problem: unknown;
    const { value } = await eventually("the check holds", async () => {
      try {
        return { value: await check() };
      } catch (error) {
        problem = error;
        return undefined;
      }
    }).catch(() => {
      throw problem;
    });
    return value;
  };

  /** A kubeconfig for somebody else: the administrator's would win with its certificate. */
  const configFor = (name: string, user: object) => {
    const config = JSON.parse(JSON.stringify(parsedKubeconfig()));
    config.users = [{ name, user }];
    config.contexts = [{ name, context: { cluster: config.clusters[0].name, user: name } }];
    config["current-context"] = name;
    const path = join(cluster.directory, `${name}.kubeconfig`);
    writeFileSync(path, JSON.stringify(config));
    return `--kubeconfig=${path}`;
  };
  const parsedKubeconfig = () => {
    const text = readFileSync(cluster.kubeconfig, "utf8");
    const server = /server: "?(\S+?)"?\n/.exec(text)?.[1];
    const ca = /certificate-authority-data: "?([A-Za-z0-9+/=]+)"?/.exec(text)?.[1];
    return {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server, "certificate-authority-data": ca } }],
    };
  };

  test("a user of the token file may nothing but look around, until a role is bound to a group of theirs", async () => {
    const alice = configFor("alice", { token: "alices-token" });
    const who = await kubectl(alice, "auth", "whoami");
    assert.match(who, /Username +alice\nUID +u-alice\nGroups +\[dev ops system:authenticated\]/);
    assert.equal(
      await refused(alice, "get", "configmaps"),
      'Error from server (Forbidden): configmaps is forbidden: User "alice" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
    assert.match(await refused(alice, "auth", "can-i", "list", "configmaps"), /^$/);
    await kubectl("create", "role", "reader", "--verb=get,list,watch", "--resource=configmaps");
    await kubectl("create", "rolebinding", "readers", "--role=reader", "--group=ops");
    await soon(async () =>
      assert.equal(await kubectl(alice, "auth", "can-i", "list", "configmaps"), "yes\n"),
    );
    assert.match(await kubectl(alice, "get", "configmaps"), /kube-root-ca.crt/);
    assert.match(
      await kubectl(alice, "auth", "can-i", "--list"),
      /configmaps +\[\] +\[\] +\[get list watch\]/,
    );
    assert.match(
      await refused(alice, "delete", "configmap", "kube-root-ca.crt"),
      /cannot delete resource "configmaps"/,
    );
  });

  test("aggregated roles have the rules of those that they select, and a new one's soon after", async () => {
    const rules = (verb: string, resource: string) =>
      kubectl("auth", "can-i", verb, resource, "--as=viewer", "-n", "default");
    await kubectl("create", "rolebinding", "viewers", "--clusterrole=view", "--user=viewer");
    await soon(async () => assert.equal(await rules("list", "deployments.apps"), "yes\n"));
    await refused("auth", "can-i", "list", "secrets", "--as=viewer");
    await kubectl("create", "clusterrole", "more", "--verb=get", "--resource=secrets");
    await kubectl("label", "clusterrole", "more", "rbac.authorization.k8s.io/aggregate-to-view=true");
    await soon(async () => assert.equal(await rules("get", "secrets"), "yes\n"));
  });

  test("who acts as somebody else names one group in each header, and its name may hold commas", async () => {
    const groups = ["--as-group=CN=ops,OU=example", "--as-group=dev"];
    const whoami = await kubectl(
      "auth",
      "whoami",
      "--as=dana",
      ...groups,
      "-o",
      "jsonpath={.status.userInfo.groups}",
    );
    assert.deepEqual(JSON.parse(whoami), ["CN=ops,OU=example", "dev", "system:authenticated"]);
  });

  test("nobody gives out more than they have", async () => {
    await kubectl("create", "rolebinding", "editors", "--clusterrole=admin", "--user=chief");
    await soon(async () =>
      assert.equal(await kubectl("auth", "can-i", "create", "rolebindings", "--as=chief"), "yes\n"),
    );
    assert.match(
      await refused(
        "create",
        "rolebinding",
        "up",
        "--clusterrole=cluster-admin",
        "--user=chief",
        "--as=chief",
      ),
      /user "chief" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\["\*"\]/,
    );
    await kubectl("create", "rolebinding", "same", "--clusterrole=view", "--user=somebody", "--as=chief");
  });

  test("a ServiceAccount's token is the account until the account is gone", async () => {
    await kubectl("create", "serviceaccount", "robot");
    await kubectl("create", "rolebinding", "robot", "--clusterrole=view", "--serviceaccount=default:robot");
    const token = (await kubectl("create", "token", "robot", "--duration=20m")).trim();
    const robot = configFor("robot", { token });
    assert.match(await kubectl(robot, "auth", "whoami"), /Username +system:serviceaccount:default:robot/);
    await soon(async () => assert.match(await kubectl(robot, "get", "pods"), /^$/));
    assert.match(
      await refused(robot, "get", "secrets", "-n", "kube-system"),
      /cannot list resource "secrets"/,
    );
    const other = (await kubectl("create", "token", "robot", "--audience=vault")).trim();
    assert.match(
      await refused(configFor("vault", { token: other }), "get", "pods"),
      /Unauthorized|must be logged in/,
    );
    const claims = JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString());
    assert.equal(claims.iss, "https://kubernetes.default.svc.cluster.local");
    assert.equal(claims.exp - claims.iat, 1200);
  });

  test("a Secret made for a ServiceAccount gets a token that works, and goes with the account", async () => {
    await kubectl("create", "serviceaccount", "old");
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "old-token", annotations: { "kubernetes.io/service-account.name": "old" } },
      type: "kubernetes.io/service-account-token",
    };
    assert.equal((await cluster.kubectl(["create", "-f", "-"], JSON.stringify(secret))).status, 0);
    const token = await soon(async () => {
      const text = await kubectl("get", "secret", "old-token", "-o", "jsonpath={.data.token}");
      assert.notEqual(text, "");
      return Buffer.from(text, "base64").toString();
    });
    assert.match(
      await kubectl(configFor("old", { token }), "auth", "whoami"),
      /system:serviceaccount:default:old/,
    );
    await kubectl("delete", "serviceaccount", "old");
    await soon(async () => assert.match(await refused("get", "secret", "old-token"), /not found/));
  });

  test("a certificate that was asked for, approved and signed lets its user in; a denied one is never signed", async () => {
    const { pem, base64, key } = makeRequest({ commonName: "carol", organizations: ["dev"] });
    assert.match(pem, /^-----BEGIN CERTIFICATE REQUEST/);
    const post = async (
      name: string,
      request: string,
      signerName = "kubernetes.io/kube-apiserver-client",
    ) => {
      const object = {
        apiVersion: "certificates.k8s.io/v1",
        kind: "CertificateSigningRequest",
        metadata: { name },
        spec: { request, signerName, usages: ["client auth"], expirationSeconds: 3600 },
      };
      return cluster.kubectl(["create", "-f", "-"], JSON.stringify(object));
    };
    assert.equal((await post("carol", base64)).status, 0);
    assert.match(
      await kubectl("get", "csr", "carol"),
      /kubernetes.io\/kube-apiserver-client +kubernetes-admin +60m +Pending/,
    );
    await kubectl("certificate", "approve", "carol");
    const certificate = await soon(async () => {
      const text = await kubectl("get", "csr", "carol", "-o", "jsonpath={.status.certificate}");
      assert.notEqual(text, "");
      return text;
    });
    assert.match(await kubectl("get", "csr", "carol"), /Approved,Issued/);
    const user = {
      "client-certificate-data": certificate,
      "client-key-data": Buffer.from(key).toString("base64"),
    };
    assert.match(
      await kubectl(configFor("carol", user), "auth", "whoami"),
      /Username +carol\nGroups +\[dev system:authenticated\]/,
    );

    assert.equal((await post("dave", makeRequest({ commonName: "dave" }).base64)).status, 0);
    await kubectl("certificate", "deny", "dave");
    assert.match(await kubectl("get", "csr", "dave"), /Denied\n$/);
    const root = await post(
      "root",
      makeRequest({ commonName: "x", organizations: ["system:masters"] }).base64,
    );
    assert.match(
      root.stderr,
      /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed/,
    );
  });

  test("auth reconcile adds what is missing and leaves the rest", async () => {
    const manifest = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "reader", namespace: "default" },
      rules: [{ apiGroups: [""], resources: ["services"], verbs: ["get"] }],
    };
    const { status, stdout } = await cluster.kubectl(
      ["auth", "reconcile", "-f", "-"],
      JSON.stringify(manifest),
    );
    assert.equal(status, 0);
    assert.match(stdout, /role.rbac.authorization.k8s.io\/reader reconciled/);
    assert.match(
      await kubectl("get", "role", "reader", "-o", "jsonpath={.rules[*].resources}"),
      /configmaps.*services/,
    );
  });
});
