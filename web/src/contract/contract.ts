// Made by `python -m api.typescript` from the structs of `api/`. Do not edit.

/** Create an account and log its first device in. `cookie`: see `auth.login`. */
export interface Register {
  username: string;
  password: string;
  name: string;
  device?: string;
  invitation?: string;
  cookie?: boolean;
}

/**
 * A fresh login. The token is shown this once, or set as a cookie; the server keeps only its hash.
 */
export interface Authorization {
  session_id: number;
  user: User;
  token?: string;
}

/**
 * `photo`: the profile picture, its name left out; to be had at `/media/photo/`. `status` is left
 * out for whom this user blocks.
 */
export interface User {
  id: number;
  username: string;
  name: string;
  bio?: string;
  status?: Status;
  photo?: Media;
}

/** Presence of a user: online now, or when last seen (Unix ms; 0 is never). */
export interface Status {
  online: boolean;
  last_seen_ms: number;
}

/**
 * A file that goes with a message, or is a profile picture. `file_id` names its content: of a file
 * of one part the BLAKE3 hash of its bytes in base64url, of a longer one that of the hashes of its
 * parts; `size` in bytes; `width` and `height` in pixels, as it is shown; `waveform`: the loudness
 * of a voice message, 100 bytes in base64; `preview`: a tiny WebP in base64, to be shown blurred
 * until there is something better. What is not known is 0 or empty.
 */
export interface Media {
  kind: "photo" | "video" | "audio" | "voice" | "file";
  file_id: string;
  size: number;
  name: string;
  mime: string;
  width?: number;
  height?: number;
  duration_ms?: number;
  waveform?: string;
  preview?: string;
  thumb?: Thumb;
}

/** A small picture of a file, at most 320 pixels long, itself a file: a JPEG or a WebP. */
export interface Thumb {
  file_id: string;
  size: number;
  mime: string;
  width: number;
  height: number;
}

/**
 * Log a device in. A wrong user name and a wrong password are answered alike. With `cookie`, which
 * is for pages of this server's own, the browser keeps the token as a cookie that no script reads,
 * and it is not in the answer.
 */
export interface Login {
  username: string;
  password: string;
  device?: string;
  cookie?: boolean;
}

/**
 * End this session; its token is void and its connections close. Over HTTP, a browser that is
 * logged in by a cookie forgets that too, and what it keeps of this server.
 */
export interface Logout {
}

/** It is done; also where there was nothing to do. */
export interface Ok {
  ok: boolean;
}

/** All logins of this account. */
export interface GetSessions {
}

/** All logins of an account, the one used last first. */
export interface Sessions {
  sessions: Session[];
}

/** One login of one device. */
export interface Session {
  id: number;
  device: string;
  created_ms: number;
  active_ms: number;
  current?: boolean;
}

/** End one other session of this account. Your own one is refused: `auth.logout` ends it. */
export interface EndSession {
  session_id: number;
}

/** End all sessions of this account but this one. */
export interface EndOtherSessions {
}

/** How many logins were ended. */
export interface Ended {
  ended: number;
}

/** Change the password; all other sessions end. */
export interface ChangePassword {
  old_password: string;
  new_password: string;
}

/**
 * Open the private chat with a user; with yourself, the saved messages. It has to be opened once
 * before the first message, the saved messages too; opening it again changes nothing.
 */
export interface OpenPrivate {
  user_id: number;
}

/**
 * `photo`: a group's picture, its name left out. `description`: what a group is about, as its
 * owner and admins say. `members_add`: also members who are no admins may add others.
 */
export interface Chat {
  id: string;
  kind: "private" | "saved" | "group";
  title: string;
  created_ms: number;
  last_id: number;
  members: Member[];
  photo?: Media;
  description?: string;
  members_add?: boolean;
}

/** A member of a chat with the marks up to which they received and read it. */
export interface Member {
  user_id: number;
  role: "owner" | "admin" | "member";
  joined_ms: number;
  delivered_id?: number;
  read_id?: number;
}

/**
 * Create a group you own. Answered when it is there, with you as its only member: those of
 * `user_ids` who exist and do not block you join after that, each told by a service message
 * (`member_added`); of the others, nothing is told.
 */
export interface CreateGroup {
  title: string;
  random_id: number;
  user_ids?: number[];
}

/** A chat you are in, with its members. */
export interface GetChat {
  chat_id: string;
}

/**
 * Add a user to a group: every member may, unless `chats.set_member_rights` says that only its
 * owner and admins do. Refused as `blocked` by somebody who blocks you. Adding a member changes
 * nothing.
 */
export interface AddMember {
  chat_id: string;
  user_id: number;
}

/** Remove a member from a group (owner and admins). */
export interface RemoveMember {
  chat_id: string;
  user_id: number;
}

