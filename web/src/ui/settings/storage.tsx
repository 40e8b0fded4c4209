import { createResource, Show } from "solid-js";
import { formatSize, t } from "../../i18n";
import { keeping } from "../../state/session";

/** What this browser keeps of all this. */
export function Storage() {
  const [estimate] = createResource<StorageEstimate>(async () => (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {}, {
    initialValue: {},
  });
  const why = () => {
    const now = keeping();
    return now.state === "memory" ? now.why : undefined;
  };
  return (
    <div class="stack">
      <Show when={why()} fallback={<p>{t.shell.storageKept}</p>}>
        {(reason) => <p class="note">{t.shell.keptInMemory[reason()]}</p>}
      </Show>
      <Show when={estimate()?.usage !== undefined} fallback={<p class="muted">{t.shell.storageUnknown}</p>}>
        <section>
          <h3 class="label">{t.shell.storageUsed}</h3>
          <p class="storage-size">{formatSize(estimate()?.usage ?? 0)}</p>
          <Show when={estimate()?.quota}>
            {(quota) => <p class="muted">{t.shell.storageRoom(formatSize(quota()))}</p>}
          </Show>
        </section>
      </Show>
    </div>
  );
}
