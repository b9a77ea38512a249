/**
 * Stand-ins for the images that Kubernetes' conformance tests name, for machines that reach no registry: an OCI image layout out of
 * programs of this machine. Not a part of `npm test` (docs/CONFORMANCE.md says where it belongs).
 *
 *     node scripts/kubernetes-conformance-images.ts --out images --agnhost ./agnhost --busybox ./busybox \
 *       [--agnhost-files DIRECTORY] [--nnp FILE] [--sample-apiserver FILE] [--etcd FILE] [--tools curl,dig,…]
 *
 * agnhost (whose localhost.crt and .key are in porter/ beside its source), nnp and sample-apiserver are upstream's, built from their Go
 * modules; busybox has to be linked statically; tools are taken from the PATH with the libraries that ldd(1) names, which is what
 * upstream's agnhost image has besides.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { arch, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Layer extends Descriptor {
  /** Of the archive before it is compressed; ours are not. */
  readonly diffId: string;
}

const { values: options } = parseArgs({
  options: {
    out: { type: "string" },
    agnhost: { type: "string" },
    busybox: { type: "string" },
    "agnhost-files": { type: "string" },
    nnp: { type: "string" },
    "sample-apiserver": { type: "string" },
    etcd: { type: "string" },
    tools: { type: "string", default: "curl,dig,getent,nc,ss,nginx" },
  },
});
const registry = "registry.k8s.io/e2e-test-images";
const architecture = arch() === "x64" ? "amd64" : arch();
const out = options.out ?? "images";
const work = mkdtempSync(join(tmpdir(), "raftsman-images-"));

function blob(content: Buffer, mediaType: string): Descriptor {
  const hex = createHash("sha256").update(content).digest("hex");
  mkdirSync(join(out, "blobs/sha256"), { recursive: true });
  writeFileSync(join(out, "blobs/sha256", hex), content);
  return { mediaType: `application/vnd.oci.${mediaType}`, digest: `sha256:${hex}`, size: content.length };
}

/** A layer with what `fill` puts into its directory. */
function layer(name: string, fill: (root: string) => void): Layer {
  const root = join(work, name);
  mkdirSync(root);
  fill(root);
  const archive = join(work, `${name}.tar`);
  execFileSync("tar", ["-cf", archive, "--numeric-owner", "--sort=name", "--mtime=@0", "-C", root, "."]);
  const descriptor = blob(readFileSync(archive), "image.layer.v1.tar");
  return { ...descriptor, diffId: descriptor.digest };
}

function put(root: string, path: string, source: string, mode = 0o755): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, mode);
}