/** Leave a group. The owner hands the group over first, unless alone in it. */
export interface LeaveGroup {
  chat_id: string;
}

/** Change the title of a group (owner and admins). */
export interface RenameGroup {
  chat_id: string;
  title: string;
}

/**
 * Say what a group is about; with an empty text, nothing (owner and admins). With the description
 * that it has, nothing changes.
 */
export interface SetDescription {
  chat_id: string;
  description: string;
}

/**
 * Say what members who are no admins may do in a group (owner and admins). `add`: add others,
 * which they may in a new one.
 */
export interface SetMemberRights {
  chat_id: string;
  add: boolean;
}

/** Give a group another picture; with an empty ticket, none (owner and admins). */
export interface SetChatPhoto {
  chat_id: string;
  media?: string;
}

/** Make a member an admin, or an admin a member (owner). */
export interface SetAdmin {
  chat_id: string;
  user_id: number;
  admin: boolean;
}

/** Make another member the owner; you stay as an admin. */
export interface TransferOwnership {
  chat_id: string;
  user_id: number;
}

/** Your chats, latest first, with their top messages. */
export interface GetDialogs {
  offset?: number;
  limit?: number;
}

/**
 * A page of dialogs, latest first; `next_offset` is 0 at the end. `pts` is the state of the
 * mailbox that the page reflects.
 */
export interface Dialogs {
  dialogs: Dialog[];
  next_offset: number;
  pts: number;
}

/**
 * A chat as its owner's list shows it. `title` and `photo` are those of the group, or the name and
 * the picture of the other person of a private chat; of a group that its owner is not in any more
 * (`left`), there is the title that it had then. `delivered_id` and `read_outbox_id` are what
 * somebody else has received and read of the owner's messages, `read_inbox_id` what the owner has
 * read. `top_pts`: the number of the update that brought the top message, which the list is
 * ordered by (0: it came before all those that have one).
 */
export interface Dialog {
  chat_id: string;
  kind: "private" | "saved" | "group";
  top_id: number;
  top_date_ms: number;
  unread?: number;
  read_inbox_id?: number;
  read_outbox_id?: number;
  delivered_id?: number;
  left?: boolean;
  message?: Message;
  top_pts?: number;
  title?: string;
  photo?: Media;
}

/**
 * One message: `id` counts from 1 in its chat, without holes. Those with the same `album` of one
 * sender are shown together. What is known of a message is what it is as of its last change: of
 * two states of it, the one with the higher `revision` is the later one, and one that is `deleted`
 * the last.
 */
export interface Message {
  chat_id: string;
  id: number;
  from_id: number;
  date_ms: number;
  text?: string;
  action?: Action;
  reply_to?: number;
  random_id?: number;
  media?: Media;
  album?: number;
  edited_ms?: number;
  revision?: number;
  deleted?: boolean;
  forward?: Forward;
}

/**
 * What a service message tells: `user_id` is whom it is about, `text` the title of the group: the
 * new one, or to somebody who is added the one that it has.
 */
export interface Action {
  kind: "group_created" | "member_added" | "member_removed" | "member_left" | "renamed" | "admin_added" | "admin_removed" | "owner_changed" | "photo_changed" | "photo_removed";
  user_id?: number;
  text?: string;
}

/** Who wrote a message that was forwarded, and when. */
export interface Forward {
  from_id: number;
  date_ms: number;
}

/** Put a user into your contacts, with a name of your own for them if you like. */
export interface AddContact {
  user_id: number;
  name?: string;
}

/** Take a user out of your contacts. */
export interface RemoveContact {
  user_id: number;
}

/** Your contacts by ascending user id, from the first one after `after_id`. */
export interface GetContacts {
  after_id?: number;
  limit?: number;
}

/** A page of contacts; `more` tells whether there are others after it. */
export interface Contacts {
  contacts: Contact[];
  more?: boolean;
}

/** Somebody whom one knows; `name` is what one calls them, empty if nothing else. */
export interface Contact {
  user_id: number;
  name?: string;
}

/** Stop a user from writing to you, adding you to groups and seeing when you are online. */
export interface Block {
  user_id: number;
}

/** Take a block back. */
export interface Unblock {
  user_id: number;
}

/** Whom you block. */
export interface GetBlocked {
}

/** Users by their ids. */
export interface UserIds {
  user_ids: number[];
}

/** The limits of this server. */
export interface GetLimits {
}

/** Every limit by its name, which ends with its unit. */
export interface LimitTable {
  limits: Record<string, number>;
}

/** Where live connections go, and what this server is. */
export interface GetConfig {
}

/**
 * Where live connections go, and what the server is. They go to `ws_url`; where that is empty, to
 * `ws://` and `ws_port` of the host that answers here. `ws_fallback_path` is the same on this
 * port. What is at `/media/` here is at `files_port` of this host too, if that is not 0: large
 * files come and go faster there. `server_id` stays as long as the server's data.
 */
