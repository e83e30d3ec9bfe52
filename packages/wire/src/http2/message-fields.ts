// Makes a head, or trailers, of the fields of one block (RFC 9113 §8.2, §8.3), by the same rules as
// HTTP/1: the first broken one makes the message malformed. The model is HTTP/1's, so everything
// behind the codecs is the same for both.

import { ErrorCode } from "../error-code.ts";
import type { HeaderList } from "../header-list.ts";
import { flagsOfId, flagsOfName, knownNames, NameFlag, NameId } from "../header-names.ts";
import { hasUpperCase, hostLength, portOf } from "../http1/authority.ts";
import type { UnderscoreNames } from "../http1/field-block.ts";
import { Framing, RequestHead, ResponseHead, TargetForm } from "../http1/head.ts";
import { methods } from "../http1/request-line.ts";
import type { Http2Limits } from "../limits.ts";
import { Http2Reason } from "./error.ts";
import { isNormalPath, PseudoId, queryOffset } from "./field-judgement.ts";
import type { FieldSink } from "./hpack-decoder.ts";

/** What a listener decides about the requests it takes. */
export interface RequestRules {
  readonly limits: Http2Limits;
  readonly allowConnect: boolean;
  readonly allowExtendedConnect: boolean;
  readonly allowUnknownMethods: boolean;
  readonly underscoreNames: UnderscoreNames;
}

const blockKinds = { Request: 0, Response: 1, Trailers: 2 } as const;
/** What a block is. */
export const BlockKind: typeof blockKinds = Object.freeze(blockKinds);
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

const cookieId = knownNames.indexOf("cookie");
const connectMethod = methods.indexOf("CONNECT");
const optionsMethod = methods.indexOf("OPTIONS");
const headMethod = "HEAD";

export class MessageFields implements FieldSink {
  readonly #rules: RequestRules;
  #kind: BlockKind = BlockKind.Request;
  #hasRegular = false;
  #method = "";
  #methodFact = -1;
  #path = "";
  #pathFact = 0;
  #scheme = "";
  #authority = "";
  #authorityPacked = -1;
  #protocol = "";
  #host = "";
  #hostPacked = -1;
  #status = 0;
  #contentLength = -1;
  #cookieAt = -1;
  #expectsContinue = false;
  #acceptsTrailers = false;
  #neverIndexed: string[] | null = null;

  /** Why the message is malformed. */
  fault: Http2Reason = Http2Reason.None;
  /** Why a well-formed request is answered without being looked at further. */
  refusal: ErrorCode = ErrorCode.None;
  headers: HeaderList = [];

  constructor(rules: RequestRules) {
    this.#rules = rules;
  }

  /** Before the first field of a block. */
  begin(kind: BlockKind): void {
    this.#kind = kind;
    this.#hasRegular = false;
    this.#method = "";
    this.#path = "";
    this.#scheme = "";
    this.#authorityPacked = -1;
    this.#protocol = "";
    this.#hostPacked = -1;
    this.#status = 0;
    this.#contentLength = -1;
    this.#cookieAt = -1;
    this.#expectsContinue = false;
    this.#acceptsTrailers = false;
    this.#neverIndexed = null;
    this.fault = Http2Reason.None;
    this.refusal = ErrorCode.None;
    this.headers = [];
  }

