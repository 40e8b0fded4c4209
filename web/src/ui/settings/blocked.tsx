import { For, Show } from "solid-js";
import { compareNames, t } from "../../i18n";
import { blocked, nameOf } from "../../state/people";
import { openOverlay } from "../../state/route";
import { Button } from "../base";
import { PersonLine } from "../people/item";
import { setBlocked } from "../people/person";

/** Whom one blocks. */
export function Blocked() {
  const all = () => [...blocked()].sort((a, b) => compareNames(nameOf(a), nameOf(b)));
  return (
    <div class="stack">
      <p class="muted">{t.shell.blockedHint}</p>
      <Show when={all().length > 0} fallback={<p>{t.shell.nobodyBlocked}</p>}>
        <ul class="people" aria-label={t.shell.settingsPages.blocked}>
          <For each={all()}>
            {(userId) => (
              <li class="person-line">
                <button type="button" class="person" onClick={() => openOverlay({ kind: "person", userId })}>
                  <PersonLine userId={userId} />
                </button>
                <Button kind="quiet" aria-label={`${t.shell.unblock}: ${nameOf(userId)}`} onClick={() => setBlocked(userId, false)}>
                  {t.shell.unblock}
                </Button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </div>
  );
}