export interface Config {
  version: string;
  ws_url: string;
  ws_fallback_path: string;
  registration: "open" | "invitation" | "closed";
  heartbeat_s: number;
  server_id?: string;
  ws_port?: number;
  files_port?: number;
}

/**
 * Begin to upload a file of this size in bytes. `upload_id` is a number of your choice: repeated
 * with the same one, the call changes nothing. The parts follow by `PUT
 * /media/upload/<upload_id>/<part>`, in any order.
 */
export interface BeginUpload {
  upload_id: number;
  size: number;
}

/** A running upload: it takes `parts` parts, and those in `stored` are there. */
export interface Upload {
  upload_id: number;
  size: number;
  parts: number;
  stored: PartRange[];
}

/** Parts of a file, counted from 0, both ends included. */
export interface PartRange {
  first: number;
  last: number;
}

/** Which parts of an upload are stored: after an interruption, go on with the others. */
export interface GetUpload {
  upload_id: number;
}

/**
 * All parts are stored, and the file is this one. Repeated, it is answered alike, and another
 * `hash` is refused. `kind` is how it shall be shown; where it is no such thing, it becomes a
 * file. Of a photo, position and camera are removed, so that its `file_id` is another one then.
 */
export interface FinishUpload {
  upload_id: number;
  hash: string;
  name?: string;
  kind?: "photo" | "video" | "audio" | "voice" | "file";
}

/**
 * A file is stored: what `messages.send` needs of it, and what is known of it. `expires_ms`: until
 * when the ticket can be used.
 */
export interface Finished {
  ticket: string;
  expires_ms: number;
  media: Media;
}

/**
 * Give up an upload; what was stored of it is deleted in time. One that is not there is given up
 * already.
 */
export interface CancelUpload {
  upload_id: number;
}

/**
 * A link to the file of a message, for programs that cannot send a token. Whoever has it can read
 * the file until it expires.
 */
export interface GetLink {
  chat_id: string;
  message_id: number;
  thumb?: boolean;
}

/** The path at which somebody who has no token can download a file, until `expires_ms`. */
export interface Link {
  path: string;
  expires_ms: number;
}

/**
 * Send a text, a file, or both. Answered when it is durable; repeat with the same `random_id`
 * until it is answered: it is stored once. A repetition is answered as the first, but without
 * `pts`, and what it holds is not looked at: with another text, the first one stays. Messages with
 * the same `album`, a number of your choice, are shown together.
 */
export interface SendMessage {
  chat_id: string;
  text: string;
  random_id: number;
  reply_to?: number;
  media?: string;
  album?: number;
}

/**
 * A message is durable: its id, date, and the number (`pts`) its update has in the sender's
 * mailbox; `pts` is 0 when a resend is answered from memory.
 */
export interface Sent {
  chat_id: string;
  id: number;
  date_ms: number;
  pts?: number;
}

/**
 * Send messages that you can read into another chat, or the same one, as they are now, with who
 * wrote them and when. Files are not uploaded again, and what becomes of the messages that they
 * come from does not touch them any more. Answered when all are durable. They are sent one after
 * the other, each by a random id of its own: where one is refused, those before it are sent;
 * repeat with the same random ids. What tells of a change of a group cannot be forwarded.
 */
export interface ForwardMessages {
  from_chat_id: string;
  ids: number[];
  to_chat_id: string;
  random_ids: number[];
}

/** What became of each message that was forwarded, in their order. */
export interface SentAll {
  sent: Sent[];
}

/**
 * Messages of a chat by range of ids, in ascending order: the `limit` messages before `before_id`
 * (0: the latest), or those after `after_id`; both together are refused. There may be fewer where
 * they are long; `more` tells.
 */
export interface GetHistory {
  chat_id: string;
  before_id?: number;
  after_id?: number;
  limit?: number;
}

/**
 * A page of messages in ascending order of id; `more` tells whether there are others in the
 * direction asked for.
 */
export interface History {
  messages: Message[];
  more: boolean;
}

/**
 * Messages by their ids; those that are not there or not yours to read are left out. With `more`,
 * the answer was full: ask again for the ids after the last one.
 */
export interface GetMessages {
  chat_id: string;
  ids: number[];
}

/**
 * Change the text of a message of your own, or that of its file; for `edit_s` of `help.limits`
 * after it was sent, in your saved messages for ever. Answered with the message as it is now; the
 * text that it had is gone. With the text that it has, nothing changes.
 */
export interface EditMessage {
  chat_id: string;
  id: number;
  text: string;
}

/**
 * Delete messages: for yourself alone, or `for_all`, which may be done with your own ones, with
 * those of the other person of a private chat, and by a group's owner and admins with everybody's.
 * What tells of a change of the group stays. Where one of them is not there or not yours to
 * delete, nothing is deleted; those that are deleted already are passed over.
 */
