/** What each request of the page does. */

import { Refused } from "../bridge/bridge";
import type { RequestName, Requests } from "../bridge/protocol";
import type { Chat } from "../contract";
import { randomId } from "./env";
import type { Session } from "./session";
import { chatRow, orderOf } from "./sync/chats";
import { outgoingByChat } from "./sync/outgoing";
import { contactLists, draftOf } from "./sync/tells";
import { merge } from "./sync/updates";

/** Who asks: which page, and a number of this one request, the same when it is asked again of
 * another leader. */
export interface Asker {
  page: string;
  once: number;
}

type Handler<N extends RequestName> = (
  session: Session,
  params: Requests[N]["params"],
  asker: Asker,
) => Promise<Requests[N]["result"]>;

export async function answer(session: Session, name: RequestName, params: unknown, asker: Asker): Promise<unknown> {
  const handler = HANDLERS[name] as Handler<RequestName> | undefined;
  if (!handler) throw new Refused({ code: "unknown_method", detail: `There is no request ${name}.` });
  if (!OPEN.has(name) && !session.account) throw new Refused({ code: "unauthorized", detail: "Nobody is logged in." });
  return handler(session, params as never, asker);
}

/** What may be asked before somebody is logged in. */
const OPEN: ReadonlySet<RequestName> = new Set(["start", "register", "login", "logout", "reconnect"]);

const HANDLERS: { readonly [N in RequestName]: Handler<N> } = {
  start: async (session) => session.state(),
  register: (session, params) => session.register(params),
  login: (session, params) => session.login(params),
  logout: async (session) => {
    await session.logout();
    return null;
  },
  reconnect: async (session) => {
    session.check();
    return null;
  },

  chats: async (session) => {
    await session.ready();
    const { known } = session.engine;
    const pending = outgoingByChat(known);
    return orderOf(known).map((id) => chatRow(known, known.get("dialogs", id)!, pending.get(id)?.at(-1)));
  },
  window: async (session, { chatId, place, limit }) => {
    await session.ready();
    return session.histories.window(chatId, place, limit);
  },
  older: (session, { chatId, id, limit }) => session.histories.older(chatId, id, limit),
  newer: (session, { chatId, id, limit }) => session.histories.newer(chatId, id, limit),
  messages: (session, { chatId, ids }) => session.histories.messages(chatId, ids),
  outgoing: async (session, { chatId }) => outgoingByChat(session.engine.known).get(chatId) ?? [],
  chat: (session, { chatId }) => session.people.chat(chatId),
  people: (session, { userIds }) => session.people.get(userIds),
  contacts: async (session) => {
    await session.ready();
    return contactLists(session.engine.known);
  },

  send: (session, { chatId, text, replyTo, files }, { once }) =>
    session.outbox.send(chatId, text, replyTo ?? 0, files ?? [], once),
  forward: (session, { fromChatId, ids, toChatId }, { once }) =>
    session.outbox.forward(fromChatId, ids, toChatId, once),
  cancel: (session, { key }) => session.outbox.cancel(key),
  retry: (session, { key }) => session.outbox.retry(key),
  pause: (session, { key, paused }) => session.outbox.pause(key, paused),
  edit: async (session, { chatId, id, text }) => {
    const message = await session.rpc.call("messages.edit", { chat_id: chatId, id, text });
    await session.engine.turn(
      (turn) => merge(turn, message),
      () => [[chatId, id]],
    );
    return message;
  },
  remove: async (session, { chatId, ids, forAll }) => {
    await session.rpc.call("messages.delete", { chat_id: chatId, ids, for_all: forAll });
    return null;
  },
  read: async (session, { chatId, maxId }) => {
    await session.reading.read(chatId, maxId);
    return null;
  },
  typing: async (session, { chatId }) => {
    await session.rpc.ask("messages.typing", { chat_id: chatId }).catch(unlessRefused);
    return null;
  },
  draft: async (session, { chatId, text, replyTo }, { page }) => {
    await session.engine.turn((turn) => {
      turn.from = page;
      if (!text && !replyTo) turn.remove("drafts", chatId);
      else turn.put("drafts", { chat_id: chatId, text, dateMs: session.env.now(), ...(replyTo && { replyTo }) });
    });
    return null;
  },
  drafts: async (session) => {
    const { known } = session.engine;
    return Object.fromEntries([...known.map("drafts").keys()].map((chatId) => [chatId, draftOf(known, chatId)!]));
  },
  search: (session, { text, chatId, limit }) => session.search.find(text, chatId, limit),

  upload: async (session, { file }) => {
    const source = { blob: file.blob, name: file.name, kind: file.kind, uploadId: randomId(session.env) };
    const going = { signal: new AbortController().signal, progress: () => undefined };
    return { ticket: (await session.uploader.upload(source, going)).ticket };
  },
  sessions: async (session) => (await session.rpc.call("auth.sessions", {})).sessions,
  call: async (session, { method, params }) => {
    const result = await session.rpc.call(method, params as never);
    if (method === "chats.open_private" || method === "chats.create_group") {
      const chat = result as Chat;
      await session.engine.turn((turn) => turn.put("chats", chat));
    }
    return result;
  },
};

/** Nobody needs to know that it did not arrive. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
}
