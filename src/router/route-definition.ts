/** The CustomResourceDefinition of OpenShift's Route, as far as the router has use for it. */
const text = { type: "string" };
const target = {
  type: "object",
  required: ["name"],
  properties: {
    kind: { type: "string", enum: ["Service", ""], default: "Service" },
    name: { type: "string", minLength: 1 },
    weight: { type: "integer", format: "int32", minimum: 0, maximum: 256, default: 100 },
  },
};

const spec = {
  type: "object",
  required: ["to"],
  properties: {
    host: { type: "string", maxLength: 253 },
    subdomain: text,
    path: { type: "string", pattern: "^/" },
    to: target,
    alternateBackends: { type: "array", maxItems: 3, items: target },
    port: {
      type: "object",
      required: ["targetPort"],
      properties: { targetPort: { "x-kubernetes-int-or-string": true } },
    },
    wildcardPolicy: { type: "string", enum: ["None", "Subdomain", ""], default: "None" },
    tls: {
      type: "object",
      required: ["termination"],
      properties: {
        termination: { type: "string", enum: ["edge", "reencrypt", "passthrough"] },
        certificate: text,
        key: text,
        caCertificate: text,
        destinationCACertificate: text,
        insecureEdgeTerminationPolicy: { type: "string", enum: ["None", "Allow", "Redirect", ""] },
      },
    },
  },
};

export const routeDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "routes.route.openshift.io" },
  spec: {
    group: "route.openshift.io",
    scope: "Namespaced",
    names: { kind: "Route", listKind: "RouteList", plural: "routes", singular: "route" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: "Host", type: "string", jsonPath: ".status.ingress[0].host" },
          {
            name: "Admitted",
            type: "string",
            jsonPath: '.status.ingress[0].conditions[?(@.type=="Admitted")].status',
          },
          { name: "Service", type: "string", jsonPath: ".spec.to.name" },
          { name: "TLS", type: "string", jsonPath: ".spec.tls.termination" },
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            required: ["spec"],
            properties: {
              spec,
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
      },
    ],
  },
};
