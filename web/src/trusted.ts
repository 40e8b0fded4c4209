/**
 * The one Trusted Types policy of the page (`require-trusted-types-for 'script'` with
 * `trusted-types heliograph`): which scripts may be started by their address, and what markup may
 * be parsed. Nothing else may make either: text from others cannot become code.
 */

import { setTrustedTypesPolicy } from "solid-js/web";

const SCRIPTS = /^\/(?:sw|assets\/worker-[\w-]+)\.js$/;

/** Solid's templates are constants; whatever could run in one is not one of ours. */
const RUNS = /<(?:script|iframe|object|embed|base|meta|link)\b|[\s/"']on\w+\s*=|javascript:|srcdoc/i;

/** The address, complete, if it is one of a script of ours that has a thread of its own. */
export function ownScript(address: string, origin: string, anyPath = false): string {
  const url = new URL(address, origin);
  if (url.origin !== origin || !(anyPath || SCRIPTS.test(url.pathname))) {
    throw new TypeError(`not a script of this client: ${url.href}`);
  }
  return url.href;
}

/** The markup, if nothing in it runs. */
export function inert(markup: string): string {
  if (RUNS.test(markup)) throw new TypeError("markup that runs");
  return markup;
}

interface Policy {
  createHTML(markup: string): string;
  createScriptURL(address: string): string;
}

declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
  }
}

// The development server names files otherwise.
const rules: Policy = {
  createHTML: inert,
  createScriptURL: (address) => ownScript(address, location.origin, import.meta.env.DEV),
};
const policy = globalThis.window?.trustedTypes?.createPolicy("heliograph", rules) ?? rules;

if (globalThis.window !== undefined) setTrustedTypesPolicy(policy);

/** For `new Worker` and `serviceWorker.register`: a string to the type checker. */
export function scriptAddress(address: string): string {
  return policy.createScriptURL(address);
}
