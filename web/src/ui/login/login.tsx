import { createSignal, onCleanup, Show } from "solid-js";
import { createStore } from "solid-js/store";
import { Refused } from "../../bridge/bridge";
import { t } from "../../i18n";
import { refusalText, refusedField } from "../../i18n/refusal";
import { config, connection, endedElsewhere, limit, logIn, register } from "../../state/session";
import { focusRoute } from "../app/focus";
import { Button, Field, written } from "../base";
import { Mark } from "../base/mark";
import { ConnectionStatus } from "../list/connection";
import { checkLogin, checkRegistration, type Entered, type Field as FieldName, type Wrong } from "./checks";

/** The code of a link that somebody was invited by: `/#invitation=CODE`, which no server is told. */
function invitationOf(hash: string): string {
  return /^#invitation=([\w-]+)$/.exec(hash)?.[1] ?? "";
}

/** Who nobody is logged in as sees this: in, or for the first time. */
export function Login() {
  const invitation = invitationOf(location.hash);
  const [fresh, setFresh] = createSignal(invitation !== "");
  const [entered, setEntered] = createStore<Entered>({ username: "", name: "", password: "", invitation });
  const [wrong, setWrong] = createSignal<Wrong>({});
  const [refused, setRefused] = createSignal<string>();
  const [busy, setBusy] = createSignal(false);
  let form: HTMLFormElement | undefined;

  // What had the focus is gone with the form, and the code is not for whoever is logged in.
  onCleanup(() => {
    if (invitation) history.replaceState(history.state, "", location.pathname);
    focusRoute();
  });

  const closed = () => config()?.registration === "closed";
  const invited = () => config()?.registration === "invitation";
  const focusWrong = () => form?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    setRefused(undefined);
    setWrong(fresh() ? checkRegistration(entered, invited()) : checkLogin(entered));
    if (Object.keys(wrong()).length > 0) {
      focusWrong();
      return;
    }
    setBusy(true);
    try {
      await (fresh() ? createAccount() : logIn({ username: entered.username, password: entered.password }));
    } catch (error) {
      setBusy(false);
      tell(error);
    }
  }

  function createAccount() {
    const { username, password, name, invitation } = entered;
    const invite = invited() ? { invitation: invitation.trim() } : {};
    return register({ username, password, name: written(name), ...invite });
  }

  /** At the field that it is about, if it is about one. */
  function tell(error: unknown) {
    const field = fieldOf(error);
    if (field !== undefined) setWrong({ [field]: refusalText(error) });
    else setRefused(refusalText(error));
    focusWrong();
  }

  function turn() {
    setFresh(!fresh());
    setWrong({});
    setRefused(undefined);
    form?.querySelector("input")?.focus();
  }

  const field = (name: FieldName) => ({
    name,
    value: entered[name],
    error: wrong()[name],
    onInput: (event: InputEvent & { currentTarget: HTMLInputElement }) => {
      setEntered(name, event.currentTarget.value);
      if (wrong()[name] !== undefined) setWrong(({ [name]: _, ...others }) => others);
    },
  });

  return (
    <main class="login">
      <div class="login-box">
        <header class="login-head">
          <Mark />
          <h1>{t.shell.appName}</h1>
          <p class="muted">{t.shell.tagline}</p>
        </header>
        {/* Nobody is logged in: there is nothing yet that could be connected. */}
        <Show when={connection().state === "offline"}>
          <ConnectionStatus />
        </Show>
        <Show when={endedElsewhere()}>
          <p class="note" role="status">
            {t.shell.endedElsewhere}
          </p>
        </Show>
        <form ref={form} class="login-form" onSubmit={submit} noValidate>
          <Field
            {...field("username")}
            label={t.shell.username}
            hint={fresh() ? t.shell.usernameHint(limit("username_chars_min"), limit("username_chars_max")) : undefined}
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            dir="ltr"
            maxLength={limit("username_chars_max")}
            required
          />
          <Show when={fresh()}>
            <Field
              {...field("name")}
              label={t.shell.name}
              hint={t.shell.nameHint}
              autocomplete="name"
              maxLength={limit("name_chars_max")}
              required
            />
          </Show>
          <Field
            {...field("password")}
            type="password"
            label={t.shell.password}
            hint={fresh() ? t.shell.passwordHint(limit("password_chars_min")) : undefined}
            autocomplete={fresh() ? "new-password" : "current-password"}
            dir="ltr"
            maxLength={limit("password_chars_max")}
            required
          />
          <Show when={fresh() && invited()}>
            <Field
              {...field("invitation")}
              label={t.shell.invitation}
              hint={t.shell.invitationHint}
              autocomplete="off"
              spellcheck={false}
              dir="ltr"
              required
            />
          </Show>
          <Show when={refused()}>
            <p class="note danger" role="alert">
              {refused()}
            </p>
          </Show>
          <Button kind="primary" type="submit" class="wide" busy={busy()}>
            {fresh() ? t.shell.createAccount : t.shell.logIn}
          </Button>
        </form>
        <footer class="login-foot">
          <Show when={!closed() || fresh()} fallback={<p class="muted">{t.shell.registrationClosed}</p>}>
            <span class="muted">{fresh() ? t.shell.haveAccount : t.shell.noAccount}</span>
            <Button kind="quiet" onClick={turn}>
              {fresh() ? t.shell.logIn : t.shell.createAccount}
            </Button>
          </Show>
        </footer>
      </div>
    </main>
  );
}

const BY_CODE: Readonly<Record<string, FieldName>> = {
  username_taken: "username",
  username_reserved: "username",
  password_common: "password",
  invitation_invalid: "invitation",
};

function fieldOf(error: unknown): FieldName | undefined {
  if (!(error instanceof Refused)) return undefined;
  const field = refusedField(error);
  const known = (["username", "name", "password", "invitation"] as const).find((name) => name === field);
  return known ?? BY_CODE[error.code];
}
