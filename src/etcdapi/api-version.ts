/** The level of etcd's API that is spoken here; clients switch features on by it (kube-apiserver: progress requests). */
export const apiVersion = { server: "3.6.16", cluster: "3.6.0", storage: "3.6.0" } as const;
