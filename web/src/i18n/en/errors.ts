import { pluralOf } from "../plural";

const plural = pluralOf("en");

export const errors = {
  unexpected: "Something went wrong. Please try again.",
  flood: (seconds: number) =>
    seconds < 60
      ? "That was too often. Please try again in a moment."
      : `That was too often. Please try again in ${plural(Math.ceil(seconds / 60), { one: "# minute", other: "# minutes" })}.`,
  /** By the code of the contract, and those of this browser. */
  codes: {
    offline: "There is no connection. Please try again when you are online.",
    invalid_params: "This does not work here: it needs something that can be seen, no hidden characters, and must not be too long.",
    storage_full: "There is no room left to store this.",
    outdated: "A newer version of Heliograph is open in another tab. Please load this page again.",
    unauthorized: "You are logged out. Please log in again.",
    wrong_credentials: "This user name and this password do not belong together.",
    password_common: "This password is too easy to guess. Please choose another one.",
    username_taken: "Somebody else has this user name already.",
    username_reserved: "This user name is reserved.",
    registration_closed: "This server takes no new accounts.",
    invitation_invalid: "This invitation is not valid, or has been used.",
    forbidden: "You may not do that here.",
    blocked: "This person does not take messages or invitations from you.",
    edit_expired: "It is too late to change this message.",
    chat_not_found: "This chat is not there, or not for you.",
    user_not_found: "There is nobody of this name.",
    session_not_found: "This session has ended already.",
    message_not_found: "This message is not there any more.",
    media_not_found: "This file is not there any more.",
    not_member: "This person is not in the group.",
    group_full: "The group is full.",
    too_many: "There are too many of them already.",
    quota_exceeded: "Your room for files is used up.",
    too_large: "This is too large.",
    unsupported_media_type: "This kind of file is not taken here.",
    too_slow: "The connection is too slow at the moment. Please try again.",
    overloaded: "The server is busy. Please try again in a moment.",
    unavailable: "The server cannot be reached at the moment. Please try again.",
    internal: "The server has a problem. Please try again.",
  },
};
