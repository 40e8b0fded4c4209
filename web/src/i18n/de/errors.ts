import type { Texts } from "..";
import { pluralOf } from "../plural";

const plural = pluralOf("de");

export const errors: Texts["errors"] = {
  unexpected: "Etwas ist schiefgegangen. Bitte versuche es noch einmal.",
  flood: (seconds) =>
    seconds < 60
      ? "Das war zu oft. Bitte versuche es gleich noch einmal."
      : `Das war zu oft. Bitte versuche es in ${plural(Math.ceil(seconds / 60), { one: "# Minute", other: "# Minuten" })} noch einmal.`,
  codes: {
    offline: "Es gibt keine Verbindung. Bitte versuche es noch einmal, wenn du online bist.",
    invalid_params: "Das geht hier nicht: Es muss etwas zu sehen sein, ohne verborgene Zeichen, und darf nicht zu lang sein.",
    storage_full: "Dafür ist kein Platz mehr.",
    outdated: "In einem anderen Tab ist eine neuere Version von Heliograph offen. Bitte lade diese Seite neu.",
    unauthorized: "Du bist abgemeldet. Bitte melde dich wieder an.",
    wrong_credentials: "Dieser Benutzername und dieses Passwort gehören nicht zusammen.",
    password_common: "Dieses Passwort ist zu leicht zu erraten. Bitte wähle ein anderes.",
    username_taken: "Diesen Benutzernamen hat schon jemand anders.",
    username_reserved: "Dieser Benutzername ist reserviert.",
    registration_closed: "Dieser Server nimmt keine neuen Konten an.",
    invitation_invalid: "Diese Einladung gilt nicht oder ist schon verbraucht.",
    forbidden: "Das darfst du hier nicht.",
    blocked: "Diese Person nimmt von dir keine Nachrichten und Einladungen an.",
    edit_expired: "Es ist zu spät, diese Nachricht zu ändern.",
    chat_not_found: "Diesen Chat gibt es nicht, oder er ist nicht für dich.",
    user_not_found: "Es gibt niemanden mit diesem Namen.",
    session_not_found: "Diese Sitzung ist schon beendet.",
    message_not_found: "Diese Nachricht gibt es nicht mehr.",
    media_not_found: "Diese Datei gibt es nicht mehr.",
    not_member: "Diese Person ist nicht in der Gruppe.",
    group_full: "Die Gruppe ist voll.",
    too_many: "Davon gibt es schon zu viele.",
    quota_exceeded: "Dein Platz für Dateien ist aufgebraucht.",
    too_large: "Das ist zu groß.",
    unsupported_media_type: "Diese Art von Datei wird hier nicht angenommen.",
    too_slow: "Die Verbindung ist gerade zu langsam. Bitte versuche es noch einmal.",
    overloaded: "Der Server ist überlastet. Bitte versuche es gleich noch einmal.",
    unavailable: "Der Server ist gerade nicht erreichbar. Bitte versuche es noch einmal.",
    internal: "Der Server hat ein Problem. Bitte versuche es noch einmal.",
  },
};
