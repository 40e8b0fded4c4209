/** What is written and not sent, of every chat: known here at once, kept by the worker. */

import type { Draft } from "../bridge/protocol";
import { ask, listen } from "./bridge";
import { leftover, onLeave } from "./leaving";

interface Left {
  chatId: string;
  draft: Draft;
}

type Told = (chatId: string, draft: Draft | undefined) => void;

export interface Drafts {
  /** Resolves when drafts of an earlier visit are known. */
  loaded: Promise<void>;
  of(chatId: string): Draft | undefined;
  /** The person writes: known at once, kept soon. */
  put(chatId: string, text: string, replyTo: number): void;
  /** The same by the page: whoever shows the draft is told. */
  give(chatId: string, text: string, replyTo: number): void;
  /** A draft changed elsewhere. Returns what ends it. */
  listen(told: Told): () => void;
  /** Keep now what waits to be kept. */
  flush(): void;
  end(): void;
}

const KEEP_MS = 400;

export function createDrafts(accountId: number, now: () => number = Date.now): Drafts {
  const known = new Map<string, Draft>();
  const waiting = new Set<string>();
  const listeners = new Set<Told>();
  const left = leftover<Left[]>("drafts", accountId);
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Somebody else is logged in here, or nobody. */
  let over = false;

  const tell = (chatId: string) => {
    for (const told of listeners) told(chatId, known.get(chatId));
  };

  const keepOne = async (chatId: string): Promise<boolean> => {
    const draft = known.get(chatId);
    const reply = draft?.replyTo ? { replyTo: draft.replyTo } : {};
    try {
      await ask("draft", { chatId, text: draft?.text ?? "", ...reply });
      return true;
    } catch {
      // Refused (a newer build leads by now), it is written down when the page is left.
      if (!over) waiting.add(chatId);
      return false;
    }
  };

  /** Answers whether all of it was kept. */
  const keep = async (): Promise<boolean> => {
    clearTimeout(timer);
    timer = undefined;
    const keeping = [...waiting].map(keepOne);
    waiting.clear();
    return (await Promise.all(keeping)).every(Boolean);
  };
  const flush = () => void keep();

  const put = (chatId: string, text: string, replyTo: number) => {
    if (over) return;
    const held = known.get(chatId);
    if ((held?.text ?? "") === text && (held?.replyTo ?? 0) === replyTo) return;
    known.set(chatId, { text, dateMs: now(), ...(replyTo && { replyTo }) });
    waiting.add(chatId);
    timer ??= setTimeout(flush, KEEP_MS);
  };

  const give = (chatId: string, text: string, replyTo: number) => {
    put(chatId, text, replyTo);
    tell(chatId);
  };

  /** Found in the store; what was written before it was found comes after it. */
  const found = (chatId: string, draft: Draft, unkept: boolean) => {
    const written = known.get(chatId);
    const both = written?.text && written.text !== draft.text;
    known.set(chatId, draft);
    waiting.delete(chatId);
    if (both) put(chatId, draft.text ? `${draft.text}\n${written.text}` : written.text, written.replyTo ?? 0);
    else if (unkept) waiting.add(chatId);
    if (waiting.size > 0) timer ??= setTimeout(flush, KEEP_MS);
    tell(chatId);
  };

  const load = async () => {
    const kept = new Map(Object.entries(await ask("drafts", {})));
    const unkept = new Set<string>();
    for (const { chatId, draft } of left.take() ?? []) {
      if ((kept.get(chatId)?.dateMs ?? 0) >= draft.dateMs) continue;
      kept.set(chatId, draft);
      unkept.add(chatId);
    }
    for (const [chatId, draft] of kept) found(chatId, draft, unkept.has(chatId));
  };

  const forget = () => {
    clearTimeout(timer);
    waiting.clear();
    known.clear();
    left.take();
  };

  const silence = listen((notice) => {
    if (notice.kind === "account") {
      over = notice.account?.id !== accountId;
      if (over) forget();
    }
    if (notice.kind !== "draft" || waiting.has(notice.chatId)) return;
    const { chatId } = notice;
    const draft = notice.draft ?? undefined;
    const held = known.get(chatId);
    if ((held?.text ?? "") === (draft?.text ?? "") && (held?.replyTo ?? 0) === (draft?.replyTo ?? 0)) return;
    if (draft && held && draft.dateMs < held.dateMs) return;
    if (draft) known.set(chatId, draft);
    else known.delete(chatId);
    tell(chatId);
  });

  const stay = onLeave(() => {
    if (waiting.size === 0) return;
    left.put([...waiting].map((chatId) => ({ chatId, draft: known.get(chatId)! })));
    // A page that was only hidden goes on: what it left must not come back after it was sent.
    void keep().then((kept) => kept && left.take());
  });

  return {
    loaded: load().catch(() => undefined),
    of: (chatId) => known.get(chatId),
    put,
    give,
    listen(told) {
      listeners.add(told);
      return () => listeners.delete(told);
    },
    flush,
    end() {
      flush();
      silence();
      stay();
    },
  };
}

let current: { accountId: number; drafts: Drafts } | undefined;

/** Those of whoever is logged in. */
export function drafts(accountId: number): Drafts {
  if (current?.accountId === accountId) return current.drafts;
  current?.drafts.end();
  current = { accountId, drafts: createDrafts(accountId) };
  return current.drafts;
}
