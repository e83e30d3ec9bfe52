// What compiling needs to know beside the model.

export interface CompileOptions {
  /** The name of the mesh's root of identity, e.g. `weft.local`. */
  readonly trustDomain: string;
}
