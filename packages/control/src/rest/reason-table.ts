// The reasons with which the object API refuses, for docs/reference: commands print them as codes.

export interface ReasonRow {
  readonly httpStatus: number;
  readonly meaning: string;
  readonly hint: string;
}

export const reasonTable: Readonly<Record<string, ReasonRow>> = {
  AlreadyExists: {
    httpStatus: 409,
    meaning: "An object of that kind and name exists.",
    hint: "Change it with `weft apply`, or choose another name.",
  },
  BadRequest: {
    httpStatus: 400,
    meaning: "A parameter or the body cannot be read.",
    hint: "Correct what the message names; unknown fields are refused by strict validation.",
  },
  Conflict: {
    httpStatus: 409,
    meaning: "The object changed since it was read, or another manager owns a field.",
    hint: "Read it again; to take fields over, `weft apply --force-conflicts`.",
  },
  Expired: {
    httpStatus: 410,
    meaning: "A watch or a list's continuation starts at a revision that is kept no longer.",
    hint: "List again and watch from there; clients do so by themselves.",
  },
  Forbidden: {
    httpStatus: 403,
    meaning:
      "This may not be done, whoever asks: another origin, another Host, a protected object.",
    hint: "Use the address the control plane was started with.",
  },
  InternalError: {
    httpStatus: 500,
    meaning: "Something failed that no other reason describes.",
    hint: "Look at the control plane's log; please report it with the log line.",
  },
  Invalid: {
    httpStatus: 422,
    meaning: "Fields are wrong; every one is named by its path.",
    hint: "Correct them; `kubectl explain KIND` describes each.",
  },
  MethodNotAllowed: {
    httpStatus: 405,
    meaning: "The path exists, but does not take this HTTP method.",
    hint: "Update the client: client and control plane disagree about the API.",
  },
  NotAcceptable: {
    httpStatus: 406,
    meaning: "None of the formats the client accepts can be given.",
    hint: "Accept application/json.",
  },
  NotFound: {
    httpStatus: 404,
    meaning: "There is no such object, kind or path.",
    hint: "List what exists with `weft get`.",
  },
  RequestEntityTooLarge: {
    httpStatus: 413,
    meaning: "The body is larger than objects may be.",
    hint: "Divide it into several objects.",
  },
  ServiceUnavailable: {
    httpStatus: 503,
    meaning: "The store takes no writes, or the control plane is starting or stopping.",
    hint: "Try again; if it lasts, see `weft check`.",
  },
  Timeout: {
    httpStatus: 504,
    meaning: "The revision asked for did not come in time.",
    hint: "Try again without resourceVersion.",
  },
  UnsupportedMediaType: {
    httpStatus: 415,
    meaning: "The body's format, or this form of patch for this kind, is not taken.",
    hint: "Send JSON, YAML for apply, or a merge patch.",
  },
};
