/**
 * What the page asks of the worker and what the worker tells it. The page never talks to the
 * server's methods itself and never reads the browser's store: it shows what it is told here.
 *
 * Types of the contract go through as they are: a field that has its default is left out (`?? 0`).
 */

import type {
  Chat,
  Config,
  Contact,
  Dialog,
  Login,
  MediaKind,
  Message,
  MethodName,
  Methods,
  Register,
  Session,
  User,
} from "../contract";

/**
 * Raised with every change of what is here, of what workers say to each other (`worker/channel.ts`),
 * or of the rows of the store, that another build would not understand: tabs of two builds may be
 * open together, and share the store. It is the version of the store too.
 */
export const PROTOCOL = 2;

/** How the connection to the server is. `retryMs`: when it is tried again (`Date.now()`). */
export type Connection =
  | { state: "connecting" | "updating" | "online" }
  | { state: "offline"; retryMs: number };

/**
 * Where what is known is kept: `kept` in this browser; `memory`: in this tab as long as it is open,
 * and why: no secure context, no IndexedDB, it was full, it failed, or a newer build has written it.
 */
export type Keeping =
  | { state: "kept" }
  | { state: "memory"; why: "insecure" | "missing" | "full" | "failed" | "newer" };

/** A row of the list of chats, complete: the worker puts names of contacts and drafts in. */
export interface ChatRow extends Dialog {
  /** What the list shows: a name of one's own for a contact, the other's name, a title. */
  name: string;
  /** Of a private chat: the other person. */
  userId?: number;
  draft?: Draft;
  /** The last one that is not sent yet. */
  pending?: Outgoing;
}

export interface Draft {
  text: string;
  replyTo?: number;
  /** Written then; the latest wins. */
  dateMs: number;
}

/** A file on its way up. */
export interface OutgoingFile {
  name: string;
  size: number;
  kind: MediaKind;
  mime: string;
  /** Bytes that are stored. */
  sent: number;
  paused: boolean;
  width?: number;
  height?: number;
  durationMs?: number;
  waveform?: string;
}

/** A message that has no id yet. It has been written down before anybody is told of it. */
export interface Outgoing {
  /** Its number in the outbox: the order in which messages were written. */
  key: number;
  chatId: string;
  randomId: number;
  text: string;
  replyTo: number;
  album: number;
  dateMs: number;
  file?: OutgoingFile;
  forward?: { chatId: string; id: number };
  state: "waiting" | "sending" | "failed";
  /** Why it failed, in words that a person can be shown; `code` of the contract. */
  failure?: { code: string; detail: string };
}

export interface Attachment {
  blob: Blob;
  name: string;
  kind: MediaKind;
  mime: string;
  width?: number;
  height?: number;
  durationMs?: number;
  /** Loudness of a voice message: 100 bytes in base64. */
  waveform?: string;
  caption?: string;
}

/** Where in a history to go. */
export type Place =
  | { at: "end" }
  | { at: "unread" }
  | { at: "message"; id: number }
  | { at: "date"; ms: number };

/** A contiguous piece of a history, ascending. `anchorId`: what the place turned out to be (0: the
 * end). `atStart`: nothing older may be read; `atEnd`: nothing newer is there. */
export interface HistoryWindow {
  chatId: string;
  messages: Message[];
  atStart: boolean;
  atEnd: boolean;
  anchorId: number;
}

export interface Found {
  chats: ChatRow[];
  messages: Message[];
}

/** What everything begins with. `account`: nobody is logged in. */
export interface Start {
  account: User | null;
  config: Config | null;
  keeping: Keeping;
  connection: Connection;
  limits: Readonly<Record<string, number>>;
}

type Nothing = Record<string, never>;
type Own<T> = Omit<T, "cookie" | "device">;

export interface Requests {
  start: { params: Nothing; result: Start };
  register: { params: Own<Register>; result: User };
  login: { params: Own<Login>; result: User };
  /** Ends this login and forgets all that this browser keeps of it, in all tabs. */
  logout: { params: Nothing; result: null };
  /** The server is there, asked now: after waking up, or when the person wants so. */
  reconnect: { params: Nothing; result: null };

