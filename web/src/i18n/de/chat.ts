import type { chat as english } from "../en/chat";
import { pluralOf } from "../plural";

const plural = pluralOf("de");

export const chat: typeof english = {
  messages: "Nachrichten",
  message: "Nachricht",
  send: "Senden",
  attach: "Anhängen",
  you: "Du",

  loading: "Nachrichten werden geladen",
  loadFailed: "Die Nachrichten konnten nicht geladen werden.",
  retry: "Noch einmal versuchen",
  beginning: "Hier beginnt der Chat",
  empty: "Noch nichts da. Schreib die erste Nachricht.",
  unread: "Ungelesene Nachrichten",
  toEnd: (unread) =>
    unread === 0
      ? "Zur neuesten Nachricht"
      : plural(unread, { one: "Ans Ende, # neue Nachricht", other: "Ans Ende, # neue Nachrichten" }),
  backToPlace: "Zurück zur Stelle von vorhin",
  moveInMessages: "Durch die Nachrichten gehen",

  edited: "bearbeitet",
  progress: {
    waiting: "Wird gesendet",
    failed: "Nicht gesendet",
    sent: "Gesendet",
    delivered: "Zugestellt",
    read: "Gelesen",
  },
  notSent: "Das wurde nicht gesendet.",
  discard: "Verwerfen",
  deleted: (n) =>
    n === 1 ? "Gelöschte Nachricht" : plural(n, { one: "# gelöschte Nachricht", other: "# gelöschte Nachrichten" }),
  unknownMessage: "Eine Art von Nachricht, die diese Version nicht kennt",
  quoteGone: "Diese Nachricht gibt es nicht",
  forwardedFrom: "Weitergeleitet von",
  kinds: { photo: "Foto", video: "Video", audio: "Audio", voice: "Sprachnachricht", file: "Datei" },
  service: ({ who, whoIsMe, whom, whomIsMe, itself, title }) => {
    const has = whoIsMe ? "Du hast" : `${who} hat`;
    const is = whoIsMe ? "Du bist" : `${who} ist`;
    const object = whomIsMe ? "dich" : whom;
    const dative = whomIsMe ? "dir" : whom;
    return {
      group_created: `${has} die Gruppe „${title}“ gegründet`,
      member_added: itself ? `${is} dazugekommen` : `${has} ${object} hinzugefügt`,
      member_removed: `${has} ${object} entfernt`,
      member_left: `${has} die Gruppe verlassen`,
      renamed: `${has} die Gruppe „${title}“ genannt`,
      admin_added: `${has} ${object} zum Admin gemacht`,
      admin_removed: `${has} ${dative} die Rechte als Admin genommen`,
      owner_changed: `${has} ${dative} die Gruppe übergeben`,
      photo_changed: `${has} das Bild geändert`,
      photo_removed: `${has} das Bild entfernt`,
    };
  },

  messageMenu: "Menü der Nachricht",
  reply: "Antworten",
  edit: "Bearbeiten",
  copy: "Text kopieren",
  copied: "Kopiert",
  forward: "Weiterleiten",
  save: "Speichern",
  select: "Auswählen",
  seenBy: "Wer sie gesehen hat",
  delete: "Löschen",
  deleteKey: "Entf",
  spaceKey: "Leertaste",
  deleteTitle: (n) =>
    n === 1 ? "Diese Nachricht löschen?" : plural(n, { one: "# Nachricht löschen?", other: "# Nachrichten löschen?" }),
  alsoForOthers: "Auch für alle anderen",
  deletedTold: (n) => plural(n, { one: "Nachricht gelöscht", other: "# Nachrichten gelöscht" }),
  selected: (n) => plural(n, { one: "# ausgewählt", other: "# ausgewählt" }),
  endSelection: "Auswahl beenden",
  readBy: (n) => plural(n, { one: "Von # Person gelesen", other: "Von # Personen gelesen" }),
  deliveredTo: (n) => plural(n, { one: "# Person zugestellt", other: "# Personen zugestellt" }),
  notYet: (n) => plural(n, { one: "# Person hat sie noch nicht", other: "# Personen haben sie noch nicht" }),
  forwardTitle: (n) => plural(n, { one: "# Nachricht weiterleiten", other: "# Nachrichten weiterleiten" }),
  forwardedTo: (name) => `An ${name} weitergeleitet`,
  openThere: "Öffnen",
  searchChats: "Chats durchsuchen",

  searchHere: "In diesem Chat suchen",
  foundAt: (at, of) => `${at} von ${of}`,
  olderFound: "Älterer Treffer",
  newerFound: "Neuerer Treffer",
  chatMenu: "Menü dieses Chats",
  groupInfo: "Über die Gruppe",
  personInfo: "Profil",
  toDate: "Zu einem Datum",
  toBeginning: "An den Anfang",

  editing: "Nachricht bearbeiten",
  saveEdit: "Speichern",
  cancelEdit: "Bearbeiten abbrechen",
  cancelReply: "Nicht antworten",
  charactersLeft: (n) =>
    n < 0
      ? plural(-n, { one: "# Zeichen zu viel", other: "# Zeichen zu viel" })
      : plural(n, { one: "noch # Zeichen", other: "noch # Zeichen" }),
  tooLongTitle: "Das ist zu lang für eine Nachricht",
  tooLongText: (pieces, most) =>
    `Eine Nachricht hat höchstens ${plural(most, { other: "# Zeichen" })}. Sie kann als ${plural(pieces, { one: "# Nachricht", other: "# Nachrichten" })} gesendet werden.`,
  sendPieces: (n) => plural(n, { one: "# Nachricht senden", other: "# Nachrichten senden" }),
  emoji: "Emoji",
  searchEmoji: "Emoji suchen",
  emojiGroups: "Arten von Emoji",
  emojiGroupNames: [
    "Gesichter",
    "Menschen",
    "Tiere und Natur",
    "Essen und Trinken",
    "Reisen und Orte",
    "Freizeit",
    "Gegenstände",
    "Symbole",
    "Flaggen",
  ],
  recent: "Zuletzt benutzt",
  noEmoji: "Kein Emoji gefunden",

  attachPictures: "Foto oder Video",
  attachCamera: "Kamera",
  attachFile: "Datei",
  attachTitle: (n) => (n < 2 ? "Eine Datei senden" : plural(n, { one: "# Datei senden", other: "# Dateien senden" })),
  sendAsFiles: (n) => (n < 2 ? "Als Datei senden, unverändert" : "Als Dateien senden, unverändert"),
  caption: "Beschriftung",
  filesDropped: (n: number) => plural(n, { one: "Datei nicht gesendet", other: "# Dateien nicht gesendet" }),
  removeFile: (name) => `${name} weglassen`,
  fileEmpty: (name) => `${name} ist leer.`,
  fileTooLarge: (name, most) => `${name} ist zu groß: höchstens ${most}.`,
  dropHere: "Dateien hier ablegen",
  download: (name) => `${name} speichern`,
  pauseSending: "Anhalten",
  resume: "Fortsetzen",
  uploaded: (percent) => `${percent} % gesendet`,

  record: "Sprachnachricht aufnehmen",
  recording: "Aufnahme",
  cancelRecording: "Aufnahme verwerfen",
  recordingDropped: "Aufnahme verworfen",
  recordingKept: "Die Aufnahme ist in ihrem Chat aufgehoben",
  keptRecording: (duration: string) => `Aufnahme, ${duration}, nicht gesendet`,
  slideToCancel: "Zum Verwerfen wischen",
  cannotRecord: "Hier kann dieser Browser nicht aufnehmen. Dazu braucht er eine sichere Adresse (https) und ein Mikrofon.",
  recordingDenied: "Dieser Browser erlaubt der Seite das Mikrofon nicht.",

  player: "Wiedergabe",
  play: "Abspielen",
  playVoice: "Sprachnachricht abspielen",
  pause: "Pause",
  position: "Stelle",
  speed: (times) => `Tempo ${times}`,
  stopPlaying: "Wiedergabe beenden",
  viewer: "Bild",
  previous: "Vorheriges",
  next: "Nächstes",
};
