/**
 * What workers of one origin say to each other. Tabs of two builds may be open together: they
 * understand each other where their `PROTOCOL` is the same. If it is not, the older one is told so.
 */

import { type FromWorker, type Notice, type PageState, PROTOCOL, type RequestName } from "../bridge/protocol";

export interface Ask {
  id: number;
  name: RequestName;
  params: unknown;
  /** The same when it is asked again of another leader. */
  once: number;
}

export type Answer = Exclude<FromWorker, { notice: Notice }>;

/** `to`: one of them; not given: whoever leads, or all. */
export type Said =
  | { lead: string }
  | { ask: Ask; from: string }
  | { ping: true; from: string }
  | { page: PageState; from: string }
  | { to: string; here: true }
  | { to: string; answer: Answer }
  | { notice: Notice; to?: string; except?: string };

/** This much stays the same in all builds. Nothing `said`: only whose it is. */
interface Envelope {
  protocol: number;
  said?: Said;
}

export class Channel {
  /** `newer`: there is a tab of a newer build, which does not understand this one. Nothing is heard
   * after that. */
  constructor(
    private readonly channel: Pick<BroadcastChannel, "postMessage" | "onmessage">,
    heard: (said: Said) => void,
    newer: () => void,
    private readonly protocol = PROTOCOL,
  ) {
    channel.onmessage = ({ data }: MessageEvent<Envelope>) => {
      if (data.protocol > protocol) {
        channel.onmessage = null;
        newer();
      } else if (data.protocol < protocol) this.post();
      else if (data.said) heard(data.said);
    };
  }

  say(said: Said): void {
    this.post(said);
  }

  private post(said?: Said): void {
    this.channel.postMessage({ protocol: this.protocol, ...(said && { said }) } satisfies Envelope);
  }
}
