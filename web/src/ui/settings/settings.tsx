import { createEffect, For, on, Show, Suspense, type Component } from "solid-js";
import { t } from "../../i18n";
import { nameOf } from "../../state/people";
import { back, isPlainClick, openSettings, route, routePath, SETTINGS_PAGES, type SettingsPage } from "../../state/route";
import { account, config, logOut } from "../../state/session";
import { failed } from "../../state/toasts";
import { Avatar, Button, confirmed, Icon, IconButton, type IconName } from "../base";
import { lazy } from "../base/lazy";
import { Appearance } from "./appearance";
import { Blocked } from "./blocked";
import { Notifications } from "./notifications";
import { Password } from "./password";
import { Profile } from "./profile";
import { Sessions } from "./sessions";
import { Storage } from "./storage";
import "../../styles/settings.css";
import "../../styles/people.css";

const Shortcuts = lazy(() => import("./shortcuts"));

const PAGES: Readonly<Record<SettingsPage, { icon: IconName; view: Component }>> = {
  profile: { icon: "user", view: Profile },
  appearance: { icon: "palette", view: Appearance },
  notifications: { icon: "bell", view: Notifications },
  sessions: { icon: "device", view: Sessions },
  password: { icon: "lock", view: Password },
  blocked: { icon: "block", view: Blocked },
  shortcuts: { icon: "keyboard", view: Shortcuts },
  storage: { icon: "storage", view: Storage },
};

/** The pages of the settings, and the one that is open: side by side where there is room. */
export default function SettingsView() {
  const page = () => route().page ?? "profile";
  let heading: HTMLHeadingElement | undefined;
  // Another page: a screen reader hears which.
  createEffect(on(() => route().page, () => heading?.focus({ preventScroll: true }), { defer: true }));
  return (
    <div class="settings" data-page={route().page ?? "none"}>
      <nav class="settings-nav" aria-label={t.shell.settings}>
        <header class="bar settings-bar">
          <IconButton icon="back" label={t.shell.back} onClick={back} />
          <h2>{t.shell.settings}</h2>
        </header>
        <Own />
        <ul class="settings-pages">
          <For each={SETTINGS_PAGES}>{(name) => <PageLink page={name} open={route().page === name} />}</For>
        </ul>
        <footer class="settings-foot">
          <Button icon="logout" class="dangerous" onClick={leave}>
            {t.shell.logOut}
          </Button>
          <p class="muted small">{t.shell.serverVersion(config()?.version ?? "")}</p>
        </footer>
      </nav>
      <section class="settings-page" aria-labelledby="settings-title">
        <header class="bar settings-bar">
          <IconButton class="settings-back" icon="back" label={t.shell.back} onClick={back} />
          <h2 ref={heading} id="settings-title" tabIndex={-1}>
            {t.shell.settingsPages[page()]}
          </h2>
        </header>
        <div class="settings-body">
          <Suspense>
            <Show when={page()} keyed>
              {(name) => {
                const View = PAGES[name].view;
                return <View />;
              }}
            </Show>
          </Suspense>
        </div>
      </section>
    </div>
  );
}

function Own() {
  return (
    <Show when={account()}>
      {(me) => (
        <div class="settings-own">
          <Avatar size="l" name={me().name} ownerId={me().id} photo={me().photo} />
          <p class="settings-own-name" dir="auto">{nameOf(me().id)}</p>
          <p class="muted" dir="ltr">@{me().username}</p>
        </div>
      )}
    </Show>
  );
}

function PageLink(props: { page: SettingsPage; open: boolean }) {
  return (
    <li>
      <a
        class="settings-link"
        href={routePath({ view: "settings", page: props.page })}
        aria-current={props.open ? "page" : undefined}
        onClick={(event) => {
          if (!isPlainClick(event)) return;
          event.preventDefault();
          openSettings(props.page);
        }}
      >
        <Icon name={PAGES[props.page].icon} />
        <span>{t.shell.settingsPages[props.page]}</span>
        <Icon name="next" small class="settings-next" />
      </a>
    </li>
  );
}

async function leave(): Promise<void> {
  const question = {
    title: t.shell.logOutTitle,
    text: t.shell.logOutText,
    action: t.shell.logOut,
    danger: true,
  };
  if (await confirmed(question)) await logOut().catch(failed);
}
