/** What a node and its pods use, as the kubelet tells it: stats/summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1). */

/** Of a node, a pod's container or a pod. */
export interface Usage {
  readonly cpu: {
    readonly time: string;
    readonly usageNanoCores?: number;
    readonly usageCoreNanoSeconds: number;
  };
  readonly memory: {
    readonly time: string;
    readonly availableBytes?: number;
    readonly usageBytes: number;
    readonly workingSetBytes: number;
    readonly rssBytes: number;
  };
}

interface ContainerUsage extends Usage {
  readonly name: string;
  readonly startTime: string;
}

interface PodUsage {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly startTime: string;
  readonly containers: readonly ContainerUsage[];
}

export interface Summary {
  readonly node: Usage & { readonly nodeName: string; readonly startTime: string; readonly fs: object };
  readonly pods: readonly PodUsage[];
}
