/** The entry of a tab's worker. */

import type { Notice } from "../bridge/protocol";
import { type Port, serve } from "../bridge/server";
import { browserEnv } from "./env";
import { openStore } from "./store/open";
import { type Meeting, Tab } from "./tab";

const env = browserEnv();
const { locks } = navigator;
const meeting: Meeting | undefined =
  (locks as LockManager | undefined) && globalThis.BroadcastChannel
    ? { locks, channel: new BroadcastChannel("heliograph") }
    : undefined;
const tab = new Tab(env, meeting, () => openStore(env.now()), (notice: Notice) => tell(notice));
const tell = serve(globalThis as unknown as Port, tab);
tab.start();
