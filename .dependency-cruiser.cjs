// The room table of docs/ARCHITECTURE.md as rules: what each room of src/ may import. Any other import between rooms fails.
const io = ["telemetry"];
const rooms = {
  base: [],
  platform: ["base"],
  telemetry: ["base"],
  h2: ["base", "platform", ...io],
  wire: ["base"],
  kv: ["base"],
  raft: ["base"],
  wal: ["base", "platform", "raft", ...io],
  snapshot: ["base", "platform", ...io],
  mvcc: ["base", "kv"],
  lease: ["base", "kv"],
  watch: ["base", "kv"],
  replica: ["base", "platform", "kv", "raft", "wal", "snapshot", "mvcc", "lease", "watch", ...io],
  etcdapi: ["base", "platform", "h2", "wire", "kv", ...io],
  apimachinery: ["base", "wire"],
  schema: ["base", "apimachinery"],
  storage: ["base", "platform", "kv", "apimachinery", ...io],
  registry: ["base", "platform", "apimachinery", "schema", "storage"],
  auth: ["base", "platform", "apimachinery"],
  admission: ["base", "platform", "apimachinery", "schema"],
  apiserver: ["base", "platform", "h2", "wire", "apimachinery", "schema", "storage", "registry", "auth", "admission", "client", ...io],
  client: ["base", "platform", "apimachinery", ...io],
  controllers: ["base", "platform", "client", "apimachinery", ...io],
  node: ["base", "platform", "client", "apimachinery", ...io],
  cli: ["base", "platform", "client", "apimachinery", "main", ...io],
};
rooms.main = Object.keys(rooms).filter((room) => room !== "cli");

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    { name: "no-orphans", severity: "error", from: { orphan: true, path: "^src/" }, to: {} },
    {
      name: "rooms-have-one-door",
      comment: "A room is entered only through its index.ts.",
      severity: "error",
      from: { path: "^src/([^/]+)/" },
      to: { path: "^src/([^/]+)/", pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$"] },
    },
    {
      name: "a-room-not-in-the-table",
      severity: "error",
      from: { path: "^src/", pathNot: Object.keys(rooms).map((room) => `^src/${room}/`) },
      to: {},
    },
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `room-${room}`,
      severity: "error",
      from: { path: `^src/${room}/` },
      to: { path: "^src/", pathNot: [`^src/${room}/`, ...allowed.map((other) => `^src/${other}/`)] },
    })),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(schemas|dist)/" },
    parser: "swc",
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default", "types"] },
  },
};
