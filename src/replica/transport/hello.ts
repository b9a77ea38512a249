/** How members greet each other, so that nobody joins the wrong cluster by a wrong address. */
import type { MemberId } from "../../base/index.ts";
import { BytesReader, MalformedBytesError } from "../bytes-reader.ts";
import { BytesWriter } from "../bytes-writer.ts";

export interface Hello {
  readonly clusterId: bigint;
  readonly from: MemberId;
  readonly to: MemberId;
  readonly purpose: "messages" | "image";
  /** Where the one who speaks is reached: the other may be too far behind to know. */
  readonly peerUrls: readonly string[];
}

const magic = "raftsman peer";
const protocolVersion = 3;
const purposes = ["messages", "image"] as const;

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new BytesWriter();
  writer.text(magic);
  writer.number(protocolVersion);
  writer.uint64(hello.clusterId);
  writer.uint64(hello.from);
  writer.uint64(hello.to);
  writer.byte(purposes.indexOf(hello.purpose));
  writer.text(hello.peerUrls.join(","));
  return writer.finish();
}

/** @throws MalformedBytesError that says what the other side speaks */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new BytesReader(bytes);
  if (reader.text() !== magic) throw new MalformedBytesError("not a member of a raftsman cluster");
  const version = reader.number();
  if (version !== protocolVersion) {
    throw new MalformedBytesError(`peer protocol ${version}: this member speaks ${protocolVersion}`);
  }
  const clusterId = reader.uint64();
  const from = reader.uint64() as MemberId;
  const to = reader.uint64() as MemberId;
  const purpose = purposes[reader.byte()];
  if (purpose === undefined) throw new MalformedBytesError("a connection for an unknown purpose");
  const peerUrls = reader.text().split(",").filter(isUrl);
  return { clusterId, from, to, purpose, peerUrls };
}

const isUrl = (text: string): boolean => /^unixs?:\/\/./.test(text) || URL.canParse(text);
