/** The one bridge of this page. Made by `main.tsx`; a test gives its own. */

import type { Bridge } from "../bridge/bridge";
import type { Call, Notice, RequestName, Requests } from "../bridge/protocol";
import type { MethodName, Methods } from "../contract";

let provided: Bridge | undefined;

export function provideBridge(bridge: Bridge): void {
  provided = bridge;
}

function bridge(): Bridge {
  if (provided === undefined) throw new Error("no bridge was provided");
  return provided;
}

export function ask<N extends RequestName>(
  name: N,
  params: Requests[N]["params"],
): Promise<Requests[N]["result"]> {
  return bridge().ask(name, params);
}

/** A method of the contract; what it changes comes back as notices. */
export function call<M extends MethodName>(
  method: M,
  params: Methods[M]["params"],
): Promise<Methods[M]["result"]> {
  return ask("call", { method, params } as Call) as Promise<Methods[M]["result"]>;
}

/** Returns what ends it. */
export function listen(heard: (notice: Notice) => void): () => void {
  return bridge().listen(heard);
}