  /** All rows, in the order of the list. */
  chats: { params: Nothing; result: ChatRow[] };
  window: { params: { chatId: string; place: Place; limit: number }; result: HistoryWindow };
  /** What is before (after) a message of a window, and belongs to it without a hole. */
  older: { params: { chatId: string; id: number; limit: number }; result: HistoryWindow };
  newer: { params: { chatId: string; id: number; limit: number }; result: HistoryWindow };
  /** Single messages, for quotes; what may not be read is left out. */
  messages: { params: { chatId: string; ids: number[] }; result: Message[] };
  outgoing: { params: { chatId: string }; result: Outgoing[] };
  /** Members, description, rights: as the server has them now, or as they were kept. */
  chat: { params: { chatId: string }; result: Chat };
  people: { params: { userIds: number[] }; result: User[] };
  contacts: { params: Nothing; result: { contacts: Contact[]; blocked: number[] } };

  /** Answered when it is written down, not when it is sent. With several files: an album if they
   * are pictures and videos, one message each if not. */
  send: {
    params: { chatId: string; text: string; replyTo?: number; files?: Attachment[] };
    result: Outgoing[];
  };
  forward: { params: { fromChatId: string; ids: number[]; toChatId: string }; result: Outgoing[] };
  /** Take back what is not sent yet, try again what failed, pause or resume its file. False: it is
   * on its way already. */
  cancel: { params: { key: number }; result: boolean };
  retry: { params: { key: number }; result: boolean };
  pause: { params: { key: number; paused: boolean }; result: boolean };
  edit: { params: { chatId: string; id: number; text: string }; result: Message };
  remove: { params: { chatId: string; ids: number[]; forAll: boolean }; result: null };
  /** Only what a person has seen in a focused tab. */
  read: { params: { chatId: string; maxId: number }; result: null };
  typing: { params: { chatId: string }; result: null };
  /** An empty text without a reply takes it away. */
  draft: { params: { chatId: string; text: string; replyTo?: number }; result: null };
  drafts: { params: Nothing; result: Record<string, Draft> };
  /** In what this browser holds. */
  search: { params: { text: string; chatId?: string; limit: number }; result: Found };

  /** Stored as a file: what `users.set_photo` and `chats.set_photo` take. */
  upload: { params: { file: Attachment }; result: { ticket: string } };
  sessions: { params: Nothing; result: Session[] };
  /** Any other method of the contract; what it changes comes back as notices. */
  call: { params: Call; result: unknown };
}

export type Call = { [N in MethodName]: { method: N; params: Methods[N]["params"] } }[MethodName];

export type RequestName = keyof Requests;

/** Why something was refused, as the server said it, or `offline`, `storage_full`, `outdated` (a tab of
 * a newer build is open) of this browser. */
export interface Refusal {
  code: string;
  detail: string;
  /** A JSON Pointer to the parameter that it is about. */
  field?: string;
  retryAfter?: number;
}

export type Notice =
  | { kind: "connection"; connection: Connection }
  | { kind: "keeping"; keeping: Keeping }
  /** Somebody logged in or changed their profile; null: the session is over, in all tabs. */
  | { kind: "account"; account: User | null; ended?: "logout" | "elsewhere" }
  /** These rows are so now; `order` only where it changed: all chat ids from the top. */
  | { kind: "chats"; rows: ChatRow[]; order?: string[] }
  /**
   * Messages that came or changed; and all that is on its way in that chat, if that changed: so
   * that what was sent is never shown twice nor gone for a moment. `endId`: the last id there is.
   */
  | { kind: "messages"; chatId: string; messages: Message[]; outgoing?: Outgoing[]; endId: number }
  /** All that is held of a chat may be wrong: ask for its window again, keeping the place. */
  | { kind: "reset"; chatId: string }
  | { kind: "people"; users: User[] }
  | { kind: "chat"; chat: Chat }
  | { kind: "contacts"; contacts: Contact[]; blocked: number[] }
  | { kind: "typing"; chatId: string; userId: number; untilMs: number }
  /** Progress of a file, often: not worth a list of messages. */
  | { kind: "progress"; chatId: string; key: number; sent: number }
  /** Another tab has written a draft. */
  | { kind: "draft"; chatId: string; draft: Draft | null }
  /** Messages from others that came just now, for a page that may notify: one tab is told. */
  | { kind: "arrived"; chatId: string; messages: Message[] }
  /** The server runs a newer client, or another tab does: offer to load it. */
  | { kind: "outdated" };

/** How the page is: only one that is seen may take the lead, and only one is notified. */
export interface PageState {
  visible: boolean;
  focused: boolean;
  online: boolean;
  /** It goes away now. */
  closing?: boolean;
}

/** From the page. */
export type ToWorker = { id: number; name: RequestName; params: unknown } | { page: PageState };

/** To the page. */
export type FromWorker =
  | { id: number; result: unknown }
  | { id: number; refusal: Refusal }
  | { notice: Notice };
