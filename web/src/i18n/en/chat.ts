import { pluralOf } from "../plural";

const plural = pluralOf("en");

/** Whom a service message is about. `itself`: who did it is whom it is about. */
export interface ServiceFacts {
  who: string;
  whoIsMe: boolean;
  whom: string;
  whomIsMe: boolean;
  itself: boolean;
  title: string;
}

export const chat = {
  messages: "Messages",
  message: "Message",
  send: "Send",
  attach: "Attach",
  you: "You",

  // The list
  loading: "Loading messages",
  loadFailed: "The messages could not be loaded.",
  retry: "Try again",
  beginning: "This is where the chat begins",
  empty: "Nothing here yet. Write the first message.",
  unread: "Unread messages",
  toEnd: (unread: number) =>
    unread === 0 ? "To the latest message" : plural(unread, { one: "To the end, # new message", other: "To the end, # new messages" }),
  backToPlace: "Back to where you were",
  moveInMessages: "Move through the messages",

  // A message
  edited: "edited",
  progress: {
    waiting: "Being sent",
    failed: "Not sent",
    sent: "Sent",
    delivered: "Delivered",
    read: "Read",
  },
  notSent: "This was not sent.",
  discard: "Discard",
  deleted: (n: number) => (n === 1 ? "Deleted message" : plural(n, { one: "# deleted message", other: "# deleted messages" })),
  unknownMessage: "A kind of message that this version does not know",
  quoteGone: "This message is not there",
  forwardedFrom: "Forwarded from",
  kinds: { photo: "Photo", video: "Video", audio: "Audio", voice: "Voice message", file: "File" },
  service: ({ who, whoIsMe, whom, whomIsMe, itself, title }: ServiceFacts) => {
    const subject = whoIsMe ? "You" : who;
    const object = whomIsMe ? "you" : whom;
    return {
      group_created: `${subject} created the group “${title}”`,
      member_added: itself ? `${subject} joined` : `${subject} added ${object}`,
      member_removed: `${subject} removed ${object}`,
      member_left: `${subject} left the group`,
      renamed: `${subject} named the group “${title}”`,
      admin_added: `${subject} made ${object} an admin`,
      admin_removed: `${subject} took the rights of an admin from ${object}`,
      owner_changed: `${subject} made ${object} the owner`,
      photo_changed: `${subject} changed the picture`,
      photo_removed: `${subject} removed the picture`,
    };
  },

  // What can be done with messages
  messageMenu: "Message menu",
  reply: "Reply",
  edit: "Edit",
  copy: "Copy text",
  copied: "Copied",
  forward: "Forward",
  save: "Save",
  select: "Select",
  seenBy: "Who has seen it",
  delete: "Delete",
  deleteKey: "Del",
  spaceKey: "Space",
  deleteTitle: (n: number) => (n === 1 ? "Delete this message?" : plural(n, { one: "Delete # message?", other: "Delete # messages?" })),
  alsoForOthers: "Also for everybody else",
  deletedTold: (n: number) => plural(n, { one: "Message deleted", other: "# messages deleted" }),
  selected: (n: number) => plural(n, { one: "# selected", other: "# selected" }),
  endSelection: "End the selection",
  readBy: (n: number) => plural(n, { one: "Read by # person", other: "Read by # people" }),
  deliveredTo: (n: number) => plural(n, { one: "Delivered to # person", other: "Delivered to # people" }),
  notYet: (n: number) => plural(n, { one: "# person does not have it yet", other: "# people do not have it yet" }),
  forwardTitle: (n: number) => plural(n, { one: "Forward # message", other: "Forward # messages" }),
  forwardedTo: (name: string) => `Forwarded to ${name}`,
  openThere: "Open",
  searchChats: "Search chats",

  // The header
  searchHere: "Search in this chat",
  foundAt: (at: number, of: number) => `${at} of ${of}`,
  olderFound: "Older result",
  newerFound: "Newer result",
  chatMenu: "Menu of this chat",
  groupInfo: "About the group",
  personInfo: "Profile",
  toDate: "Go to a date",
  toBeginning: "To the beginning",

  // Writing
  editing: "Edit message",
  saveEdit: "Save",
  cancelEdit: "Cancel editing",
  cancelReply: "Do not reply",
  charactersLeft: (n: number) =>
    n < 0
      ? plural(-n, { one: "# character too many", other: "# characters too many" })
      : plural(n, { one: "# character left", other: "# characters left" }),
  tooLongTitle: "This is too long for one message",
  tooLongText: (pieces: number, most: number) =>
    `A message has at most ${plural(most, { one: "# character", other: "# characters" })}. It can be sent as ${plural(pieces, { one: "# message", other: "# messages" })}.`,
  sendPieces: (n: number) => plural(n, { one: "Send # message", other: "Send # messages" }),
  emoji: "Emoji",
  searchEmoji: "Search emoji",
  emojiGroups: "Kinds of emoji",
  emojiGroupNames: [
    "Faces",
    "People",
    "Animals and nature",
    "Food and drink",
    "Travel and places",
    "Activities",
    "Objects",
    "Symbols",
    "Flags",
  ],
  recent: "Used recently",
  noEmoji: "No emoji found",

  // Files
  attachPictures: "Photo or video",
  attachCamera: "Camera",
  attachFile: "File",
  attachTitle: (n: number) => (n < 2 ? "Send a file" : plural(n, { one: "Send # file", other: "Send # files" })),
  sendAsFiles: (n: number): string => (n < 2 ? "Send as a file, unchanged" : "Send as files, unchanged"),
  caption: "Caption",
  filesDropped: (n: number) => plural(n, { one: "File not sent", other: "# files not sent" }),
  removeFile: (name: string) => `Remove ${name}`,
  fileEmpty: (name: string) => `${name} is empty.`,
  fileTooLarge: (name: string, most: string) => `${name} is too large: at most ${most}.`,
  dropHere: "Drop files here",
  download: (name: string) => `Save ${name}`,
  pauseSending: "Pause",
  resume: "Go on",
  uploaded: (percent: string) => `${percent} % sent`,

  // Voice
  record: "Record a voice message",
  recording: "Recording",
  cancelRecording: "Discard the recording",
  recordingDropped: "Recording discarded",
  recordingKept: "The recording is kept in its chat",
  keptRecording: (duration: string) => `Recording, ${duration}, not sent`,
  slideToCancel: "Slide to discard",
  cannotRecord: "This browser cannot record here. It needs a secure address (https) and a microphone.",
  recordingDenied: "This browser does not allow this page to use the microphone.",

  // Playing
  player: "Player",
  play: "Play",
  playVoice: "Play voice message",
  pause: "Pause",
  position: "Position",
  speed: (times: string) => `Speed ${times}`,
  stopPlaying: "Stop playing",
  viewer: "Picture",
  previous: "Previous",
  next: "Next",
};
