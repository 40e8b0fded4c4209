import { createResource, For, Show } from "solid-js";
import type { Session } from "../../contract";
import { formatAgo, formatDate, t } from "../../i18n";
import { refusalText } from "../../i18n/refusal";
import { ask, call } from "../../state/bridge";
import { minute } from "../../state/clock";
import { failed, later, told } from "../../state/toasts";
import { Button, confirmed, Icon, Spinner } from "../base";

/** Where one is logged in. */
export function Sessions() {
  const [sessions, { mutate, refetch }] = createResource<Session[] | undefined>(() => ask("sessions", {}), {
    initialValue: undefined,
  });
  const all = () => (sessions.error === undefined ? (sessions.latest ?? []) : []);
  const current = () => all().find((session) => session.current);
  const others = () => all().filter((session) => !session.current);

  function end(session: Session) {
    mutate((now) => now?.filter((one) => one.id !== session.id));
    const act = () => call("auth.end_session", { session_id: session.id });
    later(t.shell.sessionEnds(deviceName(session)), act, () => void refetch());
  }

  async function endOthers() {
    const question = {
      title: t.shell.endOthersTitle,
      text: t.shell.endOthersText,
      action: t.shell.endOthers,
      danger: true,
    };
    if (!(await confirmed(question))) return;
    try {
      const { ended } = await call("auth.end_other_sessions", {});
      told(t.shell.othersEnded(ended));
    } catch (error) {
      failed(error);
    }
    void refetch();
  }

  return (
    <div class="stack">
      <Show when={sessions.error !== undefined}>
        <p class="note danger">{refusalText(sessions.error)}</p>
      </Show>
      <Show when={sessions.loading && all().length === 0}>
        <Spinner label={t.shell.loading} />
      </Show>
      <Show when={current()}>
        {(session) => (
          <section>
            <h3 class="label">{t.shell.thisDevice}</h3>
            <SessionLine session={session()} />
          </section>
        )}
      </Show>
      <Show when={current()}>
        <section>
          <h3 class="label">{t.shell.otherDevices}</h3>
          <Show when={others().length > 0} fallback={<p class="muted">{t.shell.noOtherDevices}</p>}>
            <ul aria-label={t.shell.otherDevices}>
              <For each={others()}>
                {(session) => (
                  <li>
                    <SessionLine session={session} onEnd={() => end(session)} />
                  </li>
                )}
              </For>
            </ul>
            <div class="row-of-buttons apart">
              <Button icon="logout" class="dangerous" onClick={endOthers}>
                {t.shell.endOthers}
              </Button>
            </div>
          </Show>
        </section>
      </Show>
    </div>
  );
}

function deviceName(session: Session): string {
  return session.device || t.shell.unnamedDevice;
}

function SessionLine(props: { session: Session; onEnd?: () => void }) {
  const times = () => {
    const { active_ms, created_ms } = props.session;
    return `${t.shell.activeAgo(formatAgo(active_ms, minute()))} · ${t.shell.since(formatDate(created_ms))}`;
  };
  return (
    <div class="session">
      <Icon name="device" />
      <p class="session-name" dir="auto">{deviceName(props.session)}</p>
      <p class="session-times muted small">{times()}</p>
      <Show when={props.onEnd}>
        {(onEnd) => (
          <Button
            kind="quiet"
            aria-label={`${t.shell.endSession}: ${deviceName(props.session)}`}
            onClick={() => onEnd()()}
          >
            {t.shell.endSession}
          </Button>
        )}
      </Show>
    </div>
  );
}
