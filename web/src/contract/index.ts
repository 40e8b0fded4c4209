export * from "./contract";

import type { Media } from "./contract";

export type MediaKind = Media["kind"];