export interface DeleteMessages {
  chat_id: string;
  ids: number[];
  for_all: boolean;
}

/** You have read a chat up to `max_id`. Marks only move forward. */
export interface MarkRead {
  chat_id: string;
  max_id: number;
}

/** Up to which message a chat is read, and how many are unread. */
export interface ReadMark {
  max_id: number;
  unread: number;
}

/** Tell the others that you are typing; it fades after `typing_s`. */
export interface SetTyping {
  chat_id: string;
}

/**
 * The first request on a live connection: authenticate it, and let updates flow. A page that is
 * logged in by a cookie shows no `token`: the cookie came with the handshake.
 */
export interface SayHello {
  token?: string;
}

/**
 * The answer to `session.hello`: who you are, and the state of your mailbox at the moment from
 * which live updates flow to this connection.
 */
export interface Hello {
  user_id: number;
  session_id: number;
  pts: number;
  heartbeat_s: number;
}

/** The number of the last update in your mailbox. */
export interface GetState {
}

/** Where a mailbox is: the number of its last update; and what time it is for the server. */
export interface MailboxState {
  pts: number;
  date_ms: number;
}

/**
 * What happened after `pts`. One that the mailbox has not reached is answered as `too_long`, with
 * the lower `pts` at which it is: the server was restored from a backup.
 */
export interface GetDifference {
  pts: number;
  limit?: number;
}

/**
 * What happened after the `pts` asked for. `empty`: nothing. `full`: these updates, and then you
 * are at `pts`. `slice`: these, and then ask again from `pts`. `too_long`: the mailbox no longer
 * holds what you miss; fetch the dialogs and go on from `pts`.
 */
export interface Difference {
  kind: "empty" | "full" | "slice" | "too_long";
  pts: number;
  updates: Numbered[];
}

/** An update with its number in the mailbox. */
export interface Numbered {
  pts: number;
  update: MessageNew | MessageEdited | MessagesDeleted | ReadInbox | ReadOutbox | Delivered | ChatDescribed | MemberRights | ProfileChanged | ContactChanged;
}

/**
 * A message in a chat of yours, your own ones too. One without text, file and action is one that
 * you may no longer read.
 */
export interface MessageNew {
  type: "message_new";
  message: Message;
}

/**
 * A message in a chat of yours has changed: it is this now. One that was deleted since is told as
 * `deleted`, and one that you may no longer read without `from_id`.
 */
export interface MessageEdited {
  type: "message_edited";
  message: Message;
}

/**
 * Messages in a chat of yours were deleted, for all or by you for yourself: they are `deleted`
 * now, as `messages.get` has them. `unread` remain.
 */
export interface MessagesDeleted {
  type: "messages_deleted";
  chat_id: string;
  ids: number[];
  unread: number;
}

/** You read a chat up to `max_id` (on this or another device); `unread` remain. */
export interface ReadInbox {
  type: "read_inbox";
  chat_id: string;
  max_id: number;
  unread: number;
}

/** `user_id` read your messages up to `max_id`. */
export interface ReadOutbox {
  type: "read_outbox";
  chat_id: string;
  max_id: number;
  user_id: number;
}

/** A device of `user_id` received your messages up to `max_id`. */
export interface Delivered {
  type: "delivered";
  chat_id: string;
  max_id: number;
  user_id: number;
}

/** A group of yours has this description now; empty: none. */
export interface ChatDescribed {
  type: "chat_described";
  chat_id: string;
  description: string;
}

/** What members of a group of yours who are no admins may do now. `add`: add others. */
export interface MemberRights {
  type: "member_rights";
  chat_id: string;
  add: boolean;
}

/** Your own profile changed. */
export interface ProfileChanged {
  type: "profile";
  user: User;
}

/** Your list of contacts or blocked users changed. */
export interface ContactChanged {
  type: "contact";
  user_id: number;
  name?: string;
  contact?: boolean;
  blocked?: boolean;
}

/**
 * The difference after `pts`; when it is empty, wait up to `timeout_s` for it not to be. It is a
 * connection of its session as long as it waits: where there are too many, the oldest goes away,
 * and if that is a poll, it is refused as `too_many`.
 */
export interface Poll {
  pts: number;
  timeout_s?: number;
}

/** This device has everything up to `pts`: senders see their messages as delivered. */
export interface Ack {
  pts: number;
}

/** Your own profile. */
export interface GetMe {
}

/** Profiles and presence of users; unknown ids are left out. */
export interface GetUsers {
  user_ids: number[];
}

/** The users found, in the order asked for; unknown ids are left out. */
export interface Users {
  users: User[];
}

/** The user who holds a user name. */
export interface ResolveUsername {
  username: string;
}

/** Change name or bio; what is left out stays. */
export interface UpdateProfile {
  name?: string;
  bio?: string;
}

