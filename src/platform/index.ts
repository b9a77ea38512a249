/** The only door to time, chance, disk, network and processes. */
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
export type {
  Files,
  HostFacts,
  Machine,
  Processes,
  ProcessUsage,
  RunningProcess,
} from "./process-ports.ts";
