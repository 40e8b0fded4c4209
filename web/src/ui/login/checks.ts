/** What can be said of a form before the server is asked. */

import { t } from "../../i18n";
import { limit } from "../../state/session";
import { written } from "../base/written";

export type Field = "username" | "name" | "password" | "invitation";
export type Wrong = Partial<Record<Field, string>>;

export interface Entered {
  username: string;
  name: string;
  password: string;
  invitation: string;
}

/** For a login only that nothing is left out: what is wrong with it the server does not tell apart. */
export function checkLogin(entered: Entered): Wrong {
  const wrong: Wrong = {};
  if (entered.username === "") wrong.username = t.shell.wantsUsername;
  if (entered.password === "") wrong.password = t.shell.wantsPassword;
  return wrong;
}

export function checkRegistration(entered: Entered, invited: boolean): Wrong {
  const wrong = checkLogin(entered);
  const least = limit("username_chars_min");
  const most = limit("username_chars_max");
  if (wrong.username === undefined && !isUsername(entered.username, least, most)) {
    wrong.username = t.shell.usernameForm(least, most);
  }
  if (written(entered.name) === "") wrong.name = t.shell.wantsName;
  const shortest = limit("password_chars_min");
  if (wrong.password === undefined && [...entered.password].length < shortest) {
    wrong.password = t.shell.passwordShort(shortest);
  }
  if (invited && entered.invitation.trim() === "") wrong.invitation = t.shell.wantsInvitation;
  return wrong;
}

/** As `api/types` has it: letters of ASCII, digits and underscores, a letter first. */
export function isUsername(text: string, least: number, most: number): boolean {
  return text.length >= least && text.length <= most && /^[a-z][a-z0-9_]*$/i.test(text);
}