/** Take another user name; the old one becomes free. */
export interface SetUsername {
  username: string;
}

/**
 * Take another profile picture; with an empty ticket, none. Only a file that is a `photo` can be
 * one.
 */
export interface SetPhoto {
  media?: string;
}

/** Somebody is writing in a chat; it fades after `typing_s` of `help.limits`. */
export interface Typing {
  type: "typing";
  chat_id: string;
  user_id: number;
}

/**
 * Somebody with whom you have a private chat has come or gone. How they are when you connect is
 * not told: ask `users.get`, and again after every new connection.
 */
export interface Presence {
  type: "presence";
  user_id: number;
  status: Status;
}

/** RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  retry_after?: number;
  field?: string;
}

/**
 * From the client, not answered: this device has all updates up to this `pts`. One for many
 * updates is enough, and every frame counts: an acknowledgement for each doubles them.
 */
export interface AckFrame {
  ack: number;
}

/** From the client: it is there. Needed every `heartbeat_s` where nothing else is said. */
export interface PingFrame {
  ping: number;
}

/** The answer to a ping, with its number. */
export interface PongFrame {
  pong: number;
}

/** A durable update, with its number in the mailbox. */
export interface UpdateFrame {
  pts: number;
  update: MessageNew | MessageEdited | MessagesDeleted | ReadInbox | ReadOutbox | Delivered | ChatDescribed | MemberRights | ProfileChanged | ContactChanged;
}

/** Where the mailbox is: if you are behind, ask for the difference. */
export interface PtsFrame {
  pts: number;
}

/** Something that is not stored and has no number. */
export interface EventFrame {
  event: Typing | Presence;
}

export type Update = MessageNew | MessageEdited | MessagesDeleted | ReadInbox | ReadOutbox | Delivered | ChatDescribed | MemberRights | ProfileChanged | ContactChanged;

export type Event = Typing | Presence;

