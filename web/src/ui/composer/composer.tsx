import { createEffect, createSignal, on, onMount, Show, Suspense } from "solid-js";
import type { Attachment } from "../../bridge/protocol";
import { t } from "../../i18n";
import { announce } from "../../state/announce";
import { ask } from "../../state/bridge";
import { rowText } from "../../state/preview";
import { back } from "../../state/route";
import { limit } from "../../state/session";
import { failed } from "../../state/toasts";
import { confirmed, Icon, IconButton, isComposing, written } from "../base";
import { lazy } from "../base/lazy";
import type { OpenChat } from "../chat/context";
import { editable } from "../chat/menu";
import { senderName } from "../chat/names";
import { QuoteBody } from "../chat/parts/quote";
import type { Entry } from "../chat/rows";
import { AttachButton } from "./attach_button";
import { draftOf, sendable } from "./composition";
import { DropTarget } from "./drop";
import { createChosen } from "./files";
import { Recorder } from "./recorder";
import { lengthOf, split } from "./split";
import { grow, insertText, replaceText } from "./textarea";
import { typingNotices } from "./typing";
import { createWriting } from "./writing";
import "./composer.css";

const AttachDialog = lazy(() => import("./attach_dialog"));
const EmojiPicker = lazy(() => import("./emoji/picker"));

/** The count is shown when so few characters are left. */
const NEARLY = 200;

/** What the view asks of its composer. */
export interface ComposerHandle {
  reply(entry: Entry): void;
  edit(entry: Entry): void;
  focus(): void;
  type(text: string): void;
}

interface ComposerProps {
  chat: OpenChat;
  ready: (handle: ComposerHandle) => void;
  /** Something of one's own was sent: show the end. */
  sent: () => void;
  lastOwn: () => Entry | undefined;
}

const touch = () => matchMedia("(pointer: coarse)").matches;

const withModifier = (event: KeyboardEvent) => event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;

