import { notBool, parseBool } from "../../base/index.ts";

/** kube-apiserver's feature gates, all of 1.35's. This server is as they are by default, so that is what they may be set to. */

const on = names(`
  APIResponseCompression APIServerIdentity AllowParsingUserUIDFromCertAuth
  AuthorizePodWebsocketUpgradeCreatePermission CPUManagerPolicyBetaOptions CSIServiceAccountTokenSecrets
  ClearingNominatedNodeNameAfterBinding ContainerCheckpoint ContainerRestartRules ContextualLogging
  DRAAdminAccess DRAPrioritizedList DRAResourceClaimDeviceStatus DRASchedulerFilterTimeout
  DeclarativeValidation DeploymentReplicaSetTerminatingReplicas DetectCacheInconsistency
  DisableCPUQuotaWithExclusiveCPUs DisableNodeKubeProxyVersion EnvFiles ExternalServiceAccountTokenSigner
  GracefulNodeShutdown GracefulNodeShutdownBasedOnPodPriority HPAConfigurableTolerance HostnameOverride
  ImageVolume InOrderInformers InOrderInformersBatchProcess InformerResourceVersion
  KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages KubeletFineGrainedAuthz KubeletPSI
  KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletPodResourcesListUseActivePods
  KubeletSeparateDiskGC KubeletServiceAccountTokenForCredentialProviders ListFromCacheSnapshot
  LoggingBetaOptions MatchLabelKeysInPodTopologySpread MatchLabelKeysInPodTopologySpreadSelectorMerge
  MutableCSINodeAllocatableCount NominatedNodeNameForExpectation OpenAPIEnums OpportunisticBatching
  PodDeletionCost PodLevelResources PodReadyToStartContainersCondition PodTopologyLabelsAdmission
  PortForwardWebsockets PreventStaticPodAPIReferences ProcMountType ReloadKubeletServerCertificateFile
  RemoteRequestHeaderUID RotateKubeletServerCertificate SELinuxChangePolicy SELinuxMountReadWriteOncePod
  SchedulerAsyncPreemption SchedulerPopFromBackoffQ ServiceAccountNodeAudienceRestriction
  SizeBasedListCostEstimate StatefulSetSemanticRevisionComparison StorageNamespaceIndex StorageVersionHash
  StructuredAuthenticationConfigurationEgressSelector StructuredAuthenticationConfigurationJWKSMetrics
  TokenRequestServiceAccountUIDValidation TopologyManagerPolicyBetaOptions TopologyManagerPolicyOptions
  TranslateStreamCloseWebsocketRequests UnauthenticatedHTTP2DOSMitigation UserNamespacesSupport
  VolumeAttributesClass WatchList WatchListClient WindowsGracefulNodeShutdown
`);

const off = names(`
  APIServingWithRoutine AllAlpha AllBeta AllowDNSOnlyNodeCSR
  AllowInsecureKubeletCertificateSigningRequests AllowUnsafeMalformedObjectDeletion CBORServingAndStorage
  CPUManagerPolicyAlphaOptions CRDObservedGenerationTracking CSIVolumeHealth
  ChangeContainerStatusOnKubeletRestart ClientsAllowCBOR ClientsPreferCBOR
  CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook ClusterTrustBundle
  ClusterTrustBundleProjection ComponentFlagz ComponentStatusz ConcurrentWatchObjectDecode
  ConstrainedImpersonation ContainerStopSignals CoordinatedLeaderElection CrossNamespaceVolumeDataSource
  CustomCPUCFSQuotaPeriod DRAConsumableCapacity DRADeviceBindingConditions DRADeviceTaintRules
  DRADeviceTaints DRAExtendedResource DRAPartitionableDevices DeclarativeValidationTakeover EventedPLEG
  GangScheduling GenericWorkload GitRepoVolumeDriver HPAScaleToZero
  InPlacePodLevelResourcesVerticalScaling InPlacePodVerticalScalingAllocatedStatus
  InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory
  InTreePluginPortworxUnregister KMSv1 KubeletInUserNamespace KubeletRegistrationGetOnExistsOnly
  LocalStorageCapacityIsolationFSQuotaMonitoring LoggingAlphaOptions MaxUnavailableStatefulSet MemoryQoS
  MutablePVNodeAffinity MutablePodResourcesForSuspendedJobs MutableSchedulingDirectivesForSuspendedJobs
  MutatingAdmissionPolicy NodeDeclaredFeatures NodeLogQuery PodAndContainerStatsFromCRI
  PodCertificateRequest PodLogsQuerySplitStreams QOSReserved ReduceDefaultCrashLoopBackOffDecay
  RelaxedServiceNameValidation ResourceHealthStatus RestartAllContainersOnContainerExits
  RuntimeClassInImageCriApi SELinuxMount SchedulerAsyncAPICalls SeparateCacheWatchRPC
  StorageCapacityScoring StorageVersionAPI StorageVersionMigrator StrictIPCIDRValidation
  TaintTolerationComparisonOperators TopologyManagerPolicyAlphaOptions UnknownVersionInteroperabilityProxy
  UserNamespacesHostNetworkSupport VolumeLimitScaling WatchCacheInitializationPostStartHook
  WindowsCPUAndMemoryAffinity WindowsHostNetwork
`);