/** What each method takes and answers. */
export interface Methods {
  /** Create an account and log its first device in. `cookie`: see `auth.login`. */
  "auth.register": { params: Register; result: Authorization };
  /**
   * Log a device in. A wrong user name and a wrong password are answered alike. With `cookie`, which
   * is for pages of this server's own, the browser keeps the token as a cookie that no script reads,
   * and it is not in the answer.
   */
  "auth.login": { params: Login; result: Authorization };
  /**
   * End this session; its token is void and its connections close. Over HTTP, a browser that is
   * logged in by a cookie forgets that too, and what it keeps of this server.
   */
  "auth.logout": { params: Logout; result: Ok };
  /** All logins of this account. */
  "auth.sessions": { params: GetSessions; result: Sessions };
  /** End one other session of this account. Your own one is refused: `auth.logout` ends it. */
  "auth.end_session": { params: EndSession; result: Ok };
  /** End all sessions of this account but this one. */
  "auth.end_other_sessions": { params: EndOtherSessions; result: Ended };
  /** Change the password; all other sessions end. */
  "auth.change_password": { params: ChangePassword; result: Ok };
  /**
   * Open the private chat with a user; with yourself, the saved messages. It has to be opened once
   * before the first message, the saved messages too; opening it again changes nothing.
   */
  "chats.open_private": { params: OpenPrivate; result: Chat };
  /**
   * Create a group you own. Answered when it is there, with you as its only member: those of
   * `user_ids` who exist and do not block you join after that, each told by a service message
   * (`member_added`); of the others, nothing is told.
   */
  "chats.create_group": { params: CreateGroup; result: Chat };
  /** A chat you are in, with its members. */
  "chats.get": { params: GetChat; result: Chat };
  /**
   * Add a user to a group: every member may, unless `chats.set_member_rights` says that only its
   * owner and admins do. Refused as `blocked` by somebody who blocks you. Adding a member changes
   * nothing.
   */
  "chats.add_member": { params: AddMember; result: Ok };
  /** Remove a member from a group (owner and admins). */
  "chats.remove_member": { params: RemoveMember; result: Ok };
  /** Leave a group. The owner hands the group over first, unless alone in it. */
  "chats.leave": { params: LeaveGroup; result: Ok };
  /** Change the title of a group (owner and admins). */
  "chats.rename": { params: RenameGroup; result: Ok };
  /**
   * Say what a group is about; with an empty text, nothing (owner and admins). With the description
   * that it has, nothing changes.
   */
  "chats.set_description": { params: SetDescription; result: Ok };
  /**
   * Say what members who are no admins may do in a group (owner and admins). `add`: add others,
   * which they may in a new one.
   */
  "chats.set_member_rights": { params: SetMemberRights; result: Ok };
  /** Give a group another picture; with an empty ticket, none (owner and admins). */
  "chats.set_photo": { params: SetChatPhoto; result: Ok };
  /** Make a member an admin, or an admin a member (owner). */
  "chats.set_admin": { params: SetAdmin; result: Ok };
  /** Make another member the owner; you stay as an admin. */
  "chats.transfer_ownership": { params: TransferOwnership; result: Ok };
  /** Your chats, latest first, with their top messages. */
  "chats.dialogs": { params: GetDialogs; result: Dialogs };
  /** Put a user into your contacts, with a name of your own for them if you like. */
  "contacts.add": { params: AddContact; result: Ok };
  /** Take a user out of your contacts. */
  "contacts.remove": { params: RemoveContact; result: Ok };
  /** Your contacts by ascending user id, from the first one after `after_id`. */
  "contacts.list": { params: GetContacts; result: Contacts };
  /** Stop a user from writing to you, adding you to groups and seeing when you are online. */
  "contacts.block": { params: Block; result: Ok };
  /** Take a block back. */
  "contacts.unblock": { params: Unblock; result: Ok };
  /** Whom you block. */
  "contacts.blocked": { params: GetBlocked; result: UserIds };
  /** The limits of this server. */
  "help.limits": { params: GetLimits; result: LimitTable };
  /** Where live connections go, and what this server is. */
  "help.config": { params: GetConfig; result: Config };
  /**
   * Begin to upload a file of this size in bytes. `upload_id` is a number of your choice: repeated
   * with the same one, the call changes nothing. The parts follow by `PUT
   * /media/upload/<upload_id>/<part>`, in any order.
   */
  "media.begin": { params: BeginUpload; result: Upload };
  /** Which parts of an upload are stored: after an interruption, go on with the others. */
  "media.upload": { params: GetUpload; result: Upload };
  /**
   * All parts are stored, and the file is this one. Repeated, it is answered alike, and another
   * `hash` is refused. `kind` is how it shall be shown; where it is no such thing, it becomes a
   * file. Of a photo, position and camera are removed, so that its `file_id` is another one then.
   */
  "media.finish": { params: FinishUpload; result: Finished };
  /**
   * Give up an upload; what was stored of it is deleted in time. One that is not there is given up
   * already.
   */
  "media.cancel": { params: CancelUpload; result: Ok };
  /**
   * A link to the file of a message, for programs that cannot send a token. Whoever has it can read
   * the file until it expires.
   */
  "media.link": { params: GetLink; result: Link };
  /**
   * Send a text, a file, or both. Answered when it is durable; repeat with the same `random_id`
   * until it is answered: it is stored once. A repetition is answered as the first, but without
   * `pts`, and what it holds is not looked at: with another text, the first one stays. Messages with
   * the same `album`, a number of your choice, are shown together.
   */
  "messages.send": { params: SendMessage; result: Sent };
  /**
   * Send messages that you can read into another chat, or the same one, as they are now, with who
   * wrote them and when. Files are not uploaded again, and what becomes of the messages that they
   * come from does not touch them any more. Answered when all are durable. They are sent one after
   * the other, each by a random id of its own: where one is refused, those before it are sent;
   * repeat with the same random ids. What tells of a change of a group cannot be forwarded.
   */
  "messages.forward": { params: ForwardMessages; result: SentAll };
  /**
   * Messages of a chat by range of ids, in ascending order: the `limit` messages before `before_id`
   * (0: the latest), or those after `after_id`; both together are refused. There may be fewer where
   * they are long; `more` tells.
   */
  "messages.history": { params: GetHistory; result: History };
  /**
   * Messages by their ids; those that are not there or not yours to read are left out. With `more`,
   * the answer was full: ask again for the ids after the last one.
   */
  "messages.get": { params: GetMessages; result: History };
  /**
   * Change the text of a message of your own, or that of its file; for `edit_s` of `help.limits`
   * after it was sent, in your saved messages for ever. Answered with the message as it is now; the
   * text that it had is gone. With the text that it has, nothing changes.
   */
  "messages.edit": { params: EditMessage; result: Message };
  /**
   * Delete messages: for yourself alone, or `for_all`, which may be done with your own ones, with
   * those of the other person of a private chat, and by a group's owner and admins with everybody's.
   * What tells of a change of the group stays. Where one of them is not there or not yours to
   * delete, nothing is deleted; those that are deleted already are passed over.
   */
  "messages.delete": { params: DeleteMessages; result: Ok };
  /** You have read a chat up to `max_id`. Marks only move forward. */
  "messages.read": { params: MarkRead; result: ReadMark };
  /** Tell the others that you are typing; it fades after `typing_s`. */
  "messages.typing": { params: SetTyping; result: Ok };
  /**
   * The first request on a live connection: authenticate it, and let updates flow. A page that is
   * logged in by a cookie shows no `token`: the cookie came with the handshake.
   */
  "session.hello": { params: SayHello; result: Hello };
  /** The number of the last update in your mailbox. */
  "updates.state": { params: GetState; result: MailboxState };
  /**
   * What happened after `pts`. One that the mailbox has not reached is answered as `too_long`, with
   * the lower `pts` at which it is: the server was restored from a backup.
   */
  "updates.difference": { params: GetDifference; result: Difference };
  /**
   * The difference after `pts`; when it is empty, wait up to `timeout_s` for it not to be. It is a
   * connection of its session as long as it waits: where there are too many, the oldest goes away,
   * and if that is a poll, it is refused as `too_many`.
   */
  "updates.poll": { params: Poll; result: Difference };
  /** This device has everything up to `pts`: senders see their messages as delivered. */
  "updates.ack": { params: Ack; result: Ok };
  /** Your own profile. */
  "users.me": { params: GetMe; result: User };
  /** Profiles and presence of users; unknown ids are left out. */
  "users.get": { params: GetUsers; result: Users };
  /** The user who holds a user name. */
  "users.resolve": { params: ResolveUsername; result: User };
  /** Change name or bio; what is left out stays. */
  "users.update_profile": { params: UpdateProfile; result: User };
  /** Take another user name; the old one becomes free. */
  "users.set_username": { params: SetUsername; result: User };
  /**
   * Take another profile picture; with an empty ticket, none. Only a file that is a `photo` can be
   * one.
   */
  "users.set_photo": { params: SetPhoto; result: User };
}