  field(
    id: number,
    name: string,
    value: string,
    fact: number,
    fault: Http2Reason,
    isSecret: boolean,
  ): void {
    if (fault !== Http2Reason.None) {
      this.#fail(fault);
      return;
    }
    if (id < PseudoId.None) {
      this.#takePseudo(id, value, fact);
      return;
    }
    this.#hasRegular = true;
    if (isSecret) (this.#neverIndexed ??= []).push(name);
    if (this.#kind === BlockKind.Trailers) this.#takeTrailer(id, name, value, fact);
    else if (id > NameId.ProxyAuthorization) {
      if (id === cookieId) this.#takeCookie(value);
      else this.headers.push(name, value);
    } else if (id >= 0) this.#takeOwn(id, value, fact);
    else if (fact === 0 || this.#rules.underscoreNames === "keep") this.headers.push(name, value);
    else if (this.#rules.underscoreNames === "reject") this.#fail(Http2Reason.BadFieldName);
  }

  #fail(reason: Http2Reason): void {
    if (this.fault === Http2Reason.None) this.fault = reason;
  }

  /** Each at most once, and before all other fields (RFC 9113 §8.3). */
  #takePseudo(id: number, value: string, fact: number): void {
    const isRequest = this.#kind === BlockKind.Request;
    if (this.#hasRegular || isRequest === (id === PseudoId.Status)) {
      this.#fail(Http2Reason.BadPseudoField);
      return;
    }
    let isFirst = true;
    switch (id) {
      case PseudoId.Method:
        isFirst = this.#method === "";
        this.#method = value;
        this.#methodFact = fact;
        break;
      case PseudoId.Path:
        isFirst = this.#path === "";
        this.#path = value;
        this.#pathFact = fact;
        break;
      case PseudoId.Scheme:
        isFirst = this.#scheme === "";
        this.#scheme = value;
        break;
      case PseudoId.Authority:
        isFirst = this.#authorityPacked === -1;
        this.#authorityPacked = fact;
        this.#authority = value;
        break;
      case PseudoId.Protocol:
        isFirst = this.#protocol === "";
        this.#protocol = value;
        break;
      default:
        isFirst = this.#status === 0;
        this.#status = fact;
    }
    if (!isFirst || this.#kind === BlockKind.Trailers) this.#fail(Http2Reason.BadPseudoField);
  }

  #takeTrailer(id: number, name: string, value: string, fact: number): void {
    const flags = id >= 0 ? flagsOfId(id) : flagsOfName(name);
    if ((flags & NameFlag.NotInTrailers) !== 0) return;
    if (fact === 0 || id >= 0 || this.#rules.underscoreNames === "keep") {
      this.headers.push(name, value);
    }
  }

  /** Crumbs become one field again (RFC 9113 §8.2.3). */
  #takeCookie(value: string): void {
    const { headers } = this;
    if (this.#cookieAt === -1) {
      this.#cookieAt = headers.push("cookie", value) - 1;
    } else headers[this.#cookieAt] = `${headers[this.#cookieAt] as string}; ${value}`;
  }

  /** Fields that are told by members of the head, or end here. */
  #takeOwn(id: number, value: string, fact: number): void {
    const isRequest = this.#kind === BlockKind.Request;
    switch (id) {
      case NameId.ContentLength:
        // RFC 9110 §8.6; equal repetitions are refused too (http-cases H03).
        if (this.#contentLength !== -1) this.#fail(Http2Reason.BadContentLength);
        this.#contentLength = fact;
        break;
      case NameId.Host:
        if (!isRequest) this.headers.push("host", value);
        else if (this.#hostPacked !== -1) this.#fail(Http2Reason.BadAuthority);
        this.#hostPacked = fact;
        this.#host = value;
        break;
      case NameId.Expect:
        if (!isRequest) this.headers.push("expect", value);
        else if (fact === 0 || this.#expectsContinue) this.refusal = ErrorCode.ExpectationFailed;
        this.#expectsContinue = true;
        break;
      case NameId.Te:
        this.#acceptsTrailers = true;
        break;
      default:
      // http2-settings and proxy credentials end with this hop.
    }
  }

  /** The method is CONNECT, extended or not. */
  get isConnect(): boolean {
    return this.#method !== "" && this.#methodFact === connectMethod;
  }

  /** The request, or null with `fault` or `refusal` set. */
  finishRequest(isEnd: boolean): RequestHead | null {
    const isConnect = this.isConnect;
    if (this.fault === Http2Reason.None) this.fault = this.#checkRequest(isConnect, isEnd);
    if (this.fault !== Http2Reason.None) return null;
    if (this.refusal === ErrorCode.None) this.refusal = this.#judgeRequest(isConnect);
    if (this.refusal !== ErrorCode.None) return null;
    const head = new RequestHead();
    head.headers = this.headers;
    head.acceptsTrailers = this.#acceptsTrailers;
    head.neverIndexed = this.#neverIndexed;
    this.#fillAuthority(head);
    const isTunnel = isConnect && this.#protocol === "";
    if (isTunnel) {
      head.method = "CONNECT";
      head.form = TargetForm.Authority;
      head.target = this.#authority;
      return head;
    }
    this.#fillTarget(head);
    if (this.#protocol !== "") {
      // RFC 8441: what GET with Upgrade is in HTTP/1; content is the tunnel's.
      head.method = "GET";
      head.upgrade = this.#protocol;
      return head;
    }
    head.method = this.#method;
    head.contentLength = this.#contentLength;
    const isSized = this.#contentLength !== -1;
    head.framing = isSized ? Framing.Length : isEnd ? Framing.None : Framing.Chunked;
    head.expectContinue = this.#expectsContinue && !isEnd && this.#contentLength !== 0;
    return head;
  }

  /** RFC 9113 §8.3.1, §8.5; RFC 8441 §4. */
  #checkRequest(isConnect: boolean, isEnd: boolean): Http2Reason {
    if (this.#method === "") return Http2Reason.MissingPseudoField;
    if (this.#authorityPacked === -1 && this.#hostPacked === -1) {
      return Http2Reason.MissingPseudoField;
    }
    const length = this.#contentLength;
    if (isEnd && length > 0) return Http2Reason.ContentLengthMismatch;
    if (this.#protocol !== "") {
      if (!isConnect || !this.#rules.allowExtendedConnect) return Http2Reason.UnexpectedConnect;
    } else if (isConnect) {
      const isWhole = this.#authorityPacked !== -1 && portOf(this.#authorityPacked) !== -1;
      if (this.#scheme !== "" || this.#path !== "") return Http2Reason.MissingPseudoField;
      if (!isWhole) return Http2Reason.BadAuthority;
      if (length > 0) return Http2Reason.BodyForbidden;
      return this.#checkHost("");
    }
    if (this.#scheme === "" || this.#path === "") return Http2Reason.MissingPseudoField;
    if (this.#path === "*" && this.#methodFact !== optionsMethod) return Http2Reason.BadPath;
    if (this.#protocol !== "" && length > 0) return Http2Reason.BodyForbidden;
    return this.#checkHost(this.#scheme);
  }

  /** Host must say what :authority says (http-cases H23). */
  #checkHost(scheme: string): Http2Reason {
    if (this.#hostPacked === -1 || this.#authorityPacked === -1) return Http2Reason.None;
    if (this.#host === this.#authority) return Http2Reason.None;
    const authorityLength = hostLength(this.#authorityPacked);
    const authority = this.#authority.slice(0, authorityLength).toLowerCase();
    const host = this.#host.slice(0, hostLength(this.#hostPacked)).toLowerCase();
    if (authority !== host) return Http2Reason.AuthorityMismatch;
    const authorityPort = portOf(this.#authorityPacked);
    const defaultPort = scheme === "" ? authorityPort : scheme === "https" ? 443 : 80;
    const hostPort = portOf(this.#hostPacked);
    const isSame =
      (authorityPort === -1 ? defaultPort : authorityPort) ===
      (hostPort === -1 ? defaultPort : hostPort);
    return isSame ? Http2Reason.None : Http2Reason.AuthorityMismatch;
  }

  /** Rules whose breach has an answer of its own. */
  #judgeRequest(isConnect: boolean): ErrorCode {
    const { limits } = this.#rules;
    if (this.#methodFact === -1) {
      if (this.#method.length > limits.methodBytesMax) return ErrorCode.MethodTooLong;
      if (!this.#rules.allowUnknownMethods) return ErrorCode.MethodUnknown;
    }
    if (isConnect && this.#protocol === "" && !this.#rules.allowConnect) {
      return ErrorCode.ConnectRefused;
    }
    if (isConnect && this.#protocol !== "" && this.#protocol !== "websocket") {
      return ErrorCode.MethodUnknown;
    }
    if (this.#path.length > limits.targetBytesMax) return ErrorCode.TargetTooLong;
    if (this.#contentLength > limits.bodyBytesMax) return ErrorCode.BodyTooLarge;
    return ErrorCode.None;
  }

  #fillAuthority(head: RequestHead): void {
    const isOwn = this.#authorityPacked !== -1;
    const packed = isOwn ? this.#authorityPacked : this.#hostPacked;
    const text = isOwn ? this.#authority : this.#host;
    head.authority = hasUpperCase(packed) ? text.toLowerCase() : text;
    const port = portOf(packed);
    head.host = port === -1 ? head.authority : head.authority.slice(0, hostLength(packed));
    head.port = port;
  }

  #fillTarget(head: RequestHead): void {
    const path = this.#path;
    const query = queryOffset(this.#pathFact);
    head.scheme = this.#scheme;
    head.target = path;
    head.form = path === "*" ? TargetForm.Asterisk : TargetForm.Origin;
    head.isPathNormal = isNormalPath(this.#pathFact);
    head.path = query === -1 ? path : path.slice(0, query);
    head.query = query === -1 ? "" : path.slice(query);
  }

  /** The response to a request of that method, or null with `fault` set. */
  finishResponse(method: string, isEnd: boolean, isTunnelAsked: boolean): ResponseHead | null {
    if (this.fault === Http2Reason.None) {
      const isMissing = this.#status === 0;
      if (isMissing) this.fault = Http2Reason.MissingPseudoField;
      // RFC 9113 §8.6; an interim response never ends a stream (§8.1).
      else if (this.#status === 101) this.fault = Http2Reason.BadStatus;
      else if (this.#status < 200 && isEnd) this.fault = Http2Reason.BadInterim;
    }
    if (this.fault !== Http2Reason.None) return null;
    const head = new ResponseHead();
    const status = this.#status;
    head.status = status;
    head.headers = this.headers;
    head.neverIndexed = this.#neverIndexed;
    head.contentLength = this.#contentLength;
    if (isTunnelAsked && status >= 200 && status < 300) {
      head.contentLength = -1;
      return head;
    }
    const isEmpty = method === headMethod || status < 200 || status === 204 || status === 304;
    if (isEmpty) return head;
    if (isEnd) {
      if (this.#contentLength > 0) {
        this.fault = Http2Reason.ContentLengthMismatch;
        return null;
      }
      head.contentLength = 0;
    }
    head.framing = head.contentLength === -1 ? Framing.Chunked : Framing.Length;
    return head;
  }
}
