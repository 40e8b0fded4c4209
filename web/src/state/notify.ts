/**
 * Notifications of the page while it is open. The worker tells one tab alone what has arrived; the
 * one that is told shows it, and takes it away when the chat is read anywhere.
 */

import { createEffect, createRoot } from "solid-js";
import type { Notice } from "../bridge/protocol";
import { t } from "../i18n";
import { listen } from "./bridge";
import { chatRow, rowName } from "./chats";
import { nameOf } from "./people";
import { chatPath, openChat, route } from "./route";
import { settings } from "./settings";
import { rowText } from "./preview";

type Arrived = Extract<Notice, { kind: "arrived" }>;

export function canNotify(): "yes" | "denied" | "missing" {
  if (!("Notification" in globalThis)) return "missing";
  return Notification.permission === "denied" ? "denied" : "yes";
}

/** Only on a click: browsers hold it against a page that asks by itself. */
export async function allowNotifying(): Promise<boolean> {
  return canNotify() === "yes" && (await Notification.requestPermission()) === "granted";
}

interface Shown {
  close: () => void;
  count: number;
}

/** Once for an account; returns what ends it, and takes away what is shown. */
export function startNotifying(): () => void {
  const shown = new Map<string, Shown>();
  const end = listen((notice) => {
    if (notice.kind === "arrived") void notify(notice, shown);
  });
  return () => {
    end();
    for (const { close } of shown.values()) close();
  };
}

function looksAt(chatId: string): boolean {
  return document.visibilityState === "visible" && document.hasFocus() && route().chatId === chatId;
}

async function notify(arrived: Arrived, shown: Map<string, Shown>): Promise<void> {
  const { chatId } = arrived;
  const last = arrived.messages.at(-1);
  if (last === undefined || !settings.notify || looksAt(chatId)) return;
  if (canNotify() !== "yes" || Notification.permission !== "granted") return;
  const before = shown.get(chatId);
  before?.close();
  const count = (before?.count ?? 0) + arrived.messages.length;
  const row = chatRow(chatId);
  const title = row === undefined ? nameOf(last.from_id) : rowName(row);
  const said = row?.kind === "group" ? t.shell.from(nameOf(last.from_id), rowText(last)) : rowText(last);
  const body = settings.notifyPreview && count === 1 ? said : t.shell.newMessages(count);
  const close = await show(title, body, chatId, last.id);
  if (close === undefined) return;
  const stop = createRoot((dispose) => {
    createEffect(() => {
      // The row comes a frame later than its message: first it must have been unread.
      const now = chatRow(chatId);
      if (now !== undefined && (now.read_inbox_id ?? 0) >= last.id) queueMicrotask(() => gone());
    });
    return dispose;
  });
  const gone = () => {
    stop();
    close();
    if (shown.get(chatId)?.close === gone) shown.delete(chatId);
  };
  shown.set(chatId, { close: gone, count });
}

/** Telephones show notifications only through a service worker, which then opens the chat. */
async function show(
  title: string,
  body: string,
  chatId: string,
  messageId: number,
): Promise<(() => void) | undefined> {
  const options = { body, tag: chatId, data: { path: chatPath(chatId, messageId) } };
  try {
    const notification = new Notification(title, options);
    notification.onclick = () => {
      window.focus();
      openChat(chatId, messageId);
      notification.close();
    };
    return () => notification.close();
  } catch {
    const worker = await navigator.serviceWorker?.getRegistration();
    if (worker === undefined) return undefined;
    await worker.showNotification(title, options);
    return () => {
      void worker.getNotifications({ tag: chatId }).then((all) => all.forEach((one) => one.close()));
    };
  }
}
