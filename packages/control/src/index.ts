// The public surface of the control plane.

export {
  type Authority,
  type AuthorityOptions,
  localSecretPath,
  openAuthority,
  type ServerIdentity,
  type Svid,
} from "./ca/authority.ts";
export type { JoinTokens, TokenLimits, TokenRecord } from "./ca/join-token.ts";
export { findControlPlane, type RunningControlPlane } from "./data-directory.ts";
export {
  asMeshError,
  type ErrorBody,
  type ErrorCode,
  type ErrorRow,
  errorBody,
  errorTable,
  MeshError,
} from "./errors.ts";
export { type ControlPlane, type ControlPlaneOptions, openControlPlane } from "./main.ts";
export {
  type ControlSettings,
  defaultSettings,
  settingsFromEnvironment,
} from "./settings.ts";