export type MethodName = keyof Methods;

/** What is true of a method: whether it needs a session, changes nothing, goes by HTTP
 * or by live connections, may be called again where no answer came (and which refusal
 * tells then that it was carried out), and which parameters are tickets of files. */
export interface MethodFacts {
  auth: boolean;
  read: boolean;
  wire: "both" | "http" | "ws";
  repeatable: boolean;
  doneBefore: ErrorCode | "";
  tickets: readonly string[];
}

export const METHODS: Readonly<Record<MethodName, MethodFacts>> = {
  "auth.register": { auth: false, read: false, wire: "http", repeatable: true, doneBefore: "", tickets: [] },
  "auth.login": { auth: false, read: false, wire: "http", repeatable: false, doneBefore: "", tickets: [] },
  "auth.logout": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "unauthorized", tickets: [] },
  "auth.sessions": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "auth.end_session": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "session_not_found", tickets: [] },
  "auth.end_other_sessions": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "auth.change_password": { auth: true, read: false, wire: "http", repeatable: false, doneBefore: "", tickets: [] },
  "chats.open_private": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.create_group": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.get": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.add_member": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.remove_member": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "not_member", tickets: [] },
  "chats.leave": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "chat_not_found", tickets: [] },
  "chats.rename": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.set_description": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.set_member_rights": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.set_photo": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: ["media"] },
  "chats.set_admin": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "chats.transfer_ownership": { auth: true, read: false, wire: "both", repeatable: false, doneBefore: "", tickets: [] },
  "chats.dialogs": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "contacts.add": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "contacts.remove": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "contacts.list": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "contacts.block": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "contacts.unblock": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "contacts.blocked": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "help.limits": { auth: false, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "help.config": { auth: false, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "media.begin": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "media.upload": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "media.finish": { auth: true, read: false, wire: "http", repeatable: true, doneBefore: "", tickets: [] },
  "media.cancel": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "media.link": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "messages.send": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: ["media"] },
  "messages.forward": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "messages.history": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "messages.get": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "messages.edit": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "messages.delete": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "messages.read": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "messages.typing": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "session.hello": { auth: false, read: false, wire: "ws", repeatable: true, doneBefore: "", tickets: [] },
  "updates.state": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "updates.difference": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "updates.poll": { auth: true, read: true, wire: "http", repeatable: true, doneBefore: "", tickets: [] },
  "updates.ack": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "users.me": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "users.get": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "users.resolve": { auth: true, read: true, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "users.update_profile": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "users.set_username": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: [] },
  "users.set_photo": { auth: true, read: false, wire: "both", repeatable: true, doneBefore: "", tickets: ["media"] },
};

/** The codes of refusals. */
export type ErrorCode =
  | "bad_request"
  | "unknown_method"
  | "invalid_params"
  | "password_common"
  | "unauthorized"
  | "wrong_credentials"
  | "forbidden"
  | "blocked"
  | "edit_expired"
  | "registration_closed"
  | "invitation_invalid"
  | "ticket_invalid"
  | "origin_refused"
  | "chat_not_found"
  | "user_not_found"
  | "session_not_found"
  | "message_not_found"
  | "upload_not_found"
  | "media_not_found"
  | "not_found"
  | "method_not_allowed"
  | "too_slow"
  | "username_taken"
  | "username_reserved"
  | "not_member"
  | "group_full"
  | "too_many"
  | "upload_incomplete"
  | "quota_exceeded"
  | "precondition_failed"
  | "too_large"
  | "unsupported_media_type"
  | "range_not_satisfiable"
  | "hash_mismatch"
  | "part_invalid"
  | "flood"
  | "internal"
  | "storage_corrupt"
  | "overloaded"
  | "storage_full"
  | "unavailable";

