import { Refused } from "./bridge";
import type { FromWorker, Notice, PageState, Refusal, RequestName, ToWorker } from "./protocol";

/** What a worker does for its page. */
export interface Served {
  ask(name: RequestName, params: unknown): Promise<unknown>;
  page(state: PageState): void;
}

/** The worker's end of what it says to its page. */
export interface Port {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

/** Answers what the page asks; returns what tells it of something. */
export function serve(port: Port, served: Served): (notice: Notice) => void {
  port.onmessage = ({ data }) => {
    if ("page" in data) served.page(data.page);
    else
      served.ask(data.name, data.params).then(
        (result) => port.postMessage({ id: data.id, result }),
        (error: unknown) => port.postMessage({ id: data.id, refusal: refusalOf(error) }),
      );
  };
  return (notice) => port.postMessage({ notice });
}

/** What is not a refusal is a mistake of ours: the page is told of it like of any other. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refused) return error.refusal;
  console.error(error);
  return { code: "internal", detail: String(error) };
}
