export { type CaptureOptions } from "./capture/options.ts";
export { captureRequirements, type Requirement } from "./capture/requirements.ts";
export { Agent } from "./agent.ts";
export { type AgentErrorCode, AgentFailure } from "./failure.ts";
export { type NameServer, parseNameServer } from "./dns/resolv-conf.ts";
export { createKeyAndRequest, type KeyAndRequest } from "./identity/csr.ts";
export { findToken, type JoinToken, parseToken } from "./identity/token.ts";
export type { AgentOptions, UpstreamOption, WorkloadProtocol } from "./options.ts";
export { type RunOptions, runWorkload } from "./run.ts";
