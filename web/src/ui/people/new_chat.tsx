import { Show } from "solid-js";
import { t } from "../../i18n";
import { contacts } from "../../state/people";
import { back, openOverlay } from "../../state/route";
import { Button, Dialog } from "../base";
import { openPrivate } from "./open";
import { PeoplePicker } from "./picker";

/** With somebody by their user name, or with a contact. */
export function NewChat() {
  return (
    <Dialog
      title={t.shell.newChat}
      onClose={back}
      footer={
        <Button icon="users" onClick={() => openOverlay({ kind: "new-group" }, true)}>
          {t.shell.newGroup}
        </Button>
      }
    >
      <PeoplePicker autofocus onPick={(userId) => void openPrivate(userId)} />
    </Dialog>
  );
}

/** Whom one knows. */
export function ContactList() {
  return (
    <Dialog title={t.shell.contacts} onClose={back}>
      <PeoplePicker onPick={(userId) => openOverlay({ kind: "person", userId, nested: true })} />
      <Show when={contacts().length === 0}>
        <div class="nothing">
          <h3>{t.shell.noContacts}</h3>
          <p>{t.shell.noContactsHint}</p>
        </div>
      </Show>
    </Dialog>
  );
}
