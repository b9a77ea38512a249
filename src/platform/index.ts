/** The only door to time, chance, disk and network. */
export { nodePlatform } from "./node.ts";
export type {
  Clock,
  Connection,
  ConnectOptions,
  DatagramAddress,
  DatagramSocket,
  Disk,
  DiskFile,
  Listener,
  ListenOptions,
  Loop,
  Network,
  PeerCertificate,
  Platform,
  Random,
  Timer,
  TlsMaterial,
} from "./ports.ts";
