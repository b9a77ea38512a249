import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { dig, withoutDig } from "../dns/dig.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const skip = process.platform === "linux" ? withoutDig() : "needs all of 127/8";

/** A program that says which pod it is. */
const program = `require("http").createServer((_, response) => response.end(process.env.POD_IP)).listen(3000, process.env.POD_IP)`;
const manifest = [
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          containers: [
            {
              name: "web",
              image: "host",
              command: [process.execPath, "-e", program],
              readinessProbe: {
                tcpSocket: { port: 3000 },
                periodSeconds: 1,
                timeoutSeconds: 20,
                failureThreshold: 20,
              },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ name: "http", port: 8000, targetPort: 3000 }] },
  },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "web" },
    spec: {
      rules: [
        {
          host: "web.example.org",
          http: {
            paths: [
              {
                path: "/",
                pathType: "Prefix",
                backend: { service: { name: "web", port: { name: "http" } } },
              },
            ],
          },
        },
      ],
    },
  },
];
const route = {
  apiVersion: "route.openshift.io/v1",
  kind: "Route",
  metadata: { name: "web" },
  spec: { host: "route.example.org", to: { kind: "Service", name: "web" } },
};

suite("programs behind a cluster IP, a name and host names", { skip }, () => {
  let cluster: TestCluster;
  let dnsPort: number;
  let router: URL;
  /** What became of the last request. */
  let failure = "";
  before(async () => {
    cluster = await startCluster(["--runtime", "process"]);
    const output = cluster.output.join("\n");
    dnsPort = Number(/^DNS\s+127\.0\.0\.1:(\d+)/m.exec(output)?.[1]);
    router = new URL(/^Router\s+(\S+),/m.exec(output)?.[1] ?? "");
  });
  after(async () => {
    await cluster.stop();
  });

  function get(host: string, port: number | string, name?: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      // A connection each: they are what is shared out.
      const asked = request(
        { host, port, agent: false, ...(name === undefined ? {} : { headers: { host: name } }) },
        (response) => {
          let text = "";
          response.on("data", (chunk) => {
            text += chunk;
          });
          response.on("end", () => {
            failure = `${host}:${port} ${response.statusCode} ${text}`;
            resolve(response.statusCode === 200 ? text : undefined);
          });
        },
      );
      asked.on("error", (error) => {
        failure = `${host}:${port} ${error.message}`;
        resolve(undefined);
      });
      asked.end();
    });
  }

  test("a Deployment of ordinary programs is reached by all three ways, and by new pods after a scale", async () => {
    const { status, stderr } = await cluster.raftsman(
      ["apply", "-f", "-"],
      manifest.map((object) => JSON.stringify(object)).join("\n---\n"),
    );
    assert.equal(status, 0, stderr);
    const [address] = await eventually("the name resolves", async () => {
      const { answers } = await dig(dnsPort, "web.default.svc.cluster.local");
      return answers.length > 0 && answers.map((answer) => answer.split(" ")[2] as string);
    });
    assert.match(address as string, /^127\.\d+\./);
    await eventually("the cluster IP answers", () => get(address as string, 8000));
    await eventually("the host name answers", () => get(router.hostname, router.port, "web.example.org"));
    const applied = await eventually("Routes are served", async () => {
      const outcome = await cluster.raftsman(["apply", "-f", "-"], JSON.stringify(route));
      return outcome.status === 0 && outcome;
    });
    assert.match(applied.stdout, /route\.route\.openshift\.io\/web created/);
    await eventually("the Route answers", () => get(router.hostname, router.port, "route.example.org"));
    const shown = await cluster.raftsman(["router", "map"]);
    assert.equal(shown.status, 0, shown.stderr);
    assert.match(
      shown.stdout,
      /^route\.example\.org +\/\* +none +allow +Route default\/web +default\/web +127\./m,
    );

    await cluster.raftsman(["scale", "deployment/web", "--replicas", "4"]);
    for (const ask of [
      () => get(address as string, 8000),
      () => get(router.hostname, router.port, "web.example.org"),
    ]) {
      const seen = new Set<string>();
      await eventually("all four answer", async () => {
        const answer = await ask();
        assert.ok(answer !== undefined, `a request failed while scaling: ${failure}`);
        return seen.add(answer).size === 4;
      });
    }
  });

  test("Endpoints that somebody writes by hand for a Service without a selector are reached by all three ways", async () => {
    const server = createServer((_, response) => response.end("by hand"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const metadata = { name: "by-hand" };
    const ports = [{ name: "http", port: 8000 }];
    const paths = [
      { path: "/", pathType: "Prefix", backend: { service: { name: "by-hand", port: { name: "http" } } } },
    ];
    const objects = [
      { apiVersion: "v1", kind: "Service", metadata, spec: { ports } },
      {
        apiVersion: "v1",
        kind: "Endpoints",
        metadata,
        subsets: [{ addresses: [{ ip: "127.0.0.1", hostname: "one" }], ports: [{ name: "http", port }] }],
      },
      {
        apiVersion: "networking.k8s.io/v1",
        kind: "Ingress",
        metadata,
        spec: { rules: [{ host: "by-hand.example.org", http: { paths } }] },
      },
    ];
    try {
      const applied = await cluster.raftsman(
        ["apply", "-f", "-"],
        objects.map((object) => JSON.stringify(object)).join("\n---\n"),
      );
      assert.equal(applied.status, 0, applied.stderr);
      const name = "by-hand.default.svc.cluster.local";
      const record = await eventually("the Service's own name", async () => {
        const { answers } = await dig(dnsPort, name);
        return answers[0]?.split(" ")[2];
      });
      assert.equal(await eventually("the cluster IP answers", () => get(record, 8000)), "by hand");
      await eventually("the endpoint's own name resolves", async () =>
        (await dig(dnsPort, `one.${name}`)).answers.includes(`one.${name}. A 127.0.0.1`),
      );
      const routed = () => get(router.hostname, router.port, "by-hand.example.org");
      assert.equal(await eventually("the host name answers", routed), "by hand");
    } finally {
      server.close();
    }
  });

  test("a pod finds the cluster's DNS by its environment, by its resolv.conf and by the Service kube-dns", async () => {
    const answers = join(cluster.directory, "answers");
    writeFileSync(answers, "");
    const privileged = process.getuid?.() === 0;
    const ask = `
      const { promises: { Resolver } } = require("node:dns");
      const file = require("node:fs").readFileSync(process.env.RAFTSMAN_ROOT + "/etc/resolv.conf", "utf8");
      const nameserver = /^nameserver (\\S+)$/m.exec(file)[1];
      const ask = async (server) => {
        const resolver = new Resolver({ timeout: 1000, tries: 5 });
        resolver.setServers([server]);
        const [, search] = /^search (\\S+)/m.exec(file);
        return (await resolver.resolve4("web." + search)).join();
      };
      const say = (...words) => require("node:fs").appendFileSync(process.argv[1], words.join(" ") + "\\n");
      (async () => {
        say("nameserver", nameserver);
        say("environment", await ask(process.env.RAFTSMAN_DNS));
        ${privileged ? 'say("service", await ask(nameserver));' : ""}
      })();`;
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "asks" },
      spec: {
        restartPolicy: "Never",
        containers: [{ name: "asks", image: "host", command: [process.execPath, "-e", ask, answers] }],
      },
    };
    const { status, stderr } = await cluster.raftsman(["apply", "-f", "-"], JSON.stringify(pod));
    assert.equal(status, 0, stderr);
    const [web] = (await dig(dnsPort, "web.default.svc.cluster.local")).answers.map(
      (one) => one.split(" ")[2],
    );
    const [kubeDns] = (await dig(dnsPort, "kube-dns.kube-system.svc.cluster.local")).answers.map(
      (one) => one.split(" ")[2] as string,
    );
    assert.match(kubeDns ?? "", /\.0\.10$/);
    let said = "";
    await eventually("it has asked", async () => {
      said = readFileSync(answers, "utf8");
      return said.includes(privileged ? "service" : "environment");
    }).catch((error) => assert.fail(`${error.message}: ${said}`));
    assert.equal(said, `nameserver ${kubeDns}\nenvironment ${web}\n${privileged ? `service ${web}\n` : ""}`);
  });
});
