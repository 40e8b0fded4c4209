import { scriptAddress } from "../trusted";
import address from "../worker/main.ts?worker&url";
import { type Bridge, Refused } from "./bridge";
import type { FromWorker, Notice, PageState, ToWorker } from "./protocol";

interface Asked {
  answer(result: unknown): void;
  refuse(error: Refused): void;
}

/** Starts this page's worker. Once for a page. */
export function connect(): Bridge {
  return over(new Worker(scriptAddress(address), { type: "module", name: "worker" }));
}

/** The bridge over something that takes and gives messages like a worker. */
export function over(worker: Pick<Worker, "postMessage" | "onmessage">): Bridge {
  const asked = new Map<number, Asked>();
  const listeners = new Set<(notice: Notice) => void>();
  let number = 0;
  const post = (message: ToWorker): void => worker.postMessage(message);
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if ("notice" in data) {
      for (const heard of listeners) heard(data.notice);
      return;
    }
    const one = asked.get(data.id);
    asked.delete(data.id);
    if ("refusal" in data) one?.refuse(new Refused(data.refusal));
    else one?.answer(data.result);
  };
  watchPage((page) => post({ page }));
  return {
    ask: (name, params) =>
      new Promise((answer, refuse) => {
        const id = ++number;
        asked.set(id, { answer: answer as (result: unknown) => void, refuse });
        post({ id, name, params });
      }),
    listen: (heard) => {
      listeners.add(heard);
      return () => listeners.delete(heard);
    },
  };
}

/** What a worker cannot see of its page. */
function watchPage(tell: (state: PageState) => void): void {
  const look = (closing = false): void =>
    tell({
      visible: document.visibilityState === "visible",
      focused: document.hasFocus(),
      online: navigator.onLine,
      ...(closing && { closing }),
    });
  document.addEventListener("visibilitychange", () => look());
  for (const kind of ["focus", "blur", "online", "offline", "pageshow"]) addEventListener(kind, () => look());
  addEventListener("pagehide", () => look(true));
  look();
}
