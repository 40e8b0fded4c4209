/** The messages of one open chat: loaded around a place, kept true by notices, once a frame. */

import { type Accessor, batch, createSignal } from "solid-js";
import type { HistoryWindow, Notice, Outgoing, Place } from "../bridge/protocol";
import type { Message } from "../contract";
import { ask as askWorker, listen } from "./bridge";
import { perFrame } from "./frame";
import { failed } from "./toasts";
import { firstId, lastId, merged, NO_PIECE, type Piece, pieceOf, trimmed, withNewer, withOlder } from "./window";

/** Messages that are asked for at once: more than a high screen shows. */
const PAGE = 40;

export interface History {
  piece: Accessor<Piece>;
  outgoing: Accessor<readonly Outgoing[]>;
  /** `failed`: it could not be loaded, and nothing is shown. */
  state: Accessor<"loading" | "ready" | "failed">;
  loadingOlder: Accessor<boolean>;
  loadingNewer: Accessor<boolean>;
  /** Show another place; told when it is there: its anchor, or undefined if something else came
   * in between or it could not be had. */
  go(place: Place): Promise<number | undefined>;
  older(): Promise<void>;
  newer(): Promise<void>;
  end(): void;
}

/** What a list of messages knows and this does not. */
export interface Reader {
  /** What is being read: it is never cut off. `Infinity` at the end. */
  around(): number;
  /** What is shown changes inside: the place is to be kept. */
  keeping(change: () => void): void;
}

export function createHistory(chatId: string, reader: Reader): History {
  const [piece, setPiece] = createSignal<Piece>(NO_PIECE);
  const [outgoing, setOutgoing] = createSignal<readonly Outgoing[]>([]);
  const [state, setState] = createSignal<"loading" | "ready" | "failed">("loading");
  const [loadingOlder, setLoadingOlder] = createSignal(false);
  const [loadingNewer, setLoadingNewer] = createSignal(false);
  // Another place was asked for: answers for the one before are void.
  let epoch = 0;
  let endId = 0;
  let told: Message[] = [];
  let toldOutgoing: readonly Outgoing[] | undefined;
  // While an answer is on its way, what was told since may be later than it.
  let asked = 0;
  let since: Message[] = [];
  // What was asked for, or told, before a reset may be wrong; what is shown was asked for after so many.
  let resets = 0;
  let shownAfter = 0;

  const show = (next: Piece) => {
    const cut = trimmed(next, reader.around());
    if (cut !== piece()) setPiece(cut);
  };

  const flush = () => {
    const messages = told;
    const out = toldOutgoing;
    told = [];
    toldOutgoing = undefined;
    reader.keeping(() =>
      batch(() => {
        // Also while another place is on its way: if that cannot be had, this is what stays.
        show(merged(piece(), messages, endId));
        if (out) setOutgoing(out);
      }),
    );
  };
  const frame = perFrame(flush);

  const reset = () => {
    flush();
    since = [];
    endId = 0;
    resets++;
    void again();
  };

  const heard = (notice: Notice) => {
    if (notice.kind === "connection" && notice.connection.state === "online" && shownAfter < resets) void again();
    if (!("chatId" in notice) || notice.chatId !== chatId) return;
    if (notice.kind === "reset") reset();
    if (notice.kind !== "messages") return;
    endId = Math.max(endId, notice.endId);
    for (const message of notice.messages) told.push(message);
    if (asked > 0) since.push(...notice.messages);
    if (notice.outgoing) toldOutgoing = notice.outgoing;
    frame.ask();
  };
  const silence = listen(heard);

  /** Asks for a piece, again if a reset comes before it does, and shows it, unless another place was
   * asked for since. */
  const ask = async (load: () => Promise<HistoryWindow>, put: (window: HistoryWindow) => void): Promise<void> => {
    const begun = epoch;
    asked++;
    try {
      for (;;) {
        const before = resets;
        const window = await load();
        if (begun !== epoch) return;
        if (before === resets) return reader.keeping(() => batch(() => put(window)));
      }
    } finally {
      if (--asked === 0) since = [];
    }
  };

  const go = async (place: Place, quiet = false): Promise<number | undefined> => {
    const mine = ++epoch;
    if (!quiet) setState("loading");
    try {
      let anchorId: number | undefined;
      await ask(() => askWorker("window", { chatId, place, limit: PAGE * 2 }), (window) => {
        shownAfter = resets;
        const next = merged(pieceOf(window), since, endId);
        endId = next.endId;
        anchorId = window.anchorId;
        setPiece(trimmed(next, anchorId || Infinity));
        setState("ready");
      });
      return anchorId;
    } catch (why) {
      if (quiet || mine !== epoch) return undefined;
      const stays = piece().messages.length > 0;
      setState(stays ? "ready" : "failed");
      if (stays) failed(why);
      if (shownAfter < resets) void again();
      return undefined;
    }
  };

  const again = async () => {
    const around = reader.around();
    if (state() !== "ready") return;
    await go(Number.isFinite(around) ? { at: "message", id: around } : { at: "end" }, true);
  };

  const page = async (
    loading: Accessor<boolean>,
    setLoading: (is: boolean) => void,
    way: "older" | "newer",
  ): Promise<void> => {
    const id = way === "older" ? firstId(piece()) : lastId(piece());
    if (loading() || state() !== "ready" || id === 0) return;
    setLoading(true);
    try {
      const longer = way === "older" ? withOlder : withNewer;
      await ask(() => askWorker(way, { chatId, id, limit: PAGE }), (window) => {
        show(merged(longer(piece(), id, window), since, endId));
      });
    } catch {
      // Asked again when somebody scrolls there again, or the connection is back.
    } finally {
      setLoading(false);
    }
  };

  const askOutgoing = async () => {
    const known = await askWorker("outgoing", { chatId });
    if (toldOutgoing === undefined && outgoing().length === 0) setOutgoing(known);
  };
  void askOutgoing().catch(() => undefined);

  return {
    piece,
    outgoing,
    state,
    loadingOlder,
    loadingNewer,
    go: (place) => go(place),
    older: () => page(loadingOlder, setLoadingOlder, "older"),
    newer: () => page(loadingNewer, setLoadingNewer, "newer"),
    end() {
      epoch++;
      frame.end();
      silence();
    },
  };
}
