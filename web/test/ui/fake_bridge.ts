import type { Bridge } from "../../src/bridge/bridge";
import type { Notice, RequestName, Requests } from "../../src/bridge/protocol";
import { provideBridge } from "../../src/state/bridge";

type Answers = { [N in RequestName]?: (params: Requests[N]["params"]) => Requests[N]["result"] };

/** A bridge whose worker says what a test wants it to. */
export function fakeBridge(answers: Answers) {
  const listeners = new Set<(notice: Notice) => void>();
  const asked: { name: RequestName; params: unknown }[] = [];
  const bridge: Bridge = {
    async ask(name, params) {
      asked.push({ name, params });
      const answer = answers[name];
      if (answer === undefined) throw new Error(`nobody answers ${name}`);
      return answer(params);
    },
    listen(heard) {
      listeners.add(heard);
      return () => listeners.delete(heard);
    },
  };
  provideBridge(bridge);
  const tell = (notice: Notice) => {
    for (const heard of listeners) heard(notice);
  };
  return { asked, tell };
}
