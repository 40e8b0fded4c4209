/** Who is logged in, and how the page stands with its server. */

import { batch, createSignal } from "solid-js";
import type { Connection, Keeping, Requests } from "../bridge/protocol";
import { LIMITS, type Config, type User } from "../contract";
import { ask, listen } from "./bridge";
import { keepOnlySettings } from "./settings";
import { dismissToasts } from "./toasts";

const [account, setAccount] = createSignal<User | null>(null);
const [config, setConfig] = createSignal<Config | null>(null);
const [connection, setConnection] = createSignal<Connection>({ state: "connecting" });
const [keeping, setKeeping] = createSignal<Keeping>({ state: "kept" });
const [limits, setLimits] = createSignal<Readonly<Record<string, number>>>(LIMITS);
/** The session was ended on another device: the login says so. */
const [endedElsewhere, setEndedElsewhere] = createSignal(false);
const [outdated, setOutdated] = createSignal(false);

/** The page is about to be loaded again, as a new one. */
const [leaving, setLeaving] = createSignal(false);

/** The server has a newer client than this page is. */
export const tellOutdated = (): void => void setOutdated(true);

export { account, config, connection, endedElsewhere, keeping, leaving, limits, outdated };

/** One's own id: only where somebody is logged in. */
export function myId(): number {
  return account()?.id ?? 0;
}

export function limit(name: keyof typeof LIMITS): number {
  return limits()[name] ?? LIMITS[name];
}

/** It may be tried again. */
let silence: () => void = () => undefined;

/** Everything begins here; raises `Refused` when nothing is known and the server does not answer. */
export async function startSession(): Promise<void> {
  silence();
  silence = listen((notice) => {
    if (notice.kind === "connection") setConnection(notice.connection);
    else if (notice.kind === "keeping") setKeeping(notice.keeping);
    else if (notice.kind === "outdated") tellOutdated();
    else if (notice.kind === "account") changed(notice.account, notice.ended);
  });
  const start = await ask("start", {});
  batch(() => {
    setAccount(start.account);
    setConfig(start.config);
    setConnection(start.connection);
    setKeeping(start.keeping);
    setLimits(start.limits);
  });
}

export async function logIn(params: Requests["login"]["params"]): Promise<void> {
  const user = await ask("login", params);
  enter(user);
}

export async function register(params: Requests["register"]["params"]): Promise<void> {
  const user = await ask("register", params);
  enter(user);
}

function changed(to: User | null, ended: "logout" | "elsewhere" | undefined): void {
  if (to === null) keepOnlySettings();
  batch(() => {
    setAccount(to);
    setEndedElsewhere(ended === "elsewhere");
    setLeaving(ended === "logout");
  });
  // Nothing is left in the page's memory. And with what the browser keeps its service worker has gone,
  // without which the worker of a tab that did not lead reaches nothing any more (Chromium).
  if (ended === "logout") location.replace("/");
}

function enter(user: User): void {
  batch(() => {
    setEndedElsewhere(false);
    setAccount(user);
  });
}

/** In all tabs; each is told, and begins anew. */
export async function logOut(): Promise<void> {
  // What can still be undone is done: afterwards nobody may do it.
  await dismissToasts();
  await ask("logout", {});
}
