// Answers to "may I?". Until authentication exists whoever reaches the API over loopback may do
// everything, and these say so in the shape that `kubectl auth` reads.

import { decodeObject, isFields, mediaType } from "./body.ts";
import { jsonBytes } from "./codec.ts";
import type { RestRequest, RestResponse } from "./request.ts";
import { badRequest, methodNotAllowed } from "./status.ts";

const everything = {
  resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
  nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
  incomplete: false,
};

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  statusFor(request: RestRequest, spec: unknown): object;
}

const reviews: ReadonlyMap<string, Review> = new Map<string, Review>([
  [
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      statusFor: (_request, spec) => accessStatus(spec),
    },
  ],
  [
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectRulesReview",
      statusFor: () => everything,
    },
  ],
  [
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "SelfSubjectReview",
      statusFor: ({ user }) => ({
        userInfo: { username: user.name, groups: [...user.groups] },
      }),
    },
  ],
]);

/** Null when the path is none of a review. */
export function answerReview(request: RestRequest): RestResponse | null {
  const review = reviews.get(request.path);
  if (review === undefined) return null;
  if (request.method !== "POST") throw methodNotAllowed();
  const { value } = decodeObject(request.body, mediaType(request.headers.get("content-type")));
  const spec = value["spec"] ?? {};
  if (!isFields(spec)) throw badRequest("spec must be an object");
  const { apiVersion, kind } = review;
  const answer = {
    apiVersion,
    kind,
    metadata: { creationTimestamp: null },
    spec,
    status: review.statusFor(request, spec),
  };
  const headers = { "content-type": "application/json" };
  return { status: 201, headers, body: jsonBytes(answer) };
}

function accessStatus(spec: unknown): object {
  const { resourceAttributes, nonResourceAttributes } = isFields(spec) ? spec : {};
  if (!isFields(resourceAttributes) && !isFields(nonResourceAttributes)) {
    throw badRequest("spec must have resourceAttributes or nonResourceAttributes");
  }
  return { allowed: true, reason: "no authentication is configured: everyone may do everything" };
}