function write(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** A program of this machine, by name or path, with the libraries that it is linked with. */
function putProgram(root: string, path: string, name: string, mode?: number): void {
  const found = execFileSync("sh", ["-c", 'PATH=$PATH:/usr/sbin:/sbin; command -v "$1"', "sh", name], {
    encoding: "utf8",
  }).trim();
  put(root, path, realpathSync(found), mode);
  const { stdout } = spawnSync("ldd", [found], { encoding: "utf8" });
  for (const [, library = ""] of stdout.matchAll(/(\/\S+) \(0x/g)) put(root, library, realpathSync(library));
}

const base = layer("base", (root) => {
  put(root, "/bin/busybox", options.busybox as string);
  const applets = execFileSync(options.busybox as string, ["--list"], { encoding: "utf8" })
    .trim()
    .split("\n");
  for (const applet of applets) if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  write(
    root,
    "/etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nuser-defined-in-image:x:1000:1000::/home/user:/bin/sh\n",
  );
  write(
    root,
    "/etc/group",
    "root:x:0:\nnobody:x:65534:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n",
  );
  for (const directory of ["root", "tmp", "var", "run", "home/user", "usr/bin"])
    mkdirSync(join(root, directory), { recursive: true });
  chmodSync(join(root, "tmp"), 0o1777);
});

/** Older shells of busybox prefer their applets to what stands on the PATH, and drop variables with names such as `data-1`. */
const shell = layer("shell", (root) => {
  putProgram(root, "/bin/bash", "bash");
  symlinkSync("bash", join(root, "bin/sh"));
});

const tools = layer("tools", (root) => {
  for (const name of options.tools.split(",")) putProgram(root, `/usr/bin/${name}`, name);
  write(
    root,
    "/etc/nginx/nginx.conf",
    "user root;\nevents {}\nhttp { access_log /dev/stdout; error_log /dev/stderr; server { listen 80; root /usr/share/nginx/html; } }\n",
  );
  write(root, "/usr/share/nginx/html/index.html", "<html><body>it works</body></html>\n");
  for (const directory of ["var/log/nginx", "var/lib/nginx", "run"])
    mkdirSync(join(root, directory), { recursive: true });
});

const agnhost = layer("agnhost", (root) => {
  put(root, "/agnhost", options.agnhost as string);
  symlinkSync("agnhost", join(root, "agnhost-2"));
  const certificates = options["agnhost-files"];
  for (const name of certificates === undefined ? [] : ["localhost.crt", "localhost.key"])
    put(root, `/${name}`, join(certificates as string, name), 0o644);
  mkdirSync(join(root, "uploads"));
});

const single = (name: string, path: string, source: string, mode?: number): Layer =>
  layer(name, (root) => putProgram(root, path, source, mode));
const page = (name: string): Layer =>
  layer(name, (root) => write(root, "/data.json", `{\n  "image": "${name}.jpg"\n}\n`));

const index: (Descriptor & { annotations: Record<string, string> })[] = [];

function image(names: readonly string[], layers: readonly Layer[], config: object): void {
  const settings = blob(
    Buffer.from(
      JSON.stringify({
        architecture,
        os: "linux",
        config,
        rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      }),
    ),
    "image.config.v1+json",
  );
  const manifest = blob(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: settings,
        layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      }),
    ),
    "image.manifest.v1+json",
  );
  for (const name of names)
    index.push({ ...manifest, annotations: { "org.opencontainers.image.ref.name": name } });
}

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const small = [base, shell];
const whole = [...small, tools, agnhost];
const entry = { Env: [path], Entrypoint: ["/agnhost"] };
image([`${registry}/agnhost:2.59`, `${registry}/agnhost:2.55`], whole, { ...entry, Cmd: ["pause"] });
image(["registry.k8s.io/pause:3.10.1"], [agnhost], { ...entry, Cmd: ["pause"] });
image([`${registry}/busybox:1.37.0-1`], small, { Env: [path], Cmd: ["sh"] });
image([`${registry}/nonroot:1.4`], small, { Env: [path], Cmd: ["sh"], User: "1234" });
image([`${registry}/jessie-dnsutils:1.7`], [...small, tools], { Env: [path], Cmd: ["sh"] });
for (const name of ["nautilus", "kitten"])
  image([`${registry}/${name}:1.7`], [...whole, page(name)], { ...entry, Cmd: ["test-webserver"] });
for (const version of ["1.14-4", "1.15-4"])
  image([`${registry}/nginx:${version}`], [...small, tools], {
    Env: [path, `NGINX_VERSION=${version}`],
    Cmd: ["nginx", "-g", "daemon off;"],
  });
if (options.nnp !== undefined)
  image(
    [`${registry}/nonewprivs:1.3`],
    [...small, single("nnp", "/usr/local/bin/nnp", options.nnp, 0o6755)],
    {
      Env: [path],
      Cmd: ["nnp"],
    },
  );
if (options["sample-apiserver"] !== undefined)
  image(
    [`${registry}/sample-apiserver:1.29.2`],
    [...small, single("sample-apiserver", "/sample-apiserver", options["sample-apiserver"])],
    {
      Env: [path],
      Entrypoint: ["/sample-apiserver"],
    },
  );
if (options.etcd !== undefined)
  image(["registry.k8s.io/etcd:3.6.6-0"], [...small, single("etcd", "/usr/local/bin/etcd", options.etcd)], {
    Env: [path],
    Cmd: ["etcd"],
  });

writeFileSync(join(out, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
writeFileSync(join(out, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: index }));
rmSync(work, { recursive: true });
console.log(`${index.length} images in ${out}`);