/** Upstream does not let anybody change these any more. */
const alwaysOn = names(`
  APIServerTracing AggregatedDiscoveryRemoveBetaType AnonymousAuthConfigurableEndpoints
  AnyVolumeDataSource AuthorizeNodeWithSelectors AuthorizeWithSelectors BtreeWatchCache
  CPUManagerPolicyOptions CRDValidationRatcheting CSIMigrationPortworx ConsistentListFromCache
  CustomResourceFieldSelectors DisableAllocatorDualWrite DynamicResourceAllocation ExecProbeTimeout
  HonorPVReclaimPolicy ImageMaximumGCAge InPlacePodVerticalScaling JobBackoffLimitPerIndex JobManagedBy
  JobPodReplacementPolicy JobSuccessPolicy KubeletCgroupDriverFromCRI KubeletTracing LogarithmicScaleDown
  MatchLabelKeysInPodAffinity MemoryManager MultiCIDRServiceAllocator NFTablesProxyMode
  NodeInclusionPolicyInPodTopologySpread NodeSwap OrderedNamespaceDeletion PodLifecycleSleepAction
  PodLifecycleSleepActionAllowZero PodObservedGenerationTracking PodSchedulingReadiness
  PreferSameTrafficDistribution RecoverVolumeExpansionFailure RecursiveReadOnlyMounts
  RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation ResilientWatchCacheInitialization
  RetryGenerateName SchedulerQueueingHints SeparateTaintEvictionController ServiceAccountTokenJTI
  ServiceAccountTokenNodeBinding ServiceAccountTokenNodeBindingValidation ServiceAccountTokenPodNodeInfo
  ServiceTrafficDistribution SidecarContainers StreamingCollectionEncodingToJSON
  StreamingCollectionEncodingToProtobuf StructuredAuthenticationConfiguration
  StructuredAuthorizationConfiguration SupplementalGroupsPolicy SystemdWatchdog TopologyAwareHints WinDSR
  WinOverlay
`);

const alwaysOff = names(`
  AllowOverwriteTerminationGracePeriodSeconds WatchFromStorageWithoutResourceVersion
`);

function names(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** @throws Error for the first gate that there is none of, or that may not be what `text` says: in kube-apiserver's words where it refuses too */
export function checkFeatureGates(text: string): void {
  for (const entry of text.split(",").map((each) => each.trim())) {
    if (entry === "") continue;
    const [named = "", value] = entry.split("=", 2);
    if (value === undefined) throw new Error(`missing bool value for ${named}`);
    checkGate(gateOf(named), value);
  }
}

/** Without the component, of which there is one here. @throws Error */
function gateOf(named: string): string {
  const [component = "", gate] = named.split(":", 2);
  if (gate === undefined) return component;
  if (component !== "kube") throw new Error(`component not registered: ${component}`);
  return gate;
}

/** @throws Error */
function checkGate(gate: string, value: string): void {
  const wanted = parseBool(value);
  if (wanted === undefined) throw new Error(`invalid value of ${gate}=${value}, err: ${notBool(value)}`);
  const isLocked = alwaysOn.has(gate) || alwaysOff.has(gate);
  const isOn = on.has(gate) || alwaysOn.has(gate);
  if (!isLocked && !isOn && !off.has(gate)) throw new Error(`unrecognized feature gate: ${gate}`);
  if (wanted === isOn) return;
  if (isLocked) throw new Error(`cannot set feature gate ${gate} to ${wanted}, feature is locked to ${isOn}`);
  throw new Error(
    `--feature-gates=${gate}=${wanted} asks for something that this server does not do: leave it out, or use kube-apiserver itself`,
  );
}
