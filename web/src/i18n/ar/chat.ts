import type { Texts } from "..";

export const chat: Texts["chat"] = {};
