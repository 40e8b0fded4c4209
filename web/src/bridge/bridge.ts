import type { Notice, Refusal, RequestName, Requests } from "./protocol";

/** What the page sees of the worker. */
export interface Bridge {
  /** Raises `Refused`. */
  ask<N extends RequestName>(
    name: N,
    params: Requests[N]["params"],
  ): Promise<Requests[N]["result"]>;
  /** Returns what ends it. */
  listen(heard: (notice: Notice) => void): () => void;
}

export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.detail);
  }

  get code(): string {
    return this.refusal.code;
  }
}
