import { chat } from "./chat";
import { errors } from "./errors";
import { shell } from "./shell";

export const texts = { shell, chat, errors };
