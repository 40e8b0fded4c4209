/** What a member may do in a group, as the server decides it. */

import type { Chat, Member } from "../../contract";
import { compareNames } from "../../i18n";

export interface Rights {
  /** Title, picture, description, what members may. */
  edit: boolean;
  add: boolean;
  /** Make admins, hand the group over. */
  own: boolean;
}

const NONE: Rights = { edit: false, add: false, own: false };

export function rightsOf(chat: Chat | undefined, userId: number): Rights {
  const role = chat?.members.find((member) => member.user_id === userId)?.role;
  if (role === undefined || chat === undefined) return NONE;
  const leads = role !== "member";
  return { edit: leads, add: leads || chat.members_add !== false, own: role === "owner" };
}

/** The owner removes everybody else, an admin those who are no admins. */
export function mayRemove(chat: Chat, byId: number, member: Member): boolean {
  const by = chat.members.find((one) => one.user_id === byId)?.role;
  if (member.user_id === byId || member.role === "owner") return false;
  return by === "owner" || (by === "admin" && member.role === "member");
}

const RANKS = { owner: 0, admin: 1, member: 2 } as const;

/** The owner, the admins, the others; each by name. */
export function inOrder(members: readonly Member[], nameOf: (userId: number) => string): Member[] {
  return [...members].sort(
    (a, b) => RANKS[a.role] - RANKS[b.role] || compareNames(nameOf(a.user_id), nameOf(b.user_id)),
  );
}
