// The public surface of `@weft/rules`; names only.

export {
  type Algorithm,
  CircuitLimitsRow,
  type ClusterKind,
  ClusterRow,
  OutlierRow,
  RetryBudgetRow,
  SecretRow,
  TransportRow,
  transportFor,
  UpstreamTlsRow,
} from "./cluster-table.ts";
export { type AddressRange, isInRanges } from "./address-range.ts";
export {
  Compilation,
  type Compiled,
  type CompileError,
  compileChanges,
  emptyTables,
  type ResourceBytes,
  type ResourceChange,
  type Tables,
} from "./compile.ts";
export { refuseHeaderName } from "./compile-edits.ts";
export { type EndpointHealth, EndpointRow, EndpointTable } from "./endpoint-table.ts";
export {
  chooseCluster,
  matchRoute,
  matchVirtualHost,
  type RequestView,
} from "./match.ts";
export { matchStream, needsServerName } from "./match-stream.ts";
export { createPicker, type PickerSettings } from "./pick/index.ts";
export { type Candidate, type Chance, isUsable, type Picker } from "./pick/picker.ts";
export { compileRegex, Pattern, type RegexEngine } from "./regex.ts";
export {
  AttemptFailure,
  isRetryableFailure,
  isRetryableResponse,
  retryConditions,
} from "./retryable.ts";
export { editHeaders, redirectLocation, rewriteAuthority, rewritePath } from "./rewrite.ts";
export { type NamedPortRow, RouteTable, VirtualHostRow } from "./route-table.ts";
export {
  ChainRow,
  type ClientCertificateHeader,
  DirectResponseRow,
  type Direction,
  DownstreamTlsRow,
  HeaderEdit,
  HeaderMatchRow,
  HttpRow,
  ListenerRow,
  MirrorRow,
  type MtlsMode,
  PolicyLabel,
  type Protocol,
  protocols,
  QueryMatchRow,
  RedirectRow,
  RetryRow,
  RewriteRow,
  RouteMatchRow,
  RouteRow,
  TcpRow,
  TextMatchRow,
  WeightedClusterRow,
} from "./tables.ts";