/** Where one writes. Made anew for every chat: what it sends goes to the chat it was made for. */
export function Composer(props: ComposerProps) {
  const { chat } = props;
  const { chatId } = chat;
  const { composition, act, edited, giveBack, gone } = createWriting(chat.meId, chatId);
  let field!: HTMLTextAreaElement;
  const chosen = createChosen(chatId, () => field.focus());
  const [picking, setPicking] = createSignal(false);
  const [recording, setRecording] = createSignal(false);
  const [saving, setSaving] = createSignal(false);
  const typing = typingNotices(chatId);
  /** Shows the end, where what was sent comes. */
  const sent = () => gone() || props.sent();

  onMount(() => {
    createEffect(
      on(
        () => composition().text,
        (text) => {
          replaceText(field, text);
          grow(field);
        },
      ),
    );
    props.ready({
      reply(entry) {
        act({ type: "reply", id: entry.id });
        field.focus();
        const said = entry.message ? rowText(entry.message) : entry.text;
        announce(`${t.chat.reply}: ${t.shell.from(senderName(chat, entry.fromId), said)}`);
      },
      edit(entry) {
        act({ type: "edit", id: entry.id, text: entry.text });
        field.focus();
        field.setSelectionRange(field.value.length, field.value.length);
        announce(t.chat.editing);
      },
      focus: () => field.focus(),
      type: (text) => insertText(field, text),
    });
    if (!touch()) field.focus({ preventScroll: true });
  });

  const saveEdit = async (id: number, text: string) => {
    setSaving(true);
    try {
      await ask("edit", { chatId, id, text });
      edited(id, text);
      announce(t.chat.edited);
    } catch (why) {
      failed(why);
    } finally {
      setSaving(false);
    }
  };

  const sendText = async (text: string, replyTo: number) => {
    const most = limit("text_chars_max");
    const pieces = split(text, most).map(written).filter(Boolean);
    if (pieces.length > 1) {
      const yes = await confirmed({
        title: t.chat.tooLongTitle,
        text: t.chat.tooLongText(pieces.length, most),
        action: t.chat.sendPieces(pieces.length),
      });
      if (!yes) return;
    }
    act({ type: "sent" });
    sent();
    for (const [at, piece] of pieces.entries()) {
      try {
        await ask("send", { chatId, text: piece, ...(at === 0 && replyTo && { replyTo }) });
      } catch (why) {
        failed(why);
        giveBack(pieces.slice(at).join("\n\n"), at === 0 ? replyTo : 0);
        return;
      }
    }
  };

  const send = () => {
    const now = composition();
    const text = written(now.text);
    if (now.editing) {
      const { id } = now.editing;
      if (lengthOf(text) > most()) return;
      if (!sendable(now)) act({ type: "leave" });
      else if (!saving() && (text || editsFile())) void saveEdit(id, text);
    } else if (text) void sendText(text, now.replyTo);
    field.focus({ preventScroll: true });
  };

  const editsFile = () => {
    const id = composition().editing?.id;
    return id !== undefined && chat.quotes.of(id)?.media !== undefined;
  };
  const most = () => (editsFile() ? limit("caption_chars_max") : limit("text_chars_max"));
  const left = () => {
    const { text } = composition();
    return text.length < most() - NEARLY ? undefined : most() - lengthOf(text);
  };

  const keyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    const { key } = event;
    if (key === "Enter" && !event.shiftKey && !event.altKey && (!touch() || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send();
    } else if (key === "Escape" && picking()) {
      event.preventDefault();
      setPicking(false);
    } else if (key.toLowerCase() === "e" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      setPicking(!picking());
    } else if (key === "Escape" && (composition().editing || composition().replyTo)) {
      event.preventDefault();
      event.stopPropagation();
      dismiss();
    } else if (key === "ArrowUp" && !withModifier(event) && field.value === "" && !composition().editing) {
      const last = props.lastOwn();
      if (!last || !editable(chat, last)) return;
      event.preventDefault();
      act({ type: "edit", id: last.id, text: last.text });
    }
  };

  const paste = (event: ClipboardEvent) => {
    const data = event.clipboardData;
    const pasted = [...(data?.files ?? [])];
    // Text that comes with a picture of itself is meant as text.
    if (pasted.length === 0 || data?.types.includes("text/plain")) return;
    event.preventDefault();
    chosen.add(pasted);
  };

  const sendFiles = async (caption: string, attachments: Attachment[]) => {
    const { replyTo } = draftOf(composition());
    const all = chosen.files();
    chosen.clear();
    back();
    act({ type: "sent" });
    sent();
    field.focus();
    try {
      const reply = replyTo ? { replyTo } : {};
      chat.pictures.keep(await ask("send", { chatId, text: caption, files: attachments, ...reply }), attachments);
    } catch (why) {
      failed(why);
      giveBack(caption, replyTo);
      chosen.add(all);
    }
  };

  const dismiss = () => {
    if (composition().editing) act({ type: "leave" });
    else act({ type: "reply", id: 0 });
    field.focus();
  };

  return (
    <footer class="composer">
      <Show when={composition().editing ?? (composition().replyTo || undefined)} keyed>
        {(of) => (
          <div class="composer-about">
            <Icon name={typeof of === "number" ? "reply" : "edit"} />
            <button type="button" class="composer-quote" onClick={() => chat.jump(typeof of === "number" ? of : of.id)}>
              <Show when={typeof of === "number" ? undefined : of} fallback={<QuoteBody id={of as number} />}>
                {(edit) => <QuoteBody id={edit().id} label={t.chat.editing} />}
              </Show>
            </button>
            <IconButton
              icon="close"
              label={typeof of === "number" ? t.chat.cancelReply : t.chat.cancelEdit}
              keys={t.shell.key.esc}
              onClick={dismiss}
            />
          </div>
        )}
      </Show>
      <div class="composer-line">
        <div class="composer-main" hidden={recording()}>
          <AttachButton onFiles={chosen.add} />
          <div class="composer-field">
            <textarea
              ref={field}
              rows={1}
              dir="auto"
              data-focus-home={touch() ? undefined : ""}
              aria-label={t.chat.message}
              aria-describedby="title"
              placeholder={t.chat.message}
              enterkeyhint={touch() ? "enter" : "send"}
              autocomplete="off"
              onInput={(event) => {
                act({ type: "type", text: event.currentTarget.value });
                if (event.currentTarget.value && !composition().editing) typing();
              }}
              onKeyDown={keyDown}
              onPaste={paste}
            />
            <Show when={left() !== undefined}>
              <span class="composer-left" classList={{ over: left()! < 0 }} role="status">
                {t.chat.charactersLeft(left()!)}
              </span>
            </Show>
          </div>
          <IconButton
            icon="smile"
            label={t.chat.emoji}
            aria-expanded={picking()}
            class="composer-emoji"
            onClick={() => setPicking(!picking())}
          />
        </div>
        <Recorder
          chatId={chatId}
          hidden={written(composition().text) !== "" || composition().editing !== undefined}
          takeReply={() => {
            const { replyTo } = composition();
            act({ type: "reply", id: 0 });
            return replyTo;
          }}
          giveReply={(replyTo) => replyTo && giveBack("", replyTo)}
          onRecording={setRecording}
          onSent={sent}
        />
        <Show when={!recording() && (written(composition().text) !== "" || composition().editing)}>
          <IconButton
            kind="primary"
            class="composer-send"
            icon={composition().editing ? "check" : "send"}
            label={composition().editing ? t.chat.saveEdit : t.chat.send}
            aria-disabled={saving()}
            // The keyboard of a telephone stays open.
            onPointerDown={(event) => event.preventDefault()}
            onClick={send}
          />
        </Show>
      </div>
      <Suspense>
        <Show when={picking()}>
          <EmojiPicker
            onPick={(emoji) => insertText(field, emoji)}
            onClose={() => {
              setPicking(false);
              field.focus();
            }}
          />
        </Show>
        <Show when={chosen.shown()}>
          <AttachDialog
            files={chosen.files()}
            caption={draftOf(composition()).text}
            onCaption={(text) => act({ type: "told", draft: { ...draftOf(composition()), text } })}
            onClose={back}
            onSend={sendFiles}
          />
        </Show>
      </Suspense>
      <DropTarget enabled={!chosen.some()} onFiles={chosen.add} />
    </footer>
  );
}
