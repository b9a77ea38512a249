/** Manifests from files, directories, standard input and URLs: YAML or JSON, many documents a file, Lists taken apart. */
import { join } from "node:path";
import { loadAll } from "js-yaml";
import type { KubeObject } from "../apimachinery/index.ts";
import { fromUtf8 } from "../base/index.ts";
import type { Platform } from "../platform/index.ts";

/** An object, and where it stands, for error messages. */
export interface Manifest {
  readonly place: string;
  readonly object: KubeObject & { apiVersion: string; kind: string };
}

const manifestName = /\.(ya?ml|json)$/;
const downloadBytesMax = 16 * 1024 * 1024;

/** @throws Error that names the file, the document in it and what is wrong there */
export async function readManifests(platform: Platform, places: readonly string[]): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for (const place of places) {
    for (const { name, text } of await readPlace(platform, place)) found.push(...parseManifests(name, text));
  }
  if (found.length === 0) throw new Error(`no objects in ${places.join(", ")}`);
  return found;
}

function parseManifests(name: string, text: string): Manifest[] {
  let documents: unknown[];
  try {
    documents = loadAll(text) as unknown[];
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const found: Manifest[] = [];
  for (const [position, document] of documents.entries()) {
    if (document === null || document === undefined) continue;
    const place = documents.length > 1 ? `${name}, document ${position + 1}` : name;
    collect(document, place, found);
  }
  return found;
}

function collect(document: unknown, place: string, found: Manifest[]): void {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new Error(`${place}: an object with apiVersion and kind was expected`);
  }
  const { apiVersion, kind, metadata, items } = document as Record<string, unknown>;
  if (typeof apiVersion !== "string") throw new Error(`${place}: apiVersion is not set`);
  if (typeof kind !== "string") throw new Error(`${place}: kind is not set`);
  if (kind.endsWith("List") && Array.isArray(items)) {
    for (const [index, item] of items.entries()) collect(item, `${place}, item ${index + 1}`, found);
    return;
  }
  if (typeof metadata !== "object" || metadata === null) throw new Error(`${place}: ${kind} has no metadata`);
  found.push({ place, object: document as Manifest["object"] });
}

async function readPlace(platform: Platform, place: string): Promise<{ name: string; text: string }[]> {
  if (place === "-") return [{ name: "standard input", text: await readStandardInput() }];
  if (/^https?:\/\//.test(place)) return [{ name: place, text: await download(place) }];
  try {
    const names = (await platform.disk.list(place)).filter((name) => manifestName.test(name));
    return await Promise.all(names.map((name) => readFile(platform, join(place, name))));
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT") throw new Error(`the path "${place}" does not exist`);
    if (code !== "ENOTDIR") throw error;
    return [await readFile(platform, place)];
  }
}

async function readFile(platform: Platform, path: string): Promise<{ name: string; text: string }> {
  return { name: path, text: fromUtf8(await platform.disk.readFile(path)) };
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function download(url: string): Promise<string> {
  const { request } = (await import("undici")).default;
  const { statusCode, body } = await request(url).catch((error: Error) => {
    throw new Error(`unable to read URL "${url}": ${error.message}`);
  });
  if (statusCode !== 200) throw new Error(`unable to read URL "${url}", server reported ${statusCode}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += (chunk as Buffer).length;
    if (size > downloadBytesMax) throw new Error(`${url}: more than ${downloadBytesMax} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
