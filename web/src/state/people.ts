/** People by their ids: asked for when something shows them, many ids in one request. */

import { batch, createSignal, type Accessor, type Setter } from "solid-js";
import type { Contact, User } from "../contract";
import { t } from "../i18n";
import { ask, listen } from "./bridge";
import { account } from "./session";

type Known = User | undefined;

const ASK_MAX = 100;
const users = new Map<number, [Accessor<Known>, Setter<Known>]>();
const wanted = new Set<number>();
const asked = new Set<number>();
const [contacts, setContacts] = createSignal<readonly Contact[]>([]);
const [blocked, setBlocked] = createSignal<ReadonlySet<number>>(new Set());
const [ownNames, setOwnNames] = createSignal<ReadonlyMap<number, string>>(new Map());

/** One's contacts, and whom one blocks. */
export { blocked, contacts };

function signalOf(userId: number): [Accessor<Known>, Setter<Known>] {
  const known = users.get(userId);
  if (known !== undefined) return known;
  const made = createSignal<Known>();
  users.set(userId, made);
  return made;
}

/** Undefined until it is known; asks for it once. */
export function person(userId: number): User | undefined {
  const user = signalOf(userId)[0]();
  if (user === undefined && !asked.has(userId)) want(userId);
  return user;
}

/** What the page calls somebody: a name of one's own for a contact, or their own. */
export function nameOf(userId: number): string {
  const own = ownNames().get(userId);
  return own ?? person(userId)?.name ?? t.shell.unknownPerson;
}

export function isContact(userId: number): boolean {
  return contacts().some((contact) => contact.user_id === userId);
}

function want(userId: number): void {
  if (wanted.size === 0) queueMicrotask(askWanted);
  wanted.add(userId);
  asked.add(userId);
}

function askWanted(): void {
  const ids = [...wanted];
  wanted.clear();
  for (let from = 0; from < ids.length; from += ASK_MAX) {
    const userIds = ids.slice(from, from + ASK_MAX);
    ask("people", { userIds }).then(learn, () => {
      for (const id of userIds) asked.delete(id);
    });
  }
}

/** Something was told of these people. */
export function learn(told: readonly User[]): void {
  batch(() => {
    for (const user of told) {
      asked.add(user.id);
      signalOf(user.id)[1](user);
    }
  });
}

/** As they are now: presence is told only of those one has a private chat with. */
export async function refreshPeople(userIds: readonly number[]): Promise<void> {
  for (let from = 0; from < userIds.length; from += ASK_MAX) {
    learn(await ask("people", { userIds: userIds.slice(from, from + ASK_MAX) }));
  }
}

function learnContacts(all: readonly Contact[], blockedIds: readonly number[]): void {
  batch(() => {
    setContacts(all);
    setBlocked(new Set(blockedIds));
    setOwnNames(
      new Map(all.flatMap((contact) => (contact.name ? [[contact.user_id, contact.name] as const] : []))),
    );
  });
}

/** Ends what is known to the account before; call it again for another one. */
export async function startPeople(): Promise<void> {
  batch(() => {
    for (const [, set] of users.values()) set(undefined);
    asked.clear();
    learnContacts([], []);
    const me = account();
    if (me !== null) learn([me]);
  });
  const known = await ask("contacts", {});
  learnContacts(known.contacts, known.blocked);
}

/** Once in the page. */
export function listenForPeople(): () => void {
  return listen((notice) => {
    if (notice.kind === "people") learn(notice.users);
    else if (notice.kind === "account" && notice.account !== null) learn([notice.account]);
    else if (notice.kind === "contacts") learnContacts(notice.contacts, notice.blocked);
  });
}
