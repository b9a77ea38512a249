import { StatusError } from "../../apimachinery/index.ts";
import { directoryProvisioner } from "../../node/index.ts";
import { createOrAccept, type EnsureOptions, ensure } from "./ensure.ts";

const classes = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };

/** Makes the default StorageClass, of nodes' directories, in a cluster that has no class yet; whoever runs another has decided. */
export function ensureStorageClass(options: EnsureOptions): Promise<void> {
  const { client } = options;
  const standard = {
    metadata: {
      name: "standard",
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    },
    provisioner: directoryProvisioner,
    reclaimPolicy: "Delete",
    // A directory is where its node is.
    volumeBindingMode: "WaitForFirstConsumer",
  };
  return ensure(options, "the StorageClass standard is", async () => {
    try {
      const { items } = await client.list(classes, { limit: 1 });
      if (items.length === 0) await createOrAccept(client, classes, standard);
    } catch (error) {
      // A node's own credentials do not go so far.
      if (!(error instanceof StatusError && error.code === 403)) throw error;
    }
  });
}
