/** The provisioner of StorageClasses whose volumes are directories of nodes. */
export const directoryProvisioner = "raftsman.dev/node-directory";