/**
 * Close codes of a live connection. All but `SESSION_ENDED` are resumable: connect again, say
 * hello, ask for the difference; after `TOO_MANY` when the user wants this client again, because
 * coming back by itself sends another one of the session away. A client that breaks the WebSocket
 * protocol itself gets the protocol's own codes (1002, 1007, 1009). One that does not read may not
 * get the close frame either: its connection just ends.
 */
export const CLOSE = {
  GOING_AWAY: 1001,
  TOO_LARGE: 1009,
  BAD_FRAME: 4000,
  TOO_SLOW: 4001,
  FLOOD: 4002,
  SESSION_ENDED: 4003,
  HELLO_EXPECTED: 4004,
  SILENT: 4005,
  TOO_MANY: 4006,
} as const;

/** Every limit, as it is where nothing else was said (`help.limits`). */
export const LIMITS = {
  album_messages_max: 10,
  answer_bytes_max: 262144,
  bio_chars_max: 70,
  blocked_max: 5000,
  bodies_in_memory_bytes_max: 33554432,
  bodies_in_memory_bytes_per_address_max: 8388608,
  caption_chars_max: 1024,
  chat_events_max: 10000,
  connections_per_address_max: 500,
  connections_per_edge_max: 50000,
  connections_per_session_max: 8,
  connection_silence_s_max: 75,
  contacts_max: 5000,
  contacts_page_max: 500,
  description_chars_max: 255,
  device_chars_max: 64,
  dialogs_max: 5000,
  dialogs_page_max: 100,
  difference_page_max: 100,
  downloads_in_memory_bytes_max: 134217728,
  downloads_in_memory_bytes_per_address_max: 33554432,
  downloads_in_memory_bytes_per_user_max: 16777216,
  edit_s: 172800,
  file_bytes_max: 2097152000,
  file_connections_max: 4096,
  file_grace_s: 604800,
  file_name_chars_max: 255,
  flood_address_factor: 10,
  flood_additions_burst: 200,
  flood_additions_per_hour: 100,
  flood_chats_burst: 60,
  flood_chats_per_hour: 30,
  flood_groups_burst: 20,
  flood_groups_per_hour: 20,
  flood_names_burst: 100,
  flood_names_per_hour: 600,
  flood_registrations_burst: 10,
  flood_registrations_per_hour: 5,
  flood_strangers_burst: 40,
  flood_strangers_per_hour: 60,
  flood_uploads_burst: 500,
  flood_uploads_per_hour: 2000,
  frames_burst_max: 2000,
  frames_per_second_max: 1000,
  frame_bytes_max: 65536,
  group_admins_max: 50,
  group_invites_per_create_max: 100,
  group_members_max: 200,
  heartbeat_s: 30,
  hello_deadline_s: 10,
  history_page_max: 100,
  http_answer_s_max: 60,
  http_body_bytes_max: 65536,
  http_body_s_max: 30,
  http_head_bytes_max: 16384,
  http_head_s_max: 10,
  http_idle_s_max: 60,
  http_piece_bytes: 131072,
  http_pipelined_max: 8,
  http_stall_s_max: 60,
  json_int_max: 9007199254740991,
  link_s: 3600,
  mailbox_events_max: 10000,
  media_bytes_per_chat_max: 214748364800,
  media_bytes_per_user_max: 53687091200,
  messages_per_request_max: 100,
  name_chars_max: 64,
  parts_in_memory_per_request_max: 3,
  parts_max: 4000,
  parts_per_request_max: 16,
  part_bytes: 524288,
  password_chars_max: 256,
  password_chars_min: 8,
  password_hashes_queued_max: 32,
  photo_bytes_max: 20971520,
  poll_timeout_s_max: 50,
  preview_bytes_max: 300,
  random_ids_per_chat_max: 10000,
  reads_in_flight_per_connection_max: 6,
  requests_in_flight_per_connection_max: 64,
  request_deadline_s: 15,
  send_buffer_bytes_max: 4194304,
  sessions_per_user_max: 50,
  text_chars_max: 4096,
  ticket_s: 86400,
  title_chars_max: 255,
  typing_s: 6,
  uploads_in_memory_bytes_max: 134217728,
  uploads_in_memory_bytes_per_address_max: 33554432,
  uploads_in_memory_bytes_per_user_max: 12582912,
  uploads_per_user_max: 32,
  upload_s_max: 86400,
  upload_total_s_max: 432000,
  username_chars_max: 32,
  username_chars_min: 5,
  users_per_request_max: 100,
  waveform_bytes: 100,
} as const;
