import { For } from "solid-js";
import { t } from "../../i18n";
import { IconButton, keepFocus } from "../base";
import { useChat } from "./context";
import { ACTIONS } from "./menu";
import type { Entry } from "./rows";

/** What can be done with all that are chosen. It takes the place of the header. */
export function SelectionBar(props: { entries: readonly Entry[] }) {
  const chat = useChat();
  return (
    <header ref={keepFocus} class="bar chat-bar selection-bar">
      <IconButton icon="close" label={t.chat.endSelection} keys={t.shell.key.esc} onClick={chat.selection.clear} />
      <h2>
        <span role="status">{t.chat.selected(chat.selection.ids().size)}</span>
      </h2>
      <For each={ACTIONS.filter((action) => action.several)}>
        {(action) => (
          <IconButton
            icon={action.icon}
            label={action.label(props.entries)}
            disabled={!action.fits(chat, props.entries) || props.entries.length < chat.selection.ids().size}
            onClick={() => {
              action.act(chat, props.entries);
              if (action.name === "copy") chat.selection.clear();
            }}
          />
        )}
      </For>
    </header>
  );
}
